import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';

/** What arrives on the socket without ever becoming a request, and what others' junk does to those who behave. */
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ overrides: { rateLimitPerMinute: 3 } });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

/** Sends bytes and answers what came back until the other side closed. */
function exchange(bytes: string): Promise<string> {
  const { hostname, port } = new URL(api.url);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

const BOTH_LENGTHS =
  'POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';

test.each([
  ['two ways to tell its length', `${BOTH_LENGTHS}GET /v1/ping HTTP/1.1\r\nHost: x\r\n\r\n`],
  [
    'two lengths',
    'POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}',
  ],
  ['no HTTP at all', '\x16\x03\x01 hello\r\n\r\n'],
  ['headers without end', `GET /v1/ping HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`],
])('%s: one problem, and the connection ends', async (_name, bytes) => {
  const text = await exchange(bytes);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 400 /);
  expect(head).toContain('application/problem+json');
  expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'malformed_request' });
});

test('half a header keeps its connection for about ten seconds', async () => {
  const text = await exchange('POST /v1/customers HTTP/1.1\r\nHost: x\r\n');
  expect(text).toContain('did not arrive in time');
});

test('keyless junk uses up its own limit, and health goes on answering', async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 5; i += 1) statuses.push((await api.send('get', '/v1/ping')).status);
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
  const limited = await api.send('get', '/v1/ping');
  expect(limited.body['code']).toBe('rate_limited');
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await api.send('get', '/health/live')).status).toBe(200);
  expect((await api.send('get', '/health/ready')).status).toBe(200);
});

test('no answer may be cached', async () => {
  for (const path of ['/v1/ping', '/health/live', '/nowhere'])
    expect((await api.send('get', path)).headers.get('cache-control')).toBe('no-store');
});
