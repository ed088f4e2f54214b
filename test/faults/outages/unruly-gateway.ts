import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fields } from '../../../src/gateways/sandbox/wire.ts';

/** How one answer of the gateway goes wrong, and whether the gateway did before what it was asked. */
export type Mischief = {
  done: boolean;
  answer: 'silence' | 'reset' | 'half_body' | 'stalled_body' | 'garbage' | 'another_charge' | number;
  /** Seconds, in a header of that name. */
  retryAfter?: number;
};

export type Asked = 'prepare' | 'confirm' | 'retrieve';
/** One request about one charge, when it came (milliseconds of `performance.now()`), and whether it went wrong. */
export type Seen = { asked: Asked; methodRef: string; atMs: number; spoiled: boolean };

export type UnrulyGateway = AsyncDisposable & {
  url: string;
  /** The next answers of this kind about charges of this method go wrong, one after the other in this way. */
  spoil(methodRef: string, asked: Asked, ways: readonly Mischief[]): void;
  seenOf(methodRef: string): Seen[];
};

/** Stands between Perennial and the sandbox gateway and spoils answers, to requests that the gateway saw or did not see. */
export async function startUnrulyGateway(target: string): Promise<UnrulyGateway> {
  const plans = new Map<string, Mischief[]>();
  const methodOf = new Map<string, string>();
  const seen: Seen[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const path = request.url ?? '/';
    const asked = askedBy(request.method ?? '', path);
    const chargeRef = /^\/v1\/charges\/(\w+)/.exec(path)?.[1] ?? '';
    const methodRef = asked === 'prepare' ? methodIn(body) : (methodOf.get(chargeRef) ?? '');
    const mischief = asked ? plans.get(`${methodRef} ${asked}`)?.shift() : undefined;
    if (asked) seen.push({ asked, methodRef, atMs: performance.now(), spoiled: mischief !== undefined });

    const real =
      mischief?.done === false ? null : await forward(target + path, request.method ?? 'GET', body);
    if (asked === 'prepare' && real) methodOf.set(refIn(real.text), methodRef);
    if (mischief) spoil(response, mischief, real?.text ?? '{"ref":"ch_nobody_made","status":"settled"}');
    else if (real) response.writeHead(real.status, { 'content-type': real.type }).end(real.text);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spoil: (methodRef, asked, ways) => plans.set(`${methodRef} ${asked}`, [...ways]),
    seenOf: (methodRef) => seen.filter((one) => one.methodRef === methodRef),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function askedBy(method: string, path: string): Asked | null {
  if (method === 'POST' && path === '/v1/charges') return 'prepare';
  if (method === 'POST' && /^\/v1\/charges\/\w+\/confirm$/.test(path)) return 'confirm';
  return method === 'GET' && /^\/v1\/charges\/\w+(\?|$)/.test(path) ? 'retrieve' : null;
}

function spoil(response: ServerResponse, { answer, retryAfter }: Mischief, text: string): void {
  const headers = { 'content-type': 'application/json' };
  if (typeof answer === 'number') {
    const pause = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
    response.writeHead(answer, { ...headers, ...pause }).end('{"error":{"code":"no","message":"Not now."}}');
    return;
  }
  const half = text.slice(0, text.length / 2);
  switch (answer) {
    case 'silence':
      return;
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'half_body':
      response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(text) });
      response.write(half, () => response.destroy());
      return;
    case 'stalled_body':
      response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(text) }).write(half);
      return;
    case 'garbage':
      response.writeHead(200, headers).end('\u0000{"status":"settled"<html>');
      return;
    case 'another_charge':
      response
        .writeHead(200, headers)
        .end(text.replace(/"ref":"\w+"/, '"ref":"ch_of_somebody_else"').replace('att_', 'att_not_'));
  }
}

async function forward(
  url: string,
  method: string,
  body: string,
): Promise<{ status: number; type: string; text: string }> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body }),
  });
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? 'text/plain',
    text: await response.text(),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function methodIn(body: string): string {
  const { method_ref } = fields(JSON.parse(body));
  return String(method_ref);
}

function refIn(text: string): string {
  const { ref } = fields(JSON.parse(text));
  return String(ref);
}
