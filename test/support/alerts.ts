import { expect } from '@jest/globals';
import { eventually } from './money.ts';
import { openWorldApi, type WorldApi } from './world-api.ts';

/** Calls that are metered, plans that sell them, and alerts that say that their use has come to an amount. */
export type AlertsApi = WorldApi & {
  /** A customer on a clock of its own, subscribed since the clock's begin. */
  subscriber(plan?: string): Promise<{ customer: string; subscription: string; clock: string }>;
  alert(more: object): Promise<string>;
  /** Sends one event for each amount; answers their keys. */
  use(customer: string, ...amounts: (string | number)[]): Promise<string[]>;
  /** What was told of a customer, oldest first, as soon as it is so much: `alert.triggered 10 at 12`. */
  told(customer: string, count: number): Promise<string[]>;
  advance(clock: string, to: string): Promise<void>;
};

/** When the clocks begin, and all use happens. */
export const CLOCK = '2027-01-10T00:00:00Z';

export async function openAlertsApi(): Promise<AlertsApi> {
  const api = await openWorldApi();
  const { key, make, look, send } = api;
  await makePlans(api);
  let sent = 0;
  return {
    ...api,
    async subscriber(plan = 'pro') {
      const clock = await make('/v1/test_clocks', { now: CLOCK });
      const customer = await make('/v1/customers', { name: 'Ada', currency: 'USD', test_clock: clock });
      await make(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
      const subscription = await make('/v1/subscriptions', { customer, plan: `external:${plan}` });
      return { customer, subscription, clock };
    },
    alert: (more) =>
      make('/v1/alerts', {
        name: 'Quota',
        kind: 'usage',
        meter: 'external:calls',
        thresholds: [10, '20.5'],
        ...more,
      }),
    async use(customer_id, ...amounts) {
      const events = amounts.map((n) => {
        sent += 1;
        const event = { idempotency_key: `e${sent}`, event_name: 'call', customer_id };
        return { ...event, timestamp: CLOCK, properties: { n } };
      });
      const reply = await send('post', '/v1/events', { key, body: { events } });
      expect([reply.status, reply.body]).toMatchObject([200, { accepted: amounts.length }]);
      return events.map(({ idempotency_key }) => idempotency_key);
    },
    told: (customer, count) =>
      eventually(async () => {
        const all = await toldOf(api, customer);
        return all.length >= count && all;
      }),
    async advance(clock, to) {
      await send('post', `/v1/test_clocks/${clock}/advance`, { key, body: { to } });
      await eventually(async () => (await look(`/v1/test_clocks/${clock}`))['status'] === 'ready');
    },
  };
}

async function makePlans({ make }: WorldApi): Promise<void> {
  const calls = { name: 'Calls', event_name: 'call', aggregation: 'sum', property: 'n' };
  await make('/v1/meters', { ...calls, external_id: 'calls' });
  const price = { currency: 'USD', interval: { unit: 'month' } };
  const metered = { key: 'calls', model: 'per_unit', unit_amount: '0.5', meter: 'external:calls', ...price };
  await make('/v1/plans', { name: 'Pro', external_id: 'pro', prices: [metered] });
  const reported = { key: 'seats', model: 'per_unit', billing: 'usage', unit_amount: '1', ...price };
  await make('/v1/plans', { name: 'Seats', external_id: 'seats', prices: [reported] });
  const usage_thresholds = [{ amount: '20.00' }];
  await make('/v1/plans', { name: 'Steps', external_id: 'steps', prices: [metered], usage_thresholds });
}

async function toldOf({ look }: WorldApi, customer: string): Promise<string[]> {
  const events = (await look('/v1/webhook_events?limit=100&type=alert.triggered&type=alert.resolved'))[
    'data'
  ];
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
