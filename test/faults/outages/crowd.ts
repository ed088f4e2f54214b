import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a receiver behaves: answers 200, or one of the ways in which receivers go wrong. */
export type Manner =
  | 'well'
  | 'hang'
  | 'reset'
  | 'error'
  | 'gone'
  | 'redirect_to_metadata'
  | 'redirect_to_trap'
  | 'trickle'
  | 'endless';

export type Crowd = AsyncDisposable & {
  urlOf(receiver: number): string;
  /** From now on receivers behave like this; those that are not named, well. */
  behave(manners: ReadonlyMap<number, Manner>): void;
  /** When an event first reached a receiver, by `receiver event`, as milliseconds of the wall clock. */
  arrivals: ReadonlyMap<string, number>;
  /** How many requests reached the place that redirects point at. */
  trapped(): number;
};

const METADATA = 'http://169.254.169.254/latest/meta-data/';
const CHUNK = 'x'.repeat(16_384);

/** Many webhook receivers in one process, each with a manner of its own. */
export async function gatherCrowd(): Promise<Crowd> {
  const arrivals = new Map<string, number>();
  const timers = new Set<NodeJS.Timeout>();
  let manners: ReadonlyMap<number, Manner> = new Map();
  let trapped = 0;

  const trap = createServer((_request, response) => {
    trapped += 1;
    response.end('a secret');
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/latest/meta-data/`;

  const crowd = createServer((request, response) => {
    request.on('error', () => {});
    response.on('error', () => {});
    request.resume().on('end', () => {
      const receiver = Number(/^\/(\d+)/.exec(request.url ?? '')?.[1]);
      const event = `${receiver} ${String(request.headers['webhook-id'])}`;
      if (!arrivals.has(event)) arrivals.set(event, Date.now());
      answer(response, manners.get(receiver) ?? 'well');
    });
  });
  await new Promise<void>((resolve) => crowd.listen(0, '127.0.0.1', resolve));
  const { port } = crowd.address() as AddressInfo;

  function answer(response: ServerResponse, manner: Manner): void {
    switch (manner) {
      case 'well':
        response.end('ok');
        return;
      case 'hang':
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case 'error':
        response.writeHead(500).end('something went wrong');
        return;
      case 'gone':
        response.writeHead(410).end();
        return;
      case 'redirect_to_metadata':
        response.writeHead(302, { location: METADATA }).end();
        return;
      case 'redirect_to_trap':
        response.writeHead(307, { location: trapUrl }).end();
        return;
      case 'trickle': {
        const timer = setInterval(() => response.write('.'), 1_000);
        timers.add(timer);
        response.writeHead(200, { 'content-length': 1_000_000 }).on('close', () => clearInterval(timer));
        return;
      }
      case 'endless':
        pour(response.writeHead(200));
    }
  }

  return {
    urlOf: (receiver) => `http://127.0.0.1:${port}/${receiver}`,
    behave: (next) => {
      manners = next;
    },
    arrivals,
    trapped: () => trapped,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearInterval(timer);
      for (const server of [crowd, trap]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

/** Writes as fast as the other side reads, until it hangs up. */
function pour(response: ServerResponse): void {
  if (response.destroyed) return;
  if (response.write(CHUNK)) setImmediate(() => pour(response));
  else response.once('drain', () => pour(response));
}
