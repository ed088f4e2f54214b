import { createServer, type Server, type ServerResponse } from 'node:http';
import { clock } from '../../platform/clock.ts';
import { Book, type Charge } from './book.ts';
import { callbackSender } from './callbacks.ts';
import { endPending } from './charges.ts';
import { answer, type Reply, type Room } from './routes.ts';
import type { Fault } from './tokens.ts';

export type SandboxGatewayOptions = {
  /** Folder of the gateway's own log. One running server per folder. */
  dataDir: string;
  /** 0 takes any free port. */
  port: number;
  host?: string;
  /** Where customers reach the action page; default: the address it listens on. */
  publicUrl?: string;
  /** How long a pending charge on the real clock stays pending. */
  settleAfterMs?: number;
  /** The waits before each attempt to deliver a callback; their number is the number of attempts. */
  callbackDelaysMs?: readonly number[];
  callbackTimeoutMs?: number;
  /** Told what went wrong inside, a log that cannot be written for instance. */
  onError?: (error: unknown) => void;
};

export type SandboxGateway = AsyncDisposable & { readonly url: string };

const CALLBACK_DELAYS_MS = [0, 500, 2_000, 5_000, 15_000, 60_000];
/** The shortest wait for a pending charge, so that one whose end cannot be recorded does not spin. */
const RETRY_MS = 20;
/** setTimeout takes no more than this. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Starts the sandbox gateway; rejects with Node's `EADDRINUSE` when the port is taken. It goes on where its log ends. */
export async function startSandboxGateway(options: SandboxGatewayOptions): Promise<SandboxGateway> {
  const host = options.host ?? '127.0.0.1';
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 30_000 });
  const port = await listen(server, host, options.port);
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

  const onError = options.onError ?? (() => {});

  // The log is opened only by the one that got the port, and before the first request is taken.
  const book = openBook(server, options.dataDir);
  const callbacks = callbackSender(book, {
    delaysMs: options.callbackDelaysMs ?? CALLBACK_DELAYS_MS,
    timeoutMs: options.callbackTimeoutMs ?? 5_000,
    onError,
  });
  const timers = new Set<NodeJS.Timeout>();
  const room: Room = {
    book,
    callbacks,
    publicUrl: options.publicUrl ?? url,
    settleAfterMs: options.settleAfterMs ?? 2_000,
    schedule,
  };

  function schedule(charge: Charge): void {
    if (charge.clock !== 'real' || charge.status !== 'pending' || charge.dueAt === null) return;
    const waitMs = Math.min(
      Math.max(Date.parse(charge.dueAt) - clock.now().getTime(), RETRY_MS),
      TIMER_MS_MAX,
    );
    const timer = setTimeout(() => {
      timers.delete(timer);
      end(charge.ref);
    }, waitMs);
    timers.add(timer);
  }

  function end(ref: string): void {
    const charge = book.charges.get(ref);
    if (charge === undefined) return;
    try {
      const now = clock.now();
      const ended = endPending(book, charge, { asOf: now, now });
      schedule(ended.charge);
      if (ended.announce !== null) callbacks.announce(ended.charge, ended.announce).catch(onError);
    } catch (error) {
      onError(error);
      schedule(charge);
    }
  }

  server.on('request', (request, response) => {
    answer(room, request).then(
      (reply) => send(response, reply),
      (error: unknown) => {
        onError(error);
        send(response, { kind: 'fault', fault: 'server_error' });
      },
    );
  });
  for (const charge of book.charges.values()) schedule(charge);
  callbacks.resume();

  return {
    url,
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      await callbacks[Symbol.asyncDispose]();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      book.close();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function openBook(server: Server, dataDir: string): Book {
  try {
    return new Book(dataDir);
  } catch (error) {
    server.close();
    throw error;
  }
}

function send(response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  if (reply.kind === 'fault') {
    goWrong(response, reply.fault);
  } else if (reply.kind === 'see_other') {
    response.writeHead(303, { location: reply.location }).end();
  } else if (reply.kind === 'html') {
    const policy = "default-src 'none'; form-action 'self'";
    response
      .writeHead(reply.status, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy,
      })
      .end(reply.html);
  } else {
    // A refused body may be half unread; the connection is not used again.
    const headers = reply.status === 413 ? { connection: 'close' } : {};
    response
      .writeHead(reply.status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(reply.body));
  }
}

function goWrong(response: ServerResponse, fault: Fault): void {
  switch (fault) {
    case 'hang':
      return;
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end('\u0000{"ref": <html>');
      return;
    case 'server_error':
      response.writeHead(500, { 'content-type': 'application/json' });
      response.end(
        '{"error":{"code":"internal_error","message":"Something went wrong here; it is not known how far it got."}}',
      );
      return;
    case 'rate_limit':
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '1' });
      response.end('{"error":{"code":"rate_limited","message":"Too many requests; try again later."}}');
  }
}
