import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Decimal } from '../../src/domain/money.ts';
import type { ChargeRequest } from '../../src/gateways/port.ts';
import { gateways } from '../../src/gateways/registry.ts';
import { type SandboxGatewayOptions, startSandboxGateway } from '../../src/gateways/sandbox/server.ts';
import type { WireCharge } from '../../src/gateways/sandbox/wire.ts';
import { newId } from '../../src/platform/ids.ts';

export const SECRET = 'gws_a_callback_secret_of_this_test';
export const T0 = new Date('2027-01-31T09:00:00.000Z');
export const aDayLater = (instant: Date): Date => new Date(instant.getTime() + 24 * 60 * 60 * 1000);

/** Everything the server's answers may carry; a test reads what its own request is answered with. */
type Body = WireCharge & {
  data: WireCharge[];
  has_more: boolean;
  next_cursor: string | null;
  callbacks: { id: string; type: string; state: string; attempts: number }[];
  error: { code: string; message: string };
};

/** A running sandbox gateway with its adapter and a receiver of callbacks, all on loopback, gone when disposed. */
export async function stage(options: Partial<SandboxGatewayOptions> & { timeoutMs?: number } = {}) {
  const { timeoutMs = 30_000, ...serverOptions } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'perennial-gateway-')));
  const settings = { settleAfterMs: 50, callbackDelaysMs: [0, 20, 20, 20], ...serverOptions, dataDir };
  const receiver = await receiveCallbacks();
  let server = await startSandboxGateway({ ...settings, port: 0 });
  let running = true;
  const { port } = new URL(server.url);
  const registry = gateways({ sandboxUrl: server.url, timeoutMs });
  const gateway = registry.get('sandbox');

  return {
    gateway,
    receiver,
    dataDir,
    url: server.url,
    async stop() {
      await server[Symbol.asyncDispose]();
      running = false;
    },
    async start() {
      server = await startSandboxGateway({ ...settings, port: Number(port) });
      running = true;
    },
    async get(path: string) {
      const response = await fetch(`${server.url}${path}`);
      return { status: response.status, body: (await response.json()) as Body };
    },
    async post(path: string, body: object) {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as Body };
    },
    async attach(token: string): Promise<string> {
      const method = await gateway.attachMethod(token);
      if (method.kind !== 'attached') throw new Error(method.message);
      return method.methodRef;
    },
    request(methodRef: string, changes: Partial<ChargeRequest> = {}): ChargeRequest {
      const attemptId = newId('att');
      return {
        attemptId,
        idempotencyKey: attemptId,
        amount: new Decimal('19.9'),
        currency: 'USD',
        methodRef,
        callbackUrl: receiver.url,
        callbackSecret: SECRET,
        asOf: T0,
        clock: 'test',
        description: 'Invoice INV-1',
        ...changes,
      };
    },
    /** Prepares a charge that is expected to be prepared. */
    async prepared(request: ChargeRequest): Promise<string> {
      const prepared = await gateway.prepare(request);
      if (prepared.kind !== 'prepared') throw new Error(prepared.reason);
      return prepared.ref;
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      if (running) await server[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true });
    },
  };
}

export type Received = {
  rawBody: Buffer;
  headers: IncomingHttpHeaders;
  body: { id: string; type: string; data: Record<string, string> };
};

/** An address that takes callbacks: it answers with `statuses` in turn and 204 afterwards. */
export async function receiveCallbacks() {
  const received: Received[] = [];
  const statuses: number[] = [];
  const listener = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const rawBody = Buffer.concat(chunks);
    received.push({ rawBody, headers: request.headers, body: JSON.parse(rawBody.toString()) });
    response.writeHead(statuses.shift() ?? 204).end();
  });
  return {
    url: `${listener.url}/gateways/sandbox/callbacks/tok`,
    received,
    statuses,
    types: () => received.map(({ body }) => body.type),
    [Symbol.asyncDispose]: listener[Symbol.asyncDispose],
  };
}

/** A bare HTTP server on a free port. */
export async function serve(
  listener: RequestListener | ((...args: Parameters<RequestListener>) => Promise<void>),
) {
  const server = createServer((request, response) => void listener(request, response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    server,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Waits for something another process of events brings about; fails by name after a minute. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 10) {
    if (await holds()) return;
    await sleep(10);
  }
  throw new Error(`did not happen within a minute: ${what}`);
}
