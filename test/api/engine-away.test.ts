import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { query } from '../../src/persistence/rows.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

/** Temporal is not there at all: what a caller is told, and what is left behind for the repetition. */
let api: TestApi;
let key: string;
let plan: string;
let customer: string;

beforeAll(async () => {
  api = await startTestApi({ overrides: { commandDeadlineMs: 500 } });
  ({ key } = await api.tenant());
  plan = String(
    (
      await post('/v1/plans', {
        name: 'Pro',
        prices: [
          { key: 'base', model: 'flat', unit_amount: '9', currency: 'EUR', interval: { unit: 'month' } },
        ],
      })
    ).body['id'],
  );
  customer = String((await post('/v1/customers', { name: 'Ada' })).body['id']);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  api.send('post', path, { key, body, headers });
const rows = (statement: ReturnType<typeof sql>) =>
  api.database.asSystem('test', (tx) => query<Record<string, unknown>>(tx, statement));
const commands = () => rows(sql`select id, status, kind, body, subject_id from commands order by id`);

describe('a command while Temporal is away', () => {
  test('is noted, answered 503 with its id, and driven on by the same key: one command, however often', async () => {
    const headers = { 'idempotency-key': 'create' };
    const first = await post('/v1/subscriptions', { customer, plan, quantity: undefined }, headers);
    expect([first.status, first.body['code'], first.headers.get('retry-after')]).toEqual([
      503,
      'engine_busy',
      '2',
    ]);
    expect(first.body['detail']).toContain('may have been applied');
    expect(first.headers.get('idempotency-key')).toBe('create');
    const [command] = await commands();
    expect(first.body['details']).toEqual({ command_id: command?.['id'] });
    expect(command).toMatchObject({
      status: 'pending',
      kind: 'create',
      body: {
        customer,
        plan,
        plan_version: 1,
        currency: 'EUR',
        items: [{ key: 'base', quantity: '1' }],
        trial_days: null,
        net_days: null,
      },
    });

    const second = await post('/v1/subscriptions', { customer, plan }, headers);
    expect([second.status, second.body['details']]).toEqual([503, first.body['details']]);
    expect(await commands()).toHaveLength(1);
  });

  test('without a key of the caller is answered with the key to repeat it with', async () => {
    const before = (await commands()).length;
    const first = await post('/v1/subscriptions', { customer, plan });
    const headers = { 'idempotency-key': String(first.headers.get('idempotency-key')) };
    const second = await post('/v1/subscriptions', { customer, plan }, headers);
    expect([second.status, second.body['details']]).toEqual([503, first.body['details']]);
    expect(await commands()).toHaveLength(before + 1);
  });

  test('is answered from its row when it was applied all the same', async () => {
    const headers = { 'idempotency-key': 'refused later' };
    const first = await post('/v1/subscriptions', { customer, plan }, headers);
    const { command_id: id } = first.body['details'] as { command_id: string };
    const result = JSON.stringify({
      code: 'customer_deleted',
      message: 'The customer was deleted meanwhile.',
    });
    await rows(
      sql`update commands set status = 'refused', result = ${result}::jsonb, finished_at = now() where id = ${id}`,
    );
    const second = await post('/v1/subscriptions', { customer, plan }, headers);
    expect([second.status, second.body['code']]).toEqual([409, 'customer_deleted']);
    const third = await post('/v1/subscriptions', { customer, plan }, headers);
    expect([third.text, third.headers.get('idempotent-replayed')]).toEqual([second.text, 'true']);
  });

  test('that was never applied in time is said to be expired', async () => {
    const headers = { 'idempotency-key': 'expired' };
    const first = await post('/v1/subscriptions', { customer, plan }, headers);
    const { command_id: id } = first.body['details'] as { command_id: string };
    await rows(sql`update commands set status = 'expired', finished_at = now() where id = ${id}`);
    const second = await post('/v1/subscriptions', { customer, plan }, headers);
    expect([second.status, second.body['code']]).toEqual([409, 'command_expired']);
  });

  test('is not driven by two requests at once, until the lease of a crashed one is over', async () => {
    const headers = { 'idempotency-key': 'leased' };
    await post('/v1/subscriptions', { customer, plan }, headers);
    await rows(
      sql`update idempotency_keys set lease_until = now() + interval '30 seconds' where key = 'leased'`,
    );
    expect((await post('/v1/subscriptions', { customer, plan }, headers)).body['code']).toBe(
      'idempotency_key_in_use',
    );
    await rows(
      sql`update idempotency_keys set lease_until = now() - interval '1 second' where key = 'leased'`,
    );
    expect((await post('/v1/subscriptions', { customer, plan }, headers)).body['code']).toBe('engine_busy');
  });

  test('stores nothing of the 503', async () => {
    const [row] = await rows(sql`select count(*)::int as n from idempotency_keys where status >= 500`);
    expect(row?.['n']).toBe(0);
  });

  test('leaves reads and direct writes alone, and the API ready', async () => {
    expect((await api.send('get', '/v1/subscriptions', { key })).status).toBe(200);
    expect((await post('/v1/customers', { name: 'Bob' })).status).toBe(201);
    const ready = await api.send('get', '/health/ready');
    expect([ready.status, ready.body]).toMatchObject([
      200,
      { status: 'degraded', database: 'ok', pollers: { billing: 'unknown' } },
    ]);
  });

  test('is not even noted for a subscription that does not exist', async () => {
    const before = (await commands()).length;
    for (const verb of ['cancel', 'uncancel', 'end_trial', 'pay']) {
      expect((await post(`/v1/subscriptions/external:nobody/${verb}`, {})).status).toBe(404);
    }
    expect(await commands()).toHaveLength(before);
  });
});
