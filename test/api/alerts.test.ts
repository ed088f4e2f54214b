import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { presentFiring } from '../../src/contract/alerts.ts';
import { presenters } from '../../src/contract/presenters.ts';
import { runApi } from '../../src/main/run-api.ts';
import { findUnwatchedUsage } from '../../src/persistence/find-trouble.ts';
import { query } from '../../src/persistence/rows.ts';
import { dueTouched, takeTouched } from '../../src/persistence/usage-touched.ts';
import { watchUsage } from '../../src/persistence/watch-usage.ts';
import { freePort } from '../../src/platform/port.ts';
import { sender, type TestApi } from '../support/api.ts';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/money.ts';
import { createWorld, type World } from '../support/world.ts';

/** Who is told that use has come to an amount: events over HTTP, and a worker that looks at what they touched. */
let world: World;
let api: AsyncDisposable & { url: string };
let send: TestApi['send'];
let key: string;
const CLOCK = '2027-01-10T00:00:00Z';

beforeAll(async () => {
  world = await createWorld({ env: { PORT: String(await freePort()) } });
  api = await runApi(world.config, world.logger);
  send = sender(api.url);
  const made = await send('post', `/v1/tenants/${world.tenantId}/keys`, {
    key: 'operator-key-of-this-test',
    body: { name: 'all' },
  });
  key = String(made.body['key']);
  const calls = { name: 'Calls', event_name: 'call', aggregation: 'sum', property: 'n' };
  await post('/v1/meters', { ...calls, external_id: 'calls' });
  const price = { currency: 'USD', interval: { unit: 'month' } };
  const metered = { key: 'calls', model: 'per_unit', unit_amount: '0.5', meter: 'external:calls', ...price };
  await post('/v1/plans', { name: 'Pro', external_id: 'pro', prices: [metered] });
  const reported = { key: 'seats', model: 'per_unit', billing: 'usage', unit_amount: '1', ...price };
  await post('/v1/plans', { name: 'Seats', external_id: 'seats', prices: [reported] });
  const usage_thresholds = [{ amount: '20.00' }];
  await post('/v1/plans', { name: 'Steps', external_id: 'steps', prices: [metered], usage_thresholds });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

async function post(path: string, body: object): Promise<string> {
  const reply = await send('post', path, { key, body });
  if (reply.status !== 201) throw new Error(`${path}: ${reply.text}`);
  return String(reply.body['id']);
}
const get = async (path: string) => (await send('get', path, { key })).body;

/** A customer on a clock of its own, subscribed since the clock's begin. */
async function subscriber(plan = 'pro'): Promise<{ customer: string; subscription: string; clock: string }> {
  const clock = await post('/v1/test_clocks', { now: CLOCK });
  const customer = await post('/v1/customers', { name: 'Ada', currency: 'USD', test_clock: clock });
  await post(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
  const subscription = await post('/v1/subscriptions', { customer, plan: `external:${plan}` });
  return { customer, subscription, clock };
}

const alert = (more: object) =>
  post('/v1/alerts', {
    name: 'Quota',
    kind: 'usage',
    meter: 'external:calls',
    thresholds: [10, '20.5'],
    ...more,
  });

let sent = 0;
async function use(customer_id: string, ...amounts: (string | number)[]): Promise<string[]> {
  const events = amounts.map((n) => {
    sent += 1;
    const event = { idempotency_key: `e${sent}`, event_name: 'call', customer_id };
    return { ...event, timestamp: CLOCK, properties: { n } };
  });
  const reply = await send('post', '/v1/events', { key, body: { events } });
  expect([reply.status, reply.body]).toMatchObject([200, { accepted: amounts.length }]);
  return events.map(({ idempotency_key }) => idempotency_key);
}

/** Of a customer, oldest first: `alert.triggered 10 at 12`. */
async function told(customer: string): Promise<string[]> {
  const events = (await get('/v1/webhook_events?limit=100&type=alert.triggered&type=alert.resolved'))['data'];
  return (events as { type: string; customer: string; data: { object: Record<string, string> } }[])
    .filter((event) => event.customer === customer)
    .map(({ type, data: { object } }) =>
      [
        type,
        object['threshold'],
        type === 'alert.triggered' ? `at ${object['value']}` : object['resolution'],
      ].join(' '),
    )
    .toReversed();
}
const toldOnce = (customer: string, count: number) =>
  eventually(async () => {
    const all = await told(customer);
    return all.length >= count && all;
  });
const advance = async (clock: string, to: string) => {
  await send('post', `/v1/test_clocks/${clock}/advance`, { key, body: { to } });
  await eventually(async () => (await get(`/v1/test_clocks/${clock}`))['status'] === 'ready');
};

describe('an alert on usage', () => {
  test('adds up the groups by which its meter is priced, each rounded as on the invoice', async () => {
    const price = { currency: 'USD', interval: { unit: 'month' }, meter: 'external:parts' };
    const counting = { aggregation: 'sum', property: 'n', group_by: ['region'], rounding: { mode: 'ceil' } };
    await post('/v1/meters', { name: 'Parts', external_id: 'parts', event_name: 'part', ...counting });
    const cells = [{ values: ['eu'], unit_amount: '2' }];
    const matrix = { model: 'matrix', dimensions: ['region'], cells, default_unit_amount: '1' };
    await post('/v1/plans', {
      name: 'P',
      external_id: 'parts',
      prices: [{ key: 'parts', ...matrix, ...price }],
    });
    const { customer } = await subscriber('parts');
    await alert({ customer, meter: 'external:parts', thresholds: ['2'] });
    const events = ['eu', 'us'].map((region) => ({
      idempotency_key: `part of ${region}`,
      event_name: 'part',
      customer_id: customer,
      timestamp: CLOCK,
      properties: { n: '0.2', region },
    }));
    await send('post', '/v1/events', { key, body: { events } });
    expect(await toldOnce(customer, 1)).toEqual(['alert.triggered 2 at 2']);
  });

  test('is triggered at exactly the threshold, once, by a batch that comes to it twice', async () => {
    const { customer } = await subscriber();
    const id = await alert({ customer });
    await use(customer, 6, 4, 0, 0.25);
    expect(await toldOnce(customer, 1)).toEqual(['alert.triggered 10 at 10.25']);
    await use(customer, 1);
    await use(customer, '9.25');
    expect(await toldOnce(customer, 2)).toEqual([
      'alert.triggered 10 at 10.25',
      'alert.triggered 20.5 at 20.5',
    ]);
    const firings = (await get(`/v1/alerts/${id}/firings?resolved=false`))['data'];
    expect(firings).toMatchObject([
      { object: 'alert_firing', alert: id, customer, threshold: '20.5', resolved_at: null },
      { threshold: '10', period: { start: expect.any(String), end: expect.any(String) } },
    ]);
  });

  test('says both thresholds of a jump, and that a correction took one back', async () => {
    const { customer } = await subscriber();
    await alert({ customer });
    const [first = ''] = await use(customer, 30);
    expect(await toldOnce(customer, 2)).toEqual(['alert.triggered 10 at 30', 'alert.triggered 20.5 at 30']);
    const amended = { event_name: 'call', customer_id: customer, timestamp: CLOCK, properties: { n: 15 } };
    const reply = await send('put', `/v1/events/${first}`, { key, body: amended });
    expect([reply.status, reply.text]).toMatchObject([200, expect.any(String)]);
    expect((await toldOnce(customer, 3))[2]).toBe('alert.resolved 20.5 below');
    // Once per period: coming to it again says nothing new.
    await use(customer, 50);
    await alert({ customer, name: 'Other', thresholds: [60] });
    expect((await toldOnce(customer, 4))[3]).toBe('alert.triggered 60 at 65');
  });

  test('is resolved when the period is over, and triggered again in the next', async () => {
    const { customer, clock } = await subscriber();
    await alert({ customer, thresholds: [5] });
    await use(customer, 5);
    await toldOnce(customer, 1);
    await advance(clock, '2027-02-15T00:00:00Z');
    expect((await toldOnce(customer, 2))[1]).toBe('alert.resolved 5 period_over');
    const event = { idempotency_key: 'february', event_name: 'call', customer_id: customer };
    await send('post', '/v1/events', {
      key,
      body: { ...event, timestamp: '2027-02-14T00:00:00Z', properties: { n: 7 } },
    });
    expect((await toldOnce(customer, 3))[2]).toBe('alert.triggered 5 at 7');
  });

  test('of nobody in particular looks at each customer by itself, and one that is archived at nobody', async () => {
    const [one, other] = [await subscriber(), await subscriber()];
    const id = await alert({ name: 'Everybody', thresholds: [1000] });
    await use(one.customer, 600);
    await use(other.customer, 1000);
    expect(await toldOnce(other.customer, 1)).toEqual(['alert.triggered 1000 at 1000']);
    await send('post', `/v1/alerts/${id}/archive`, { key, body: {} });
    await alert({ customer: one.customer, thresholds: [1200] });
    await use(one.customer, 600);
    expect(await toldOnce(one.customer, 1)).toEqual(['alert.triggered 1200 at 1200']);
  });

  test('looks at distinct values, too, which have no sub-totals', async () => {
    const { customer } = await subscriber();
    const people = { name: 'People', event_name: 'call', aggregation: 'unique_count', property: 'n' };
    const meter = await post('/v1/meters', people);
    await alert({ customer, meter, thresholds: [2, 3] });
    await use(customer, 'ada', 'ada', 'eve');
    expect(await toldOnce(customer, 1)).toEqual(['alert.triggered 2 at 2']);
    const [last = ''] = await use(customer, 'joe');
    expect(await toldOnce(customer, 2)).toEqual(['alert.triggered 2 at 2', 'alert.triggered 3 at 3']);
    await send('post', `/v1/events/${last}/deprecate`, { key, body: {} });
    expect((await toldOnce(customer, 3))[2]).toBe('alert.resolved 3 below');
  });

  test('that cannot be looked at waits in one row that says why, keeps nobody waiting, and goes on when that is mended', async () => {
    const [{ customer }, other] = [await subscriber(), await subscriber()];
    await alert({ customer, reset: 'month', thresholds: [5] });
    await alert({ customer: other.customer, thresholds: [5] });
    const liveIn = (zone: string | null) =>
      world.inTenant((tx) => query(tx, sql`update customers set time_zone = ${zone} where id = ${customer}`));
    const waiting = async () =>
      (await world.database.asSystem('test', (tx) => findUnwatchedUsage(tx, 100))).filter(
        ({ customerId }) => customerId === customer,
      );
    await liveIn('Nowhere/Land');
    await use(customer, 3);
    await eventually(async () => (await waiting()).length === 1);
    await use(customer, 3);
    await use(other.customer, 6);
    expect(await toldOnce(other.customer, 1)).toEqual(['alert.triggered 5 at 6']);
    const [row] = await eventually(async () => {
      const rows = await waiting();
      return rows.length === 1 && (rows[0]?.tries ?? 0) > 1 && rows;
    });
    expect(row?.lastError).toContain('Nowhere/Land');
    expect(row && row.nextTryAt > row.since).toBe(true);
    const listed = await runCli(world, ['usage', 'list']);
    expect(listed.out).toMatch(new RegExp(`^${customer} .*Nowhere/Land`, 'm'));
    await liveIn(null);
    expect(await toldOnce(customer, 1)).toEqual(['alert.triggered 5 at 6']);
    await eventually(async () => (await waiting()).length === 0);
  });

  test('is not lost by whoever dies while he looks, and not said twice', async () => {
    const { customer } = await subscriber();
    await alert({ customer, thresholds: [3] });
    const takeOne = async () =>
      eventually(async () => {
        const due = await world.database.asSystem('test', (tx) => dueTouched(tx, 100));
        return due.find((touched) => touched.customerId === customer);
      });
    // Nobody looks but this test; the API alone takes in, and rolls nothing up.
    await eventually(async () => {
      const due = await world.database.asSystem('test', (tx) => dueTouched(tx, 100));
      return !due.some((touched) => touched.customerId === customer);
    });
    await world.stopWorker();
    await use(customer, 3);
    await alert({ customer, name: 'Wakes', thresholds: [900] });
    const touched = await takeOne();
    const look = (dies: boolean) =>
      world.inTenant(async (tx) => {
        const taken = await takeTouched(tx, touched);
        if (taken) await watchUsage(tx, touched, { present: presenters, presentFiring });
        if (dies) throw new Error('killed');
        return taken;
      });
    await expect(look(true)).rejects.toThrow('killed');
    expect(await look(false)).toBe(true);
    expect(await look(false)).toBe(false);
    await world.startWorker();
    expect(await toldOnce(customer, 1)).toEqual(['alert.triggered 3 at 3']);
  });
});

describe('what else use tells', () => {
  test('a cost is told per subscription, as it would stand on the invoice', async () => {
    const { customer, subscription } = await subscriber();
    const id = await alert({
      kind: 'cost',
      meter: undefined,
      currency: 'USD',
      subscription,
      thresholds: ['2.50', '100'],
    });
    await use(customer, 5);
    expect(await toldOnce(customer, 1)).toEqual(['alert.triggered 2.5 at 2.5']);
    expect((await get(`/v1/alerts/${id}/firings`))['data']).toMatchObject([
      { subscription, currency: 'USD' },
    ]);
  });

  test('use that is reported by hand is part of a cost, when it comes and when the alert does', async () => {
    const { customer, subscription } = await subscriber('seats');
    const cost = { kind: 'cost', meter: undefined, currency: 'USD' };
    const report = (quantity: number, record_key: string) =>
      post(`/v1/subscriptions/${subscription}/usage`, { key: 'seats', quantity, record_key });
    await alert({ ...cost, customer, thresholds: ['4', '100'] });
    await report(3, 'first');
    await report(1, 'second');
    await report(1, 'second');
    expect(await toldOnce(customer, 1)).toEqual(['alert.triggered 4 at 4']);
    await alert({ ...cost, subscription, name: 'Later', thresholds: ['3'] });
    expect((await toldOnce(customer, 2))[1]).toBe('alert.triggered 3 at 4');
  });

  test('a usage threshold of the plan is billed when metered events come to it, without anybody asking', async () => {
    const { customer, subscription, clock } = await subscriber('steps');
    await advance(clock, '2027-01-11T00:00:00Z');
    await use(customer, 39);
    await use(customer, 1);
    const invoice = await eventually(async () => {
      const invoices = (await get(`/v1/invoices?subscription=${subscription}`))['data'] as Record<
        string,
        unknown
      >[];
      return invoices.find((one) => one['billing_reason'] === 'threshold');
    });
    expect(invoice['total']).toMatchObject({ amount: '20.00' });
  });
});

test('an alert says by path what it cannot be', async () => {
  const usage = { name: 'Quota', kind: 'usage', meter: 'external:calls', thresholds: ['10'] };
  const cases: [object, string, string][] = [
    [{ kind: 'balance' }, 'kind', 'not_one_of'],
    [{ meter: undefined }, 'meter', 'required'],
    [{ meter: 'external:none' }, 'meter', 'not_found'],
    [{ currency: 'USD' }, 'currency', 'conflicting_fields'],
    [{ kind: 'cost' }, 'currency', 'required'],
    [{ kind: 'cost', currency: 'USD', reset: 'day' }, 'reset', 'conflicting_fields'],
    [{ customer: 'external:nobody' }, 'customer', 'not_found'],
    [{ subscription: 'external:nobody' }, 'subscription', 'not_found'],
    [{ thresholds: [] }, 'thresholds', 'too_small'],
    [{ thresholds: ['0'] }, 'thresholds[0]', 'amount_invalid'],
    [{ thresholds: ['2', '1'] }, 'thresholds[1]', 'not_ascending'],
  ];
  for (const [changes, path, code] of cases) {
    const reply = await send('post', '/v1/alerts', { key, body: { ...usage, ...changes } });
    expect([changes, reply.status, reply.body['errors']]).toMatchObject([changes, 422, [{ path, code }]]);
  }
});
