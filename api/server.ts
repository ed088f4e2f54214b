import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refuseUnreadable } from './refuse-unreadable.ts';

/** A client has this long for the headers of a request, and for the whole of it; for most bodies `app.ts` is stricter. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 3_600_000;
/** How often Node.js looks for clients whose time is over; its own habit of 30 s would double these times and more. */
const TIMEOUTS_CHECKED_EVERY_MS = 2_000;
/** How long requests that run may go on when the server stops; a command takes at most twenty seconds to answer 503. */
const GRACE_MS = 5_000;

export type Server = AsyncDisposable & { port: number };

/** Listens until it is disposed; then no new request is taken, and running ones may end. */
export async function listen(
  app: RequestListener,
  { host, port }: { host: string; port: number },
): Promise<Server> {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUTS_CHECKED_EVERY_MS,
      keepAliveTimeout: 65_000,
    },
    app,
  );
  server.on('clientError', refuseUnreadable);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}
