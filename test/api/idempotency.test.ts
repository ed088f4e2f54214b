import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { z } from 'zod';
import { route } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/index.ts';
import { query } from '../../src/persistence/rows.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;
let tenantId: string;
let enter: () => void = () => undefined;
let leave: Promise<void> = Promise.resolve();

/** A write that waits inside its transaction for as long as a test wants. */
const slow = route({
  method: 'post',
  path: '/v1/slow',
  operationId: 'slow',
  summary: 'Slow',
  tag: 'Operations',
  auth: 'tenant',
  body: z.strictObject({ n: z.int().optional() }),
  response: { status: 201, description: 'Done.', schema: z.object({ done: z.literal(true) }) },
  kind: 'write',
  async handler() {
    enter();
    await leave;
    return { done: true as const };
  },
});

beforeAll(async () => {
  api = await startTestApi({ routes: [...ROUTES, slow] });
  ({ key, tenantId } = await api.tenant());
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown, idempotencyKey?: string) =>
  api.send('post', path, {
    key,
    body,
    headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
  });
const rows = (statement: ReturnType<typeof sql>) =>
  api.database.asSystem('test', (tx) => query<Record<string, unknown>>(tx, statement));

describe('the same Idempotency-Key', () => {
  test('of another API key shows no secret again', async () => {
    const body = { name: 'everything' };
    const first = await post('/v1/api_keys', body, 'secret');
    expect((await post('/v1/api_keys', body, 'secret')).text).toBe(first.text);
    const lesser = await post('/v1/api_keys', { name: 'lesser', scopes: ['keys:write'] });
    const guess = await api.send('post', '/v1/api_keys', {
      key: String(lesser.body['key']),
      body,
      headers: { 'idempotency-key': 'secret' },
    });
    expect([guess.status, guess.body['code']]).toEqual([422, 'idempotency_key_reused']);
  });

  test('with the same request has one effect and gives the same bytes', async () => {
    const first = await post('/v1/customers', { name: 'Ada', email: 'ada@example.com' }, 'k1');
    const second = await post('/v1/customers', { email: 'ada@example.com', name: 'Ada' }, 'k1');
    expect([first.status, second.status, second.headers.get('idempotent-replayed')]).toEqual([
      201,
      201,
      'true',
    ]);
    expect(second.text).toBe(first.text);
    expect((await api.send('get', '/v1/customers', { key })).body['data']).toHaveLength(1);
  });

  test('with another body, path or query is refused', async () => {
    await post('/v1/customers', { name: 'Ada' }, 'k2');
    for (const [path, body] of [
      ['/v1/customers', { name: 'Bob' }],
      ['/v1/plans', { name: 'Ada' }],
    ] as const) {
      const reply = await post(path, body, 'k2');
      expect(reply.status).toBe(422);
    }
    expect((await post('/v1/customers', { name: 'Bob' }, 'k2')).body['code']).toBe('idempotency_key_reused');
  });

  test('of another tenant is another key', async () => {
    const other = await api.tenant();
    await post('/v1/customers', { name: 'Ada' }, 'shared');
    const reply = await api.send('post', '/v1/customers', {
      key: other.key,
      body: { name: 'Bob' },
      headers: { 'idempotency-key': 'shared' },
    });
    expect([reply.status, reply.headers.get('idempotent-replayed')]).toEqual([201, null]);
  });

  test('is free again after a refusal, because nothing happened', async () => {
    const body = { name: 'Ada', external_id: 'taken' };
    await post('/v1/customers', body);
    expect((await post('/v1/customers', body, 'k3')).status).toBe(409);
    expect((await post('/v1/customers', { name: 'Ada', external_id: 'free' }, 'k3')).status).toBe(201);
  });

  test('waits for the first request, and after two seconds says that it still runs', async () => {
    let finish: () => void = () => undefined;
    leave = new Promise((resolve) => {
      finish = resolve;
    });
    const entered = new Promise<void>((resolve) => {
      enter = resolve;
    });
    const first = post('/v1/slow', {}, 'slow');
    await entered;
    const second = await post('/v1/slow', {}, 'slow');
    expect([second.status, second.body['code'], second.headers.get('retry-after')]).toEqual([
      409,
      'idempotency_key_in_use',
      '2',
    ]);
    const third = post('/v1/slow', {}, 'slow');
    await new Promise((resolve) => setTimeout(resolve, 200));
    finish();
    expect([(await first).status, (await third).status]).toEqual([201, 201]);
    expect((await third).headers.get('idempotent-replayed')).toBe('true');
  });

  test('may be taken anew when its day is over', async () => {
    await post('/v1/customers', { name: 'Ada' }, 'old');
    await rows(sql`update idempotency_keys set expires_at = now() - interval '1 second' where key = 'old'`);
    expect((await post('/v1/customers', { name: 'Bob' }, 'old')).status).toBe(201);
  });
});

test('a POST without a key is told the one it was given, and can be repeated with it', async () => {
  const first = await post('/v1/customers', { name: 'Ada' });
  const given = first.headers.get('idempotency-key') ?? '';
  expect(given).not.toBe('');
  const second = await post('/v1/customers', { name: 'Ada' }, given);
  expect([second.text, second.headers.get('idempotent-replayed')]).toEqual([first.text, 'true']);
});

test('an answer that shows a secret is kept sealed', async () => {
  const first = await post('/v1/api_keys', { name: 'secret' }, 'make a key');
  const second = await post('/v1/api_keys', { name: 'secret' }, 'make a key');
  expect(second.text).toBe(first.text);
  const [row] = await rows(sql`select body #>> '{}' as body from idempotency_keys where key = 'make a key'`);
  expect(String(row?.['body'])).not.toContain(String(first.body['key']));
  const [stored] = await rows(
    sql`select count(*)::int as n from api_keys where tenant_id = ${tenantId} and name = 'secret'`,
  );
  expect(stored?.['n']).toBe(1);
});
