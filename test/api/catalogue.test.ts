import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { gateways } from '../../src/gateways/registry.ts';
import { query } from '../../src/persistence/rows.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const send = (method: string, path: string, body?: unknown) =>
  api.send(method, path, { key, ...(body === undefined ? {} : { body }) });
const price = (changes: object = {}) => ({
  key: 'base',
  model: 'flat',
  unit_amount: '29.00',
  currency: 'USD',
  interval: { unit: 'month', count: 1 },
  ...changes,
});

describe('a plan', () => {
  test('has versions that stay, prices in their order, and one version that is sold', async () => {
    const made = await send('post', '/v1/plans', {
      name: 'Pro',
      external_id: 'pro',
      trial_days: 14,
      prices: [
        price(),
        price({
          key: 'seats',
          name: 'Seats',
          model: 'per_unit',
          unit_amount: '0.0035',
          timing: 'in_arrears',
        }),
      ],
    });
    expect([made.status, made.body]).toMatchObject([
      201,
      {
        version: 1,
        latest_version: 1,
        trial_days: 14,
        prices: [
          { key: 'base', name: 'base', unit_amount: '29', timing: 'in_advance' },
          { key: 'seats', name: 'Seats', unit_amount: '0.0035', timing: 'in_arrears' },
        ],
      },
    ]);
    const id = made.body['id'];
    const second = await send('post', `/v1/plans/external:pro/versions`, {
      prices: [price({ unit_amount: '35.00' })],
    });
    expect([second.status, second.body]).toMatchObject([
      201,
      { id, version: 2, latest_version: 2, trial_days: null, prices: [{ unit_amount: '35' }] },
    ]);
    expect((await send('get', `/v1/plans/${String(id)}?version=1`)).body).toMatchObject({
      version: 1,
      latest_version: 2,
      prices: [{ unit_amount: '29' }, {}],
    });
    expect((await send('get', `/v1/plans/${String(id)}?version=3`)).status).toBe(404);
    const [shown] = made.body['prices'] as { id: string }[];
    expect((await send('get', `/v1/prices/${shown?.id}`)).body).toMatchObject({ plan: id, plan_version: 1 });
  });

  test('is renamed, listed, archived; then its external id is free and it takes no new version', async () => {
    const { body } = await send('post', '/v1/plans', {
      name: 'Basic',
      external_id: 'basic',
      prices: [price()],
    });
    expect(
      (await send('post', '/v1/plans', { name: 'Basic 2', external_id: 'basic', prices: [price()] })).body[
        'code'
      ],
    ).toBe('external_id_taken');
    expect(
      (
        await send('patch', '/v1/plans/external:basic', {
          name: 'Basis',
          description: 'small',
          metadata: { a: 'b' },
        })
      ).body,
    ).toMatchObject({ name: 'Basis', description: 'small', metadata: { a: 'b' } });
    const archived = await send('post', `/v1/plans/${String(body['id'])}/archive`, {});
    expect(archived.body).toMatchObject({ archived_at: expect.any(String) });
    expect((await send('post', `/v1/plans/${String(body['id'])}/archive`)).body).toEqual(archived.body);
    expect(
      (await send('post', `/v1/plans/${String(body['id'])}/versions`, { prices: [price()] })).body['code'],
    ).toBe('plan_not_active');
    expect((await send('get', '/v1/plans/external:basic')).status).toBe(404);
    expect(
      (await send('post', '/v1/plans', { name: 'Basic 2', external_id: 'basic', prices: [price()] })).status,
    ).toBe(201);
    const ids = async (query: string) =>
      ((await send('get', `/v1/plans?${query}`)).body['data'] as { id: string }[]).map((plan) => plan.id);
    expect(await ids('')).not.toContain(body['id']);
    expect(await ids('archived=true')).toContain(body['id']);
  });
});

describe('a payment method', () => {
  const isDefault = async (id: unknown) =>
    (await send('get', `/v1/payment_methods/${String(id)}`)).body['is_default'];

  test('first becomes the default, gives it away, and can be detached', async () => {
    const { body: ada } = await send('post', '/v1/customers', { name: 'Ada' });
    const attach = async (body: object) =>
      (await send('post', `/v1/customers/${String(ada['id'])}/payment_methods`, { token: 'x', ...body }))
        .body;
    const first = await attach({});
    expect(first).toMatchObject({
      object: 'payment_method',
      customer: ada['id'],
      brand: 'visa',
      last4: '4242',
      is_default: true,
    });
    expect(first).not.toHaveProperty('gateway_ref');
    const second = await attach({ metadata: { a: 'b' } });
    expect([await isDefault(first['id']), await isDefault(second['id'])]).toEqual([true, false]);
    const third = await attach({ default: true });
    expect([await isDefault(first['id']), await isDefault(third['id'])]).toEqual([false, true]);
    expect(
      (
        await send('patch', `/v1/payment_methods/${String(second['id'])}`, {
          default: true,
          metadata: { a: null },
        })
      ).body,
    ).toMatchObject({ is_default: true, metadata: {} });
    expect(await isDefault(third['id'])).toBe(false);
    expect(
      (await send('patch', `/v1/payment_methods/${String(second['id'])}`, { default: false })).status,
    ).toBe(422);

    expect((await send('post', `/v1/payment_methods/${String(second['id'])}/detach`)).body).toMatchObject({
      is_default: false,
      detached_at: expect.any(String),
    });
    expect((await send('post', `/v1/payment_methods/${String(second['id'])}/detach`)).body['code']).toBe(
      'payment_method_not_allowed',
    );
    const listed = (await send('get', `/v1/customers/${String(ada['id'])}/payment_methods`)).body['data'] as {
      id: string;
    }[];
    expect(listed.map((method) => method.id)).toEqual([third['id'], first['id']]);
  });

  test('named default by two requests at once is one default', async () => {
    const { body: ada } = await send('post', '/v1/customers', { name: 'Ada' });
    const path = `/v1/customers/${String(ada['id'])}/payment_methods`;
    const made = await Promise.all([1, 2, 3, 4].map(() => send('post', path, { token: 'x', default: true })));
    expect(made.map((reply) => reply.status)).toEqual([201, 201, 201, 201]);
    const listed = (await send('get', path)).body['data'] as { is_default: boolean }[];
    expect(listed.filter((method) => method.is_default)).toHaveLength(1);
  });

  test('that the gateway refuses, does not know, or does not answer for', async () => {
    const { body: ada } = await send('post', '/v1/customers', { name: 'Ada' });
    await using none = gateways({ sandboxUrl: 'http://127.0.0.1:1', timeoutMs: 500 });
    const original = api.deps.gateways.attachMethod;
    const attach = (body: object) => send('post', `/v1/customers/${String(ada['id'])}/payment_methods`, body);
    api.deps.gateways.attachMethod = async (gateway, token) => await none.get(gateway).attachMethod(token);
    expect((await attach({ token: 'x' })).body).toMatchObject({ status: 503, code: 'gateway_unavailable' });
    expect((await attach({ token: 'x', gateway: 'nowhere' })).body).toMatchObject({
      status: 422,
      errors: [{ path: 'gateway', code: 'unknown_gateway' }],
    });
    api.deps.gateways.attachMethod = () =>
      Promise.resolve({ kind: 'refused', code: 'unknown_token', message: 'No such token.' });
    expect((await attach({ token: 'x' })).body).toMatchObject({
      status: 422,
      code: 'gateway_refused',
      errors: [{ path: 'token', code: 'unknown_token' }],
    });
    api.deps.gateways.attachMethod = original;
  });
});

describe('accounts and tenants', () => {
  const operator = (method: string, path: string, body?: unknown) =>
    api.send(method, path, { key: api.operatorKey, ...(body === undefined ? {} : { body }) });

  test('are made by the operator, at most one tenant per mode', async () => {
    const account = (await operator('post', '/v1/accounts', { name: 'Acme', metadata: { plan: 'x' } })).body;
    expect((await operator('get', `/v1/accounts/${String(account['id'])}`)).body).toEqual(account);
    const body = {
      account: account['id'],
      mode: 'live',
      name: 'Acme',
      time_zone: 'Europe/Berlin',
      invoice_grace_hours: 2,
      trial_reminder_days: 3,
      dunning_policy: { retry_days: [1, 2], end_action: 'unpaid' },
    };
    const made = await operator('post', '/v1/tenants', body);
    expect([made.status, made.body]).toMatchObject([
      201,
      {
        time_zone: 'Europe/Berlin',
        dunning_policy: { retry_days: [1, 2], local_hour: 9, end_action: 'unpaid', invoice: 'leave_open' },
      },
    ]);
    expect((await operator('post', '/v1/tenants', body)).body).toMatchObject({
      status: 422,
      errors: [{ path: 'mode', code: 'taken' }],
    });
    expect(
      (
        await operator('post', '/v1/tenants', {
          ...body,
          mode: 'test',
          dunning_policy: { retry_days: [3, 2] },
        })
      ).body['errors'],
    ).toMatchObject([{ path: 'dunning_policy.retry_days', code: 'not_increasing' }]);
    const kept = { retry_days: [1], end_action: 'leave_past_due', invoice: 'uncollectible' };
    expect(
      (await operator('post', '/v1/tenants', { ...body, mode: 'test', dunning_policy: kept })).body['errors'],
    ).toMatchObject([{ path: 'dunning_policy.invoice', code: 'conflicting_fields' }]);
    expect(
      (await operator('post', '/v1/tenants', { ...body, account: 'acc_01kaj3n6xve9ytv0w4s5h7m2pq' })).body[
        'errors'
      ],
    ).toMatchObject([{ path: 'account', code: 'not_found' }]);
    expect((await operator('get', `/v1/tenants?account=${String(account['id'])}`)).body['data']).toHaveLength(
      1,
    );
    const live = await operator('post', `/v1/tenants/${String(made.body['id'])}/keys`, { name: 'live' });
    expect(live.body['key']).toMatch(/^prn_live_/);
    expect((await api.send('get', '/v1/ping', { key: String(live.body['key']) })).body).toMatchObject({
      tenant: made.body['id'],
      mode: 'live',
    });
    expect(
      (
        await api.send('post', '/v1/customers', {
          key: String(live.body['key']),
          body: { name: 'Ada', test_clock: 'clk_01kaj3n6xve9ytv0w4s5h7m2pq' },
        })
      ).body['code'],
    ).toBe('test_mode_only');
  });
});

describe('a list', () => {
  test('is paged newest first without losing or repeating anything that was there', async () => {
    const { key: own } = await api.tenant();
    const get = async (query: string) => (await api.send('get', `/v1/customers?${query}`, { key: own })).body;
    for (let n = 0; n < 7; n += 1)
      await api.send('post', '/v1/customers', {
        key: own,
        body: { name: `c${n}`, email: n % 2 ? 'odd@example.com' : 'even@example.com' },
      });
    const seen: string[] = [];
    let page = await get('limit=3');
    for (;;) {
      seen.push(...(page['data'] as { name: string }[]).map((customer) => customer.name));
      await api.send('post', '/v1/customers', { key: own, body: { name: 'late' } });
      if (!page['has_more']) break;
      page = await get(`limit=3&cursor=${String(page['next_cursor'])}`);
    }
    expect([seen, page['next_cursor']]).toEqual([['c6', 'c5', 'c4', 'c3', 'c2', 'c1', 'c0'], null]);
    expect((await get('email=odd@example.com'))['data']).toHaveLength(3);
    const now = new Date().toISOString();
    expect((await get(`created_at[gt]=${now}`))['data']).toHaveLength(0);
    expect(
      (await get(`created_at[lte]=${now}&created_at[gte]=2020-01-01T01:00:00%2B01:00`))['data'],
    ).toHaveLength(10);
  });
});

test('what was written was told: each change is an event with the object in it', async () => {
  const types = [
    'customer.created',
    'payment_method.attached',
    'payment_method.updated',
    'payment_method.detached',
    'plan.created',
    'plan.updated',
    'plan.archived',
  ];
  const told = await api.database.asSystem('test', (tx) =>
    query<{ type: string; data: { object: object } }>(tx, sql`select type, data from events`),
  );
  for (const type of types) {
    const events = told.filter((event) => event.type === type);
    expect([type, events.length > 0, events.every((event) => 'id' in event.data.object)]).toEqual([
      type,
      true,
      true,
    ]);
  }
});
