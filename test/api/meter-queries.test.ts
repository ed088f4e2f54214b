import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';

/** What is asked about usage, over HTTP, of a subscription that runs. */
let api: WorldApi;
let customer: string;
let subscription: string;
let meter: string;
let plan: string;
const START = Date.now();

beforeAll(async () => {
  api = await openWorldApi();
  meter = await api.make('/v1/meters', {
    name: 'Traffic',
    event_name: 'request',
    aggregation: 'sum',
    property: 'bytes',
    filters: [{ property: 'kind', values: ['paid'] }],
    group_by: ['region'],
    rounding: { mode: 'ceil' },
  });
  const price = { currency: 'USD', interval: { unit: 'month' } };
  plan = await api.make('/v1/plans', {
    name: 'Traffic',
    prices: [
      { key: 'base', model: 'flat', unit_amount: '10', ...price },
      {
        key: 'traffic',
        name: 'Traffic',
        model: 'graduated',
        tiers: [
          { up_to: '10', unit_amount: '0' },
          { up_to: null, unit_amount: '0.5' },
        ],
        meter,
        ...price,
      },
    ],
  });
  customer = await api.make('/v1/customers', { name: 'Ada', currency: 'USD', time_zone: 'Asia/Kolkata' });
  await api.make(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
  const start = new Date(START - 3 * 86_400_000).toISOString();
  subscription = await api.make('/v1/subscriptions', { customer, plan, start_at: start });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const get = (path: string) => api.send('get', path, { key: api.key });
const ago = (ms: number) => new Date(START - ms).toISOString();

let sent = 0;
async function use(
  msAgo: number,
  bytes: string,
  region: string,
  kind = 'paid',
  owner = customer,
): Promise<void> {
  sent += 1;
  const event = {
    idempotency_key: `e${sent}`,
    event_name: 'request',
    customer_id: owner,
    timestamp: new Date(msAgo === 0 ? Date.now() : START - msAgo).toISOString(),
  };
  const reply = await api.send('post', '/v1/events', {
    key: api.key,
    body: { ...event, properties: { bytes, region, kind } },
  });
  expect([reply.status, reply.body]).toMatchObject([200, { accepted: 1 }]);
}

describe('usage', () => {
  test('is shown the moment it was acknowledged, by bucket, by group, and rounded as it is priced', async () => {
    await use(3_600_000, '12.25', 'eu');
    await use(1_800_000, '1', 'us');
    await use(900_000, '7', 'eu', 'free');
    const range = `from=${ago(2 * 86_400_000)}&to=${new Date(START + 60_000).toISOString()}`;
    const total = await get(`/v1/meters/${meter}/query?${range}&granularity=total&customer=${customer}`);
    expect([total.status, total.body]).toMatchObject([
      200,
      {
        object: 'meter_usage',
        meter_version: 1,
        time_zone: 'Asia/Kolkata',
        data: [{ quantity: '14', counted: '13.25', events: 2, group: {} }],
      },
    ]);
    const groups = await get(
      `/v1/meters/${meter}/query?${range}&granularity=total&subscription=${subscription}&group_by[]=region`,
    );
    expect(groups.body['data']).toMatchObject([
      { group: { region: 'eu' }, counted: '12.25', events: 1 },
      { group: { region: 'us' }, counted: '1', events: 1 },
    ]);
    const days = (await get(`/v1/meters/${meter}/query?${range}`)).body['data'] as Record<string, string>[];
    // The tenant's midnights, of everybody.
    expect(days.length).toBeGreaterThanOrEqual(3);
    expect(days.slice(1).every(({ start }) => start?.endsWith('T00:00:00.000Z'))).toBe(true);
  });

  test('is shown for each metered item in its period, and priced with its explanation', async () => {
    const usage = await get(`/v1/customers/${customer}/usage`);
    expect([usage.status, usage.body['data']]).toMatchObject([
      200,
      [{ object: 'item_usage', subscription, key: 'traffic', meter, quantity: '14', events: 2 }],
    ]);
    const summary = await get(`/v1/subscriptions/${subscription}/usage/summary`);
    expect(summary.body['data']).toMatchObject([{ subscription, quantity: '14', events: 2 }]);
    expect((await get(`/v1/subscriptions/${subscription}/usage`)).body['data']).toEqual([]);
    const costs = await get(`/v1/customers/${customer}/costs`);
    expect([costs.status, costs.body]).toMatchObject([
      200,
      {
        data: [
          {
            object: 'item_cost',
            quantity: '14',
            amount: { amount: '2.00', currency: 'USD' },
            already_billed: { amount: '0.00' },
            trace: { model: 'graduated' },
          },
        ],
        totals: [{ amount: '2.00', currency: 'USD' }],
      },
    ]);
    expect(JSON.stringify(costs.body['data'])).toContain('4 traffic × 0.50: 2.00');
  });

  test('is nothing at the very instant at which its period begins, and priced as that', async () => {
    const clock = await api.make('/v1/test_clocks', { now: '2027-01-01T00:00:00Z' });
    const still = await api.make('/v1/customers', { name: 'Grace', currency: 'USD', test_clock: clock });
    await api.make(`/v1/customers/${still}/payment_methods`, { token: 'tok_succeeds' });
    await api.make('/v1/subscriptions', { customer: still, plan });
    const usage = await get(`/v1/customers/${still}/usage`);
    expect([usage.status, usage.body['data']]).toMatchObject([200, [{ quantity: '0', events: 0 }]]);
    const costs = await get(`/v1/customers/${still}/costs`);
    expect([costs.status, costs.body['data']]).toMatchObject([
      200,
      [{ quantity: '0', events: 0, amount: { amount: '0.00', currency: 'USD' } }],
    ]);
  });

  test('costs nothing in a trial, unless it was agreed that it does', async () => {
    const costsOf = async (trial: Record<string, unknown>) => {
      const owner = await api.make('/v1/customers', { name: 'Edsger', currency: 'USD' });
      await api.make(`/v1/customers/${owner}/payment_methods`, { token: 'tok_succeeds' });
      await api.make('/v1/subscriptions', { customer: owner, plan, trial_days: 14, ...trial });
      await use(0, '30', 'eu', 'paid', owner);
      const { body } = await get(`/v1/customers/${owner}/costs`);
      return (body['data'] as { quantity: string; amount: unknown; explanation: string[] }[])[0];
    };
    // Longer than the period of the price.
    const free = await costsOf({ trial_days: 45 });
    expect(free).toMatchObject({ quantity: '30', amount: { amount: '0.00', currency: 'USD' } });
    expect(free?.explanation.at(-1)).toBe('What is used in this trial is free.');
    const billed = await costsOf({ trial_usage: 'billed' });
    expect(billed).toMatchObject({ quantity: '30', amount: { amount: '10.00', currency: 'USD' } });
  });

  test('is not shown for a question that has no answer, which is told by its field', async () => {
    const path = `/v1/meters/${meter}/query`;
    const range = `from=${ago(86_400_000)}&to=${ago(0)}`;
    const cases: [string, number, string | null][] = [
      [`${path}?from=${ago(0)}&to=${ago(1)}`, 422, 'to'],
      [`${path}?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&granularity=hour`, 422, 'to'],
      [`${path}?${range}&group_by[]=tier`, 422, 'group_by[]'],
      [`${path}?${range}&group_by[]=region&group_by[]=region`, 422, 'group_by[]'],
      [`${path}?${range}&time_zone=%2B05:30`, 422, 'time_zone'],
      [`${path}?${range}&granularity=week`, 422, 'granularity'],
      [`${path}?${range}&customer=external:nobody`, 422, 'customer'],
      [`${path}?${range}&version=7`, 404, null],
      [`${path}?to=${ago(0)}`, 422, 'from'],
      [`/v1/meters/external:nothing/query?${range}`, 404, null],
      ['/v1/customers/external:nobody/usage', 404, null],
    ];
    for (const [url, status, field] of cases) {
      const reply = await get(url);
      const errors = (reply.body['errors'] ?? []) as { path: string }[];
      expect([url, reply.status, errors[0]?.path ?? null]).toEqual([url, status, field]);
    }
  });

  test('is not shown for some of very many subscriptions as if they were all', async () => {
    const other = await api.make('/v1/customers', { name: 'Many', currency: 'USD' });
    await api.world.inTenant((tx) =>
      query(
        tx,
        sql`insert into subscriptions
          select (jsonb_populate_record(owner, jsonb_build_object('id', ${newId('sub')}::text || n, 'customer_id', ${other}::text,
            'external_id', null))).*
          from subscriptions owner, generate_series(1, 101) n where owner.id = ${subscription}`,
      ),
    );
    for (const what of ['usage', 'costs']) {
      const reply = await get(`/v1/customers/${other}/${what}`);
      expect([reply.status, reply.body]).toMatchObject([422, { errors: [{ path: 'id', code: 'too_big' }] }]);
    }
  });

  test('a field that is nearly called so is named', async () => {
    const range = `from=${ago(86_400_000)}&to=${ago(0)}`;
    const cases: [string, string][] = [
      [`/v1/meters/${meter}/query?${range}&group_by=region`, 'group_by[]'],
      [`/v1/meters/${meter}/query?${range}&customer_id=cus_x`, 'customer'],
      ['/v1/events?timestamp=now', 'timestamp[gte]'],
    ];
    for (const [url, meant] of cases)
      expect([url, (await get(url)).body['detail']]).toEqual([
        url,
        expect.stringContaining(`as "${meant}".`),
      ]);
    expect((await get('/v1/events?nonsense=1')).body['detail']).toContain('look how it is spelled');
  });
});
