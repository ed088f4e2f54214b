import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Gateway } from '../../src/gateways/port.ts';
import { gateways } from '../../src/gateways/registry.ts';
import { SECRET, serve, stage, T0 } from './stage.ts';

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Whoever answers is waited for as long as it takes; only a gateway that hangs is given up soon. */
function adapterAt(sandboxUrl: string, timeoutMs = 60_000): Gateway {
  const registry = gateways({ sandboxUrl, timeoutMs });
  cleanups.push(async () => await registry[Symbol.asyncDispose]());
  return registry.get('sandbox');
}

/** A gateway that answers every request with these bytes and, unless told to hang, closes. */
async function rawGateway(bytes: string, end: 'close' | 'hang' | 'reset' = 'close'): Promise<Gateway> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      if (end === 'reset') return socket.resetAndDestroy();
      socket.write(bytes);
      if (end === 'close') socket.end();
    });
    cleanups.push(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(() => resolve())));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return adapterAt(`http://127.0.0.1:${port}`, end === 'hang' ? 250 : undefined);
}

const http = (status: string, body: string, headers = '') =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const charge = (changes: object) =>
  JSON.stringify({
    object: 'charge',
    ref: 'ch_1',
    idempotency_key: 'att_1',
    amount: '19.90',
    currency: 'USD',
    status: 'settled',
    decline: null,
    action_url: null,
    ...changes,
  });

async function request() {
  await using s = await stage();
  return s.request('pmt_1', { attemptId: 'att_1', idempotencyKey: 'att_1', callbackSecret: SECRET });
}

describe('an answer that cannot be understood is unknown', () => {
  test.each([
    ['nothing at all', '', 'close'],
    ['a connection reset', '', 'reset'],
    ['silence', '', 'hang'],
    ['half a header', 'HTTP/1.1 200 OK\r\ncontent-', 'hang'],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'close'],
    ['half a body', http('200 OK', charge({})).slice(0, -20), 'close'],
    ['a body that stalls', http('200 OK', charge({})).slice(0, -20), 'hang'],
    ['half a chunked body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"ref\r\n', 'close'],
    ['JSON cut short by the end of the connection', 'HTTP/1.1 200 OK\r\n\r\n{"ref":"ch_1","stat', 'close'],
    ['a body over 64 KB', http('200 OK', charge({ padding: 'x'.repeat(70_000) })), 'close'],
    ['a 500', http('500 Oops', charge({})), 'close'],
    ['a 503', http('503 Away', '{}'), 'close'],
    ['a 429', http('429 Slow down', '{}', 'retry-after: 1\r\n'), 'close'],
    ['a redirect', http('302 Found', '', 'location: http://127.0.0.1:1/\r\n'), 'close'],
    ['a 409', http('409 Conflict', '{"error":{"code":"busy","message":"Busy."}}'), 'close'],
    ['an HTML page', http('200 OK', '<html></html>'), 'close'],
    ['an empty object', http('200 OK', '{}'), 'close'],
    ['null', http('200 OK', 'null'), 'close'],
    ['a charge with a status nobody knows', http('200 OK', charge({ status: 'toString' })), 'close'],
    ['a decline without its reason', http('200 OK', charge({ status: 'declined' })), 'close'],
    ['a required action without its page', http('200 OK', charge({ status: 'requires_action' })), 'close'],
  ] as const)('%s', async (_, bytes, end) => {
    const gateway = await rawGateway(bytes, end);
    expect(await gateway.prepare(await request())).toMatchObject({
      kind: 'unknown',
      reason: expect.any(String),
    });
    const unknown = { kind: 'unknown', ref: 'ch_1', reason: expect.any(String) };
    expect(await gateway.confirm('ch_1', { asOf: T0 })).toMatchObject(unknown);
    expect(await gateway.retrieve('ch_1', { asOf: T0 })).toMatchObject(unknown);
    await expect(gateway.attachMethod('tok_succeeds')).rejects.toMatchObject({ code: 'gateway_unavailable' });
  });

  test.each([
    ['seconds', () => '90', 90_000],
    ['a date', () => new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
    ['a date that has passed', () => new Date(Date.now() - 3_600_000).toUTCString(), null],
    ['words', () => 'soon', null],
  ])('how long to wait is passed on: %s', async (_, header, expectedMs) => {
    const writtenMs = Date.now();
    const gateway = await rawGateway(http('429 Slow down', '{}', `retry-after: ${header()}\r\n`));
    const answers = [
      await gateway.prepare(await request()),
      await gateway.confirm('ch_1', { asOf: T0 }),
      await gateway.retrieve('ch_1', { asOf: T0 }),
    ];
    for (const answer of answers) {
      const asked = answer.kind === 'unknown' ? (answer.retryAfterMs ?? null) : Number.NaN;
      if (expectedMs === null) expect(asked).toBeNull();
      else {
        // A date comes nearer while the test runs, and has no parts of seconds.
        expect(Number(asked)).toBeLessThanOrEqual(expectedMs);
        expect(Number(asked)).toBeGreaterThanOrEqual(expectedMs - (Date.now() - writtenMs) - 1_000);
      }
    }
  });

  test('nobody listens', async () => {
    const gone = await serve(() => {});
    await gone[Symbol.asyncDispose]();
    const gateway = adapterAt(gone.url);
    expect(await gateway.confirm('ch_1', { asOf: T0 })).toEqual({
      kind: 'unknown',
      ref: 'ch_1',
      reason: 'The gateway could not be reached or broke off (ECONNREFUSED).',
    });
    expect((await gateway.prepare(await request())).kind).toBe('unknown');
  });

  test('an answer about another charge', async () => {
    const gateway = await rawGateway(http('200 OK', charge({ ref: 'ch_2', idempotency_key: 'att_2' })));
    expect((await gateway.confirm('ch_1', { asOf: T0 })).kind).toBe('unknown');
    expect((await gateway.retrieve('ch_1', { asOf: T0 })).kind).toBe('unknown');
    expect((await gateway.prepare(await request())).kind).toBe('unknown');
  });

  test('a prepared charge of another amount', async () => {
    const gateway = await rawGateway(http('201 Created', charge({ status: 'prepared', amount: '1990' })));
    expect((await gateway.prepare(await request())).kind).toBe('unknown');
  });

  test('a reference that would leave its place in the path is never sent', async () => {
    const asked: (string | undefined)[] = [];
    const server = await serve((incoming, response) => {
      asked.push(incoming.url);
      response.end(charge({}));
    });
    cleanups.push(() => server[Symbol.asyncDispose]());
    const gateway = adapterAt(server.url);
    for (const ref of ['..', 'ch_1/confirm', 'a?b', '']) {
      expect((await gateway.retrieve(ref, { asOf: T0 })).kind).toBe('unknown');
    }
    expect(asked).toEqual([]);
  });

  test('the control: the same bytes, whole and right, are a settled charge', async () => {
    const gateway = await rawGateway(http('200 OK', charge({})));
    expect(await gateway.confirm('ch_1', { asOf: T0 })).toEqual({ kind: 'settled', ref: 'ch_1' });
  });
});

test('a gateway that is not configured is named in the refusal', () => {
  const none = gateways({ sandboxUrl: null });
  expect(() => none.get('sandbox')).toThrow('No payment gateway named "sandbox" is configured here.');
});
