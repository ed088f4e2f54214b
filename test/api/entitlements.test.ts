import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';

/** What customers may have and use, over HTTP, of subscriptions that run. */
let api: WorldApi;
const START = Date.now();
const DAY_MS = 86_400_000;

beforeAll(async () => {
  api = await openWorldApi();
  await api.make('/v1/meters', {
    name: 'Calls',
    external_id: 'calls',
    event_name: 'call',
    aggregation: 'sum',
    property: 'n',
    rounding: { mode: 'ceil' },
  });
  await api.make('/v1/features', { name: 'SSO', external_id: 'sso', kind: 'boolean' });
  await api.make('/v1/features', { name: 'Seats', external_id: 'seats', kind: 'limit' });
  const metered = { kind: 'metered', meter: 'external:calls' };
  await api.make('/v1/features', { name: 'Calls', external_id: 'calls', ...metered });
  await api.make('/v1/features', { name: 'Calls a day', external_id: 'daily', reset: 'day', ...metered });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const fee = {
  key: 'base',
  model: 'flat',
  unit_amount: '10',
  currency: 'USD',
  interval: { unit: 'month' },
};
const calls = {
  key: 'calls',
  model: 'per_unit',
  unit_amount: '0.5',
  currency: 'USD',
  interval: { unit: 'month' },
  meter: 'external:calls',
};
const has = (feature: string, more: object = {}) => ({ feature: `external:${feature}`, ...more });

async function customer(more: object = {}): Promise<string> {
  const id = await api.make('/v1/customers', {
    name: 'Ada',
    currency: 'USD',
    time_zone: 'Asia/Kolkata',
    ...more,
  });
  await api.make(`/v1/customers/${id}/payment_methods`, { token: 'tok_succeeds' });
  return id;
}
const subscribe = (to: string, features: object[], more: object = {}) =>
  api.make('/v1/plans', { name: 'Pro', prices: [fee, calls], features }).then((plan) =>
    api.make('/v1/subscriptions', {
      customer: to,
      plan,
      start_at: new Date(START - 3 * DAY_MS).toISOString(),
      ...more,
    }),
  );

let sent = 0;
async function use(who: string, n: string, more: object = {}): Promise<string> {
  sent += 1;
  const event = {
    idempotency_key: `e${sent}`,
    event_name: 'call',
    customer_id: who,
    timestamp: new Date(START - 1_000).toISOString(),
    properties: { n },
    ...more,
  };
  const reply = await api.send('post', '/v1/events', { key: api.key, body: event });
  expect([reply.status, reply.body]).toMatchObject([200, { accepted: 1 }]);
  return event.idempotency_key;
}

describe('an entitlement', () => {
  test('says at the limit that nothing is left, and below it how much, the moment usage was acknowledged', async () => {
    const who = await customer();
    const subscription = await subscribe(who, [
      has('sso'),
      has('seats', { limit: 5 }),
      has('calls', { limit: '10' }),
      has('daily', { limit: 0, soft: true }),
    ]);
    const at = (feature: string, query = '') =>
      api.look(`/v1/customers/${who}/entitlements/external:${feature}${query}`);
    expect(await at('sso')).toMatchObject({ kind: 'boolean', allowed: true, limit: null, used: null });
    expect(await at('seats', '?quantity=5')).toMatchObject({ allowed: true, limit: '5', remaining: '5' });
    expect(await at('seats', '?quantity=6')).toMatchObject({ allowed: false });

    await use(who, '8.5');
    const period = (await api.look(`/v1/subscriptions/${subscription}`))['current_period'];
    const { start, end } = period as { start: string; end: string };
    expect(await at('calls')).toMatchObject({
      object: 'entitlement',
      customer: who,
      feature_external_id: 'calls',
      allowed: true,
      limit: '10',
      used: '9',
      remaining: '1',
      soft: false,
      period: { start, end },
      resets_at: end,
      sources: [{ type: 'plan', subscription, limit: '10' }],
    });
    expect(await at('calls', '?quantity=1')).toMatchObject({ allowed: true });
    expect(await at('calls', '?quantity=1.5')).toMatchObject({ allowed: false });
    await use(who, '1.5');
    expect(await at('calls')).toMatchObject({ allowed: false, used: '10', remaining: '0' });
    const daily = await at('daily');
    expect(daily).toMatchObject({ allowed: true, soft: true, remaining: '0' });
    // Midnight in Kolkata is at half past.
    expect(daily['resets_at']).toMatch(/T18:30:00.000Z$/);

    const listed = (await api.look(`/v1/customers/${who}/entitlements`))['data'] as object[];
    expect(listed).toHaveLength(4);
    // The same number wherever it is shown.
    const [item] = (await api.look(`/v1/customers/${who}/usage`))['data'] as { quantity: string }[];
    expect(item?.quantity).toBe('10');
  });

  test('adds up over subscriptions and add-ons, and one without a limit lifts it', async () => {
    const who = await customer();
    const first = await subscribe(who, [has('calls', { limit: 10 })]);
    const scoped = { usage_scope: 'subscription' };
    const second = await subscribe(who, [has('calls', { limit: '2.5' })], scoped);
    const addOn = await api.make('/v1/add_ons', {
      name: 'More',
      prices: [{ ...fee, key: 'more' }],
      features: [has('calls', { limit: 100 })],
    });
    await use(who, '3');
    await use(who, '4', { subscription_id: second });
    const path = `/v1/customers/${who}/entitlements/external:calls`;
    expect(await api.look(path)).toMatchObject({ limit: '12.5', used: '7', remaining: '5.5' });
    expect(await api.look(`${path}?subscription=${second}`)).toMatchObject({
      limit: '2.5',
      used: '4',
      allowed: false,
    });
    expect(await api.look(`${path}?subscription=${first}`)).toMatchObject({ limit: '10', used: '3' });
    const stranger = await customer();
    const his = `/v1/customers/${stranger}/entitlements/external:calls?subscription=${first}`;
    const unknown = [
      his,
      '/v1/customers/external:no/entitlements/external:calls',
      path.replace('calls', 'no'),
    ];
    const refused = await Promise.all(unknown.map((one) => api.send('get', one, { key: api.key })));
    expect(refused.map(({ status }) => status)).toEqual([422, 404, 404]);
    expect(refused[0]?.body['errors']).toMatchObject([{ path: 'subscription', code: 'not_found' }]);
    const joined = await api.send('post', `/v1/subscriptions/${first}/change`, {
      key: api.key,
      body: { add_ons: [{ add_on: addOn }] },
    });
    expect([joined.status, joined.text]).toMatchObject([200, expect.any(String)]);
    expect(await api.look(path)).toMatchObject({ limit: '112.5', sources: [{}, { plan: addOn }, {}] });
  });

  test('is not there for who has no subscription that gives it, and a pause takes it away', async () => {
    const who = await customer();
    const path = `/v1/customers/${who}/entitlements/external:calls`;
    expect(await api.look(path)).toMatchObject({ allowed: false, limit: '0', used: '0', sources: [] });
    const subscription = await subscribe(who, [has('calls', { limit: null })]);
    expect(await api.look(path)).toMatchObject({ allowed: true, limit: null, remaining: null });
    await api.send('post', `/v1/subscriptions/${subscription}/pause`, { key: api.key, body: {} });
    expect(await api.look(path)).toMatchObject({ allowed: false, sources: [] });
  });

  test('can be set for one customer, until it expires or is taken back', async () => {
    const who = await customer();
    await subscribe(who, [has('calls', { limit: 10 }), has('sso')]);
    const path = `/v1/customers/${who}/entitlements/external:calls`;
    const put = (body: object, feature = 'calls') =>
      api.send('put', `/v1/customers/${who}/entitlements/external:${feature}`, { key: api.key, body });
    expect((await put({ limit: '50' })).body).toMatchObject({ limit: '50', sources: [{ type: 'override' }] });
    expect((await put({ limit: '60', expires_at: '2020-01-01T00:00:00Z' })).body).toMatchObject({
      limit: '10',
      sources: [{ type: 'plan' }],
    });
    expect((await put({ enabled: false })).body).toMatchObject({ allowed: false, limit: '0' });
    expect((await put({ enabled: false }, 'sso')).body).toMatchObject({ allowed: false });
    expect((await api.send('delete', path, { key: api.key })).body).toMatchObject({ limit: '10' });
    expect((await api.send('delete', path, { key: api.key })).status).toBe(404);
    const refused = await put({ limit: '5' }, 'sso');
    expect([refused.status, refused.body['errors']]).toMatchObject([
      422,
      [{ path: 'limit', code: 'conflicting_fields' }],
    ]);
    expect((await put({})).body['errors']).toMatchObject([{ path: 'limit', code: 'required' }]);
  });
});

describe('a feature', () => {
  test('is made, found, renamed, listed and archived; then no new plan can name it', async () => {
    const made = await api.send('post', '/v1/features', {
      key: api.key,
      body: { name: 'Export', external_id: 'export', kind: 'boolean' },
    });
    expect([made.status, made.body]).toMatchObject([201, { kind: 'boolean', meter: null, reset: null }]);
    const twice = { name: 'Export', external_id: 'export', kind: 'boolean' };
    expect((await api.send('post', '/v1/features', { key: api.key, body: twice })).body['code']).toBe(
      'external_id_taken',
    );
    const renamed = await api.send('patch', '/v1/features/external:export', {
      key: api.key,
      body: { name: 'CSV' },
    });
    expect(renamed.body).toMatchObject({ name: 'CSV' });
    expect(await api.look('/v1/features?limit=1')).toMatchObject({ data: [{ name: 'CSV' }], has_more: true });
    const plan = { name: 'P', prices: [fee], features: [has('export')] };
    const sold = await api.send('post', '/v1/plans', { key: api.key, body: plan });
    expect(sold.body['features']).toEqual([{ feature: made.body['id'], limit: null, soft: false }]);
    const path = `/v1/features/${String(made.body['id'])}`;
    expect((await api.send('post', `${path}/archive`, { key: api.key })).body['archived_at']).not.toBeNull();
    const late = { ...plan, features: [{ feature: made.body['id'] }] };
    expect((await api.send('post', '/v1/plans', { key: api.key, body: late })).body['errors']).toMatchObject([
      { path: 'features[0].feature', code: 'feature_archived' },
    ]);
  });

  test('says by path what it cannot be, in itself and in a plan', async () => {
    const cases: [string, object, string, string][] = [
      ['/v1/features', { name: 'X', kind: 'metered' }, 'meter', 'required'],
      ['/v1/features', { name: 'X', kind: 'metered', meter: 'external:none' }, 'meter', 'not_found'],
      [
        '/v1/features',
        { name: 'X', kind: 'boolean', meter: 'external:calls' },
        'meter',
        'conflicting_fields',
      ],
      ['/v1/features', { name: 'X', kind: 'limit', reset: 'day' }, 'reset', 'conflicting_fields'],
      ['/v1/features', { name: 'X', kind: 'quota' }, 'kind', 'not_one_of'],
    ];
    const inPlan: [object[], string, string][] = [
      [[has('none')], 'features[0].feature', 'not_found'],
      [[has('seats')], 'features[0].limit', 'required'],
      [[has('sso', { limit: 1 })], 'features[0].limit', 'conflicting_fields'],
      [[has('sso'), has('sso')], 'features[1].feature', 'duplicate'],
      [[has('seats', { limit: -1 })], 'features[0].limit', 'too_small'],
    ];
    for (const [features, path, code] of inPlan)
      cases.push(['/v1/plans', { name: 'P', prices: [fee], features }, path, code]);
    for (const [url, body, path, code] of cases) {
      const reply = await api.send('post', url, { key: api.key, body });
      expect([body, reply.status, reply.body['errors']]).toMatchObject([body, 422, [{ path, code }]]);
    }
  });
});
