import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '../../src/persistence/database.ts';
import { freePort } from '../../src/platform/port.ts';
import { type Reply, startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const post = (body: unknown, headers: Record<string, string> = {}) =>
  api.send('post', '/v1/customers', { key, body, headers });
const refusal = (reply: Reply) => [reply.status, reply.body['code']];
const customers = async () => (await api.send('get', '/v1/customers?limit=100', { key })).body['data'];

describe('a body that cannot be read is refused, and nothing is stored', () => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
  const cases: [string, string | Uint8Array, number, string][] = [
    ['broken JSON', '{"name": "Ada"', 400, 'malformed_request'],
    ['nothing but a comma', ',', 400, 'malformed_request'],
    ['NaN', '{"name": NaN}', 400, 'malformed_request'],
    ['a number beyond all numbers', '{"name": 1e400}', 422, 'validation_failed'],
    ['ten thousand levels', deep, 400, 'malformed_request'],
    ['ten thousand levels in a field', `{"name":"Ada","metadata":${deep}}`, 400, 'malformed_request'],
    ['__proto__', '{"name":"Ada","__proto__":{"isAdmin":true}}', 400, 'malformed_request'],
    [
      '__proto__ in escapes, deeper',
      '{"name":"Ada","metadata":{"\\u005f_proto__":"x"}}',
      400,
      'malformed_request',
    ],
    ['a name that stands twice', '{"name":"Ada","name":"Bob"}', 400, 'malformed_request'],
    ['half a surrogate pair', '{"name":"\\ud800"}', 400, 'malformed_request'],
    ['NUL', '{"name":"a\\u0000b"}', 400, 'malformed_request'],
    ['NUL in a key', '{"name":"Ada","metadata":{"a\\u0000":"b"}}', 400, 'malformed_request'],
    [
      'bytes that are not UTF-8',
      new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      400,
      'malformed_request',
    ],
    ['a byte order mark', '\ufeff{"name":"Ada"}', 400, 'malformed_request'],
    ['a list', '[]', 422, 'validation_failed'],
    ['null', 'null', 422, 'validation_failed'],
    ['ten megabytes', JSON.stringify({ name: 'x'.repeat(10_000_000) }), 413, 'body_too_large'],
  ];
  test.each(cases)('%s', async (_name, body, status, code) => {
    expect(refusal(await post(body))).toEqual([status, code]);
    expect(await customers()).toEqual([]);
  });

  test('another media type, another charset, a compressed body', async () => {
    expect(refusal(await post('name=Ada', { 'content-type': 'application/x-www-form-urlencoded' }))).toEqual([
      415,
      'unsupported_media_type',
    ]);
    expect(
      refusal(await post('{"name":"Ada"}', { 'content-type': 'application/json; charset=utf-16' })),
    ).toEqual([415, 'unsupported_media_type']);
    expect(refusal(await post('{"name":"Ada"}', { 'content-encoding': 'gzip' }))).toEqual([
      415,
      'unsupported_media_type',
    ]);
  });

  test('text that ends before it was said to end', async () => {
    const status = await new Promise<string>((resolve) => {
      const { port } = new URL(api.url);
      const socket = request({
        port,
        method: 'POST',
        path: '/v1/customers',
        headers: {
          authorization: `Bearer ${key}`,
          'content-length': 100,
          'content-type': 'application/json',
        },
      });
      socket.on('error', () => resolve('closed'));
      socket.on('response', (response) => resolve(String(response.statusCode)));
      socket.write('{"name":"Ada"}');
      setTimeout(() => socket.destroy(), 100);
    });
    expect(status).toBe('closed');
    expect(await customers()).toEqual([]);
  });
});

describe('a field that cannot be used is named with its remedy', () => {
  const cases: [string, unknown, { path: string; code: string }[]][] = [
    ['an unknown field', { name: 'Ada', nmae: 'x' }, [{ path: 'nmae', code: 'unknown_field' }]],
    [
      'all at once',
      { email: 'x', currency: 'usd', time_zone: '+01:00' },
      [
        { path: 'name', code: 'required' },
        { path: 'email', code: 'format_invalid' },
        { path: 'time_zone', code: 'time_zone_unknown' },
        { path: 'currency', code: 'currency_unknown' },
      ],
    ],
    [
      'a currency nobody has',
      { name: 'Ada', currency: 'XXX' },
      [{ path: 'currency', code: 'currency_unknown' }],
    ],
    ['a number where a string belongs', { name: 7 }, [{ path: 'name', code: 'type_invalid' }]],
    [
      'too many keys',
      { name: 'Ada', metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, 'v'])) },
      [{ path: 'metadata', code: 'too_many_keys' }],
    ],
    [
      'a long key',
      { name: 'Ada', metadata: { ['k'.repeat(41)]: 'v' } },
      [{ path: `metadata.${'k'.repeat(41)}`, code: 'key_invalid' }],
    ],
    [
      'a long value',
      { name: 'Ada', metadata: { k: 'v'.repeat(501) } },
      [{ path: 'metadata.k', code: 'too_big' }],
    ],
    [
      'a clock that does not exist',
      { name: 'Ada', test_clock: 'clk_01kaj3n6xve9ytv0w4s5h7m2pq' },
      [{ path: 'test_clock', code: 'not_found' }],
    ],
  ];
  test.each(cases)('%s', async (_name, body, errors) => {
    const reply = await post(body);
    expect([reply.status, reply.body['code']]).toEqual([422, 'validation_failed']);
    const named = reply.body['errors'] as { path: string; code: string; message: string }[];
    expect(named.map(({ path, code }) => ({ path, code }))).toEqual(errors);
    for (const { message } of named) expect(message).toMatch(/\S.*\.$/);
    expect(await customers()).toEqual([]);
  });
});

test('of very many fields that cannot be used the first hundred are named and the others counted', async () => {
  const body = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`colour_${n}`, n]));
  const reply = await api.send('post', '/v1/customers', { key, body: { name: 'Ada', ...body } });
  expect(reply).toMatchObject({ status: 422, body: { detail: expect.stringMatching(/\(and 2999 more\)$/) } });
  expect(reply.body['errors']).toHaveLength(100);
});

describe('paths, methods and queries', () => {
  test('an unknown path and a foreign method', async () => {
    expect(refusal(await api.send('get', '/v1/nothing', { key }))).toEqual([404, 'not_found']);
    const wrong = await api.send('put', '/v1/customers', { key, body: {} });
    expect([...refusal(wrong), wrong.headers.get('allow')]).toEqual([405, 'method_not_allowed', 'POST, GET']);
  });

  test.each([
    '/v1/customers/%00',
    '/v1/customers/external:%00',
    '/v1/customers?email=%00',
    '/v1/customers/%ff',
    '/v1/customers/%',
  ])('%s', async (path) => {
    expect(refusal(await api.send('get', path, { key }))).toEqual([400, 'malformed_request']);
  });

  test.each([
    '/v1/customers/cus_nonsense',
    '/v1/customers/external:nobody',
    `/v1/customers/${'x'.repeat(300)}`,
    '/v1/api_keys/key_1',
    '/v1/prices/1',
    '/v1/invoices/inv_1',
    '/v1/payments/x',
  ])('%s is not found', async (path) => {
    expect(refusal(await api.send('get', path, { key }))).toEqual([404, 'not_found']);
  });

  test.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'limit=1.5',
    'cursor=nonsense',
    'created_at[gte]=yesterday',
    'status=open',
    'limit=1&limit=2',
  ])('?%s', async (query) => {
    expect(refusal(await api.send('get', `/v1/customers?${query}`, { key }))).toEqual([
      422,
      'validation_failed',
    ]);
  });

  test('an Idempotency-Key that is none', async () => {
    expect(refusal(await post({ name: 'Ada' }, { 'idempotency-key': 'x'.repeat(256) }))).toEqual([
      400,
      'malformed_request',
    ]);
    expect(refusal(await post({ name: 'Ada' }, { 'idempotency-key': 'é' }))).toEqual([
      400,
      'malformed_request',
    ]);
  });
});

describe('every answer', () => {
  test('carries the request id, given or made, and says nothing about what runs here', async () => {
    const given = await api.send('get', '/v1/nothing', { headers: { 'x-request-id': 'my-id.7' } });
    expect([given.headers.get('x-request-id'), given.body['instance']]).toEqual(['my-id.7', 'my-id.7']);
    const bad = await api.send('get', '/v1/ping', { headers: { 'x-request-id': 'a b' } });
    expect(bad.headers.get('x-request-id')).toMatch(/^req_/);
    expect(bad.headers.get('x-powered-by')).toBeNull();
    expect(bad.headers.get('access-control-allow-origin')).toBeNull();
    expect(bad.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('of a problem has the whole form of RFC 9457', async () => {
    const { body, headers } = await api.send('get', '/v1/ping');
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(body).toEqual({
      type: 'http://api.example/docs/errors#unauthorized',
      title: expect.any(String),
      status: 401,
      detail: expect.any(String),
      instance: expect.stringMatching(/^req_/),
      code: 'unauthorized',
    });
  });

  test('is a 503 that says when to come again while the database is away', async () => {
    const dead = await freePort();
    await using database = await connect({
      url: `postgres://nobody:x@127.0.0.1:${dead}/none`,
      poolSize: 1,
      applicationName: 'test',
    });
    await using away = await startTestApi({ overrides: { database } });
    const reply = await away.send('get', '/v1/ping', { key });
    expect([...refusal(reply), reply.headers.get('retry-after')]).toEqual([503, 'engine_busy', '2']);
    expect((await away.send('get', '/health/ready')).status).toBe(503);
    expect((await away.send('get', '/health/live')).status).toBe(200);
  });
});

describe('too many requests', () => {
  test('are counted per key and told when to come again', async () => {
    await using strict = await startTestApi({ overrides: { rateLimitPerMinute: 4 } });
    const { key: one } = await strict.tenant();
    const replies = [];
    for (let n = 0; n < 5; n += 1) replies.push(await strict.send('get', '/v1/ping', { key: one }));
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 429]);
    const last = replies.at(-1);
    expect([
      last?.body['code'],
      Number(last?.headers.get('retry-after')) > 0,
      last?.headers.get('ratelimit'),
    ]).toEqual(['rate_limited', true, expect.stringContaining('r=0')]);
  });
});
