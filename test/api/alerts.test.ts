import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type AlertsApi, CLOCK, openAlertsApi } from '../support/alerts.ts';
import { eventually } from '../support/money.ts';

/** Who is told that use has come to an amount: events over HTTP, and a worker that looks at what they touched. */
let api: AlertsApi;
beforeAll(async () => {
  api = await openAlertsApi();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

describe('an alert on usage', () => {
  test('adds up the groups by which its meter is priced, each rounded as on the invoice', async () => {
    const price = { currency: 'USD', interval: { unit: 'month' }, meter: 'external:parts' };
    const counting = { aggregation: 'sum', property: 'n', group_by: ['region'], rounding: { mode: 'ceil' } };
    await api.make('/v1/meters', { name: 'Parts', external_id: 'parts', event_name: 'part', ...counting });
    const cells = [{ values: ['eu'], unit_amount: '2' }];
    const matrix = { model: 'matrix', dimensions: ['region'], cells, default_unit_amount: '1' };
    await api.make('/v1/plans', {
      name: 'P',
      external_id: 'parts',
      prices: [{ key: 'parts', ...matrix, ...price }],
    });
    const { customer } = await api.subscriber('parts');
    await api.alert({ customer, meter: 'external:parts', thresholds: ['2'] });
    const events = ['eu', 'us'].map((region) => ({
      idempotency_key: `part of ${region}`,
      event_name: 'part',
      customer_id: customer,
      timestamp: CLOCK,
      properties: { n: '0.2', region },
    }));
    await api.send('post', '/v1/events', { key: api.key, body: { events } });
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 2 at 2']);
  });

  test('is triggered at exactly the threshold, once, by a batch that comes to it twice', async () => {
    const { customer } = await api.subscriber();
    const id = await api.alert({ customer });
    await api.use(customer, 6, 4, 0, 0.25);
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 10 at 10.25']);
    await api.use(customer, 1);
    await api.use(customer, '9.25');
    expect(await api.told(customer, 2)).toEqual([
      'alert.triggered 10 at 10.25',
      'alert.triggered 20.5 at 20.5',
    ]);
    const firings = (await api.look(`/v1/alerts/${id}/firings?resolved=false`))['data'];
    expect(firings).toMatchObject([
      { object: 'alert_firing', alert: id, customer, threshold: '20.5', resolved_at: null },
      { threshold: '10', period: { start: expect.any(String), end: expect.any(String) } },
    ]);
  });

  test('says both thresholds of a jump, and that a correction took one back', async () => {
    const { customer } = await api.subscriber();
    await api.alert({ customer });
    const [first = ''] = await api.use(customer, 30);
    expect(await api.told(customer, 2)).toEqual(['alert.triggered 10 at 30', 'alert.triggered 20.5 at 30']);
    const amended = { event_name: 'call', customer_id: customer, timestamp: CLOCK, properties: { n: 15 } };
    const reply = await api.send('put', `/v1/events/${first}`, { key: api.key, body: amended });
    expect([reply.status, reply.text]).toMatchObject([200, expect.any(String)]);
    expect((await api.told(customer, 3))[2]).toBe('alert.resolved 20.5 below');
    // Once per period: coming to it again says nothing new.
    await api.use(customer, 50);
    await api.alert({ customer, name: 'Other', thresholds: [60] });
    expect((await api.told(customer, 4))[3]).toBe('alert.triggered 60 at 65');
  });

  test('is resolved when the period is over, and triggered again in the next', async () => {
    const { customer, clock } = await api.subscriber();
    await api.alert({ customer, thresholds: [5] });
    await api.use(customer, 5);
    await api.told(customer, 1);
    await api.advance(clock, '2027-02-15T00:00:00Z');
    expect((await api.told(customer, 2))[1]).toBe('alert.resolved 5 period_over');
    const event = { idempotency_key: 'february', event_name: 'call', customer_id: customer };
    await api.send('post', '/v1/events', {
      key: api.key,
      body: { ...event, timestamp: '2027-02-14T00:00:00Z', properties: { n: 7 } },
    });
    expect((await api.told(customer, 3))[2]).toBe('alert.triggered 5 at 7');
  });

  test('of nobody in particular looks at each customer by itself, and one that is archived at nobody', async () => {
    const [one, other] = [await api.subscriber(), await api.subscriber()];
    const id = await api.alert({ name: 'Everybody', thresholds: [1000] });
    await api.use(one.customer, 600);
    await api.use(other.customer, 1000);
    expect(await api.told(other.customer, 1)).toEqual(['alert.triggered 1000 at 1000']);
    await api.send('post', `/v1/alerts/${id}/archive`, { key: api.key, body: {} });
    await api.alert({ customer: one.customer, thresholds: [1200] });
    await api.use(one.customer, 600);
    expect(await api.told(one.customer, 1)).toEqual(['alert.triggered 1200 at 1200']);
  });

  test('looks at distinct values, too, which have no sub-totals', async () => {
    const { customer } = await api.subscriber();
    const people = { name: 'People', event_name: 'call', aggregation: 'unique_count', property: 'n' };
    const meter = await api.make('/v1/meters', people);
    await api.alert({ customer, meter, thresholds: [2, 3] });
    await api.use(customer, 'ada', 'ada', 'eve');
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 2 at 2']);
    const [last = ''] = await api.use(customer, 'joe');
    expect(await api.told(customer, 2)).toEqual(['alert.triggered 2 at 2', 'alert.triggered 3 at 3']);
    await api.send('post', `/v1/events/${last}/deprecate`, { key: api.key, body: {} });
    expect((await api.told(customer, 3))[2]).toBe('alert.resolved 3 below');
  });
});

describe('what else use tells', () => {
  test('a cost is told per subscription, as it would stand on the invoice', async () => {
    const { customer, subscription } = await api.subscriber();
    const id = await api.alert({
      kind: 'cost',
      meter: undefined,
      currency: 'USD',
      subscription,
      thresholds: ['2.50', '100'],
    });
    await api.use(customer, 5);
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 2.5 at 2.5']);
    expect((await api.look(`/v1/alerts/${id}/firings`))['data']).toMatchObject([
      { subscription, currency: 'USD' },
    ]);
  });

  test('use that is reported by hand is part of a cost, when it comes and when the alert does', async () => {
    const { customer, subscription } = await api.subscriber('seats');
    const cost = { kind: 'cost', meter: undefined, currency: 'USD' };
    const report = (quantity: number, record_key: string) =>
      api.make(`/v1/subscriptions/${subscription}/usage`, { key: 'seats', quantity, record_key });
    await api.alert({ ...cost, customer, thresholds: ['4', '100'] });
    await report(3, 'first');
    await report(1, 'second');
    await report(1, 'second');
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 4 at 4']);
    await api.alert({ ...cost, subscription, name: 'Later', thresholds: ['3'] });
    expect((await api.told(customer, 2))[1]).toBe('alert.triggered 3 at 4');
  });

  test('a usage threshold of the plan is billed when metered events come to it, without anybody asking', async () => {
    const { customer, subscription, clock } = await api.subscriber('steps');
    await api.advance(clock, '2027-01-11T00:00:00Z');
    await api.use(customer, 39);
    await api.use(customer, 1);
    const invoice = await eventually(async () => {
      const invoices = (await api.look(`/v1/invoices?subscription=${subscription}`))['data'] as Record<
        string,
        unknown
      >[];
      return invoices.find((one) => one['billing_reason'] === 'threshold');
    });
    expect(invoice['total']).toMatchObject({ amount: '20.00' });
  });
});
