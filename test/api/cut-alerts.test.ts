import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type AlertsApi, openAlertsApi } from '../support/alerts.ts';

/** Alerts of periods that end earlier than they would have, while nobody uses anything. */
let api: AlertsApi;
const LATER = '2027-01-20T00:00:00Z';

beforeAll(async () => {
  api = await openAlertsApi();
  const price = { currency: 'USD', interval: { unit: 'month' } };
  const calls = { key: 'calls', model: 'per_unit', unit_amount: '2', meter: 'external:calls', ...price };
  await api.make('/v1/plans', { name: 'Big', external_id: 'big', prices: [calls] });
  const support = { key: 'support', model: 'flat', unit_amount: '9', ...price };
  await api.make('/v1/add_ons', { name: 'Support', external_id: 'support', prices: [support] });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

async function ask(subscription: string, command: string, body: object): Promise<void> {
  const reply = await api.send('post', `/v1/subscriptions/${subscription}/${command}`, {
    key: api.key,
    body,
  });
  expect([reply.status, reply.text]).toMatchObject([200, expect.any(String)]);
}

/** Someone of whose use four alerts have told, one of them of the month of the calendar. */
async function watched() {
  const who = await api.subscriber();
  const { customer, subscription } = who;
  await api.advance(who.clock, LATER);
  const calendar = await api.alert({ name: 'Calendar', customer, reset: 'month', thresholds: [5] });
  await api.alert({ name: 'His', customer, thresholds: [4] });
  await api.alert({ name: 'Its', subscription, thresholds: [3] });
  const cost = { kind: 'cost', meter: undefined, currency: 'USD', subscription };
  await api.alert({ name: 'Cost', ...cost, thresholds: ['1'] });
  await api.use(customer, 6);
  expect(new Set(await api.told(customer, 4))).toEqual(
    new Set([5, 4, 3].map((n) => `alert.triggered ${n} at 6`)).add('alert.triggered 1 at 3'),
  );
  return { ...who, calendar };
}
const RESOLVED = [1, 3, 4].map((n) => `alert.resolved ${n} period_over`);

describe('an open alert of a billing period', () => {
  test.each(['cancel', 'pause'])('is resolved when a %s ends it, one of the calendar is not', async (how) => {
    const { customer, subscription, calendar } = await watched();
    await ask(subscription, how, how === 'cancel' ? { mode: 'now' } : {});
    // Whoever has no period any more is watched by months, and may be told of his use once more after these.
    expect((await api.told(customer, 7)).slice(4, 7).toSorted()).toEqual(RESOLVED);
    const open = (await api.look(`/v1/alerts/${calendar}/firings?resolved=false`))['data'];
    expect(open).toMatchObject([{ threshold: '5', resolved_at: null }]);
  });

  test('is resolved when a change of plan begins another, and triggered again in that', async () => {
    const { customer, subscription } = await watched();
    await ask(subscription, 'change', { plan: 'external:big', anchor: 'reset' });
    expect((await api.told(customer, 7)).slice(4).toSorted()).toEqual(RESOLVED);
    const event = { idempotency_key: `after ${customer}`, event_name: 'call', customer_id: customer };
    const body = { ...event, timestamp: LATER, properties: { n: 4 } };
    await api.send('post', '/v1/events', { key: api.key, body });
    expect((await api.told(customer, 10)).slice(7).toSorted()).toEqual([
      'alert.triggered 1 at 8',
      'alert.triggered 3 at 4',
      'alert.triggered 4 at 4',
    ]);
  });

  test('goes on when something joins that is not used, and says nothing twice', async () => {
    const { customer, subscription } = await watched();
    await ask(subscription, 'change', { add_ons: [{ add_on: 'external:support' }] });
    await api.alert({ name: 'After', customer, thresholds: [7] });
    await api.use(customer, 1);
    expect((await api.told(customer, 5)).slice(4)).toEqual(['alert.triggered 7 at 7']);
  });

  test('is resolved for who lives by the clock on the wall, too', async () => {
    const customer = await api.make('/v1/customers', { name: 'Eve', currency: 'USD' });
    await api.make(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
    const subscription = await api.make('/v1/subscriptions', { customer, plan: 'external:pro' });
    await api.alert({ subscription, thresholds: [2] });
    const event = { idempotency_key: 'of Eve', event_name: 'call', customer_id: customer };
    const body = { ...event, timestamp: new Date().toISOString(), properties: { n: 2 } };
    await api.send('post', '/v1/events', { key: api.key, body });
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 2 at 2']);
    await ask(subscription, 'cancel', { mode: 'now' });
    expect((await api.told(customer, 2))[1]).toBe('alert.resolved 2 period_over');
  });
});
