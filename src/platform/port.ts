import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A free port on `host`. The preferred one if it is free; else another one, said aloud. A port that a person asked
 * for (`variable` names where) is never exchanged behind their back: a busy one is an error that says what to do.
 */
export async function choosePort(options: {
  what: string;
  host: string;
  preferred: number;
  variable?: string;
  say: (line: string) => void;
}): Promise<number> {
  const { what, host, preferred, variable, say } = options;
  if (await isFree(host, preferred)) return preferred;
  if (variable) {
    throw new Error(
      `Port ${preferred} is in use, so ${what} cannot start: end what listens there, or set ${variable} to another port.`,
    );
  }
  const port = await freePort(host);
  say(`Port ${preferred} is in use; ${what} takes ${port} instead.`);
  return port;
}

/** Below every system's range for outgoing connections: a port of that range may be taken before it is listened on. */
const [LOWEST, HIGHEST] = [20_000, 32_000];

/** A port that nobody listens on at this moment, and that no outgoing connection will be given. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(host, port)) return port;
  }
  throw new Error(`No free port was found between ${LOWEST} and ${HIGHEST}: end what listens there.`);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else
        reject(
          new Error(
            `Cannot listen on ${host}:${port} (${error.code}): set HOST to an address of this machine.`,
          ),
        );
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Waits until somebody accepts connections there. `gone` tells, by resolving, that nobody ever will. */
export async function waitForPort(
  host: string,
  port: number,
  gone: Promise<string>,
  patienceMs = 120_000,
): Promise<void> {
  let end: string | undefined;
  void gone.then((sentence) => {
    end = sentence;
  });
  const deadlineMs = performance.now() + patienceMs;
  while (!(await accepts(host, port))) {
    if (end !== undefined) throw new Error(end);
    if (performance.now() > deadlineMs)
      throw new Error(`nobody answers on ${host}:${port} after ${patienceMs / 1000} s`);
    await sleep(50);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.setTimeout(1_000, () => answer(false));
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
