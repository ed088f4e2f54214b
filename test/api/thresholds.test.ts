import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/stories.ts';
import { closeKept, openWorldApi, type WorldApi } from '../support/world-api.ts';

/** Thresholds over HTTP, in the present: what is reported brings its invoice about by itself. */
let api: WorldApi;

beforeAll(async () => {
  api = await openWorldApi();
});
afterAll(() => closeKept(api));

type Json = Record<string, unknown>;

async function post(path: string, body: Json): Promise<Json> {
  const reply = await api.send('post', path, { key: api.key, body });
  if (reply.status !== 201) throw new Error(`${path}: ${reply.text}`);
  return reply.body;
}

const calls = {
  key: 'calls',
  name: 'Calls',
  model: 'per_unit',
  billing: 'usage',
  unit_amount: '0.01',
  currency: 'USD',
  interval: { unit: 'month' },
};
const thresholds = [{ amount: '10.00' }, { amount: '5.00', recurring: true }];
const shown = [
  { amount: { amount: '10.00', currency: 'USD' }, recurring: false },
  { amount: { amount: '5.00', currency: 'USD' }, recurring: true },
];

/** A subscription of the present to a plan with these thresholds. */
async function subscribe(more: Json = {}): Promise<string> {
  const plan = await post('/v1/plans', { name: 'Calls', prices: [calls], usage_thresholds: thresholds });
  const customer = await post('/v1/customers', { name: 'Ada', currency: 'USD' });
  await post(`/v1/customers/${String(customer['id'])}/payment_methods`, { token: 'tok_succeeds' });
  const terms = { customer: customer['id'], plan: plan['id'], ...more };
  return String((await post('/v1/subscriptions', terms))['id']);
}

const use = (id: string, quantity: number, more: Json = {}) =>
  post(`/v1/subscriptions/${id}/usage`, { key: 'calls', quantity, ...more });

/** Its invoices, the oldest first, as reason, status and total. */
async function invoicesOf(id: string): Promise<string[]> {
  const { data } = await api.look(`/v1/invoices?subscription=${id}&limit=100`);
  return (data as Json[])
    .map(({ billing_reason, status, total }) => [billing_reason, status, (total as Json)['amount']].join(' '))
    .toReversed();
}

const thresholdInvoices = (id: string, count: number) =>
  eventually(
    () => invoicesOf(id),
    (invoices) => invoices.filter((invoice) => invoice.startsWith('threshold paid')).length === count,
  );

test('a plan shows its thresholds, and a version has its own', async () => {
  const plan = await post('/v1/plans', { name: 'Calls', prices: [calls], usage_thresholds: thresholds });
  expect(plan['usage_thresholds']).toEqual(shown);
  const next = await post(`/v1/plans/${String(plan['id'])}/versions`, { prices: [calls] });
  expect(next['usage_thresholds']).toEqual([]);
  expect((await api.look(`/v1/plans/${String(plan['id'])}?version=1`))['usage_thresholds']).toEqual(shown);
});

describe('in the present', () => {
  test('what comes to a threshold is billed and paid without the period coming to its end', async () => {
    const id = await subscribe({ billing_cycle: 'calendar' });
    await use(id, 900);
    await use(id, 100, { record_key: 'once' });
    await use(id, 100, { record_key: 'once' });
    expect(await thresholdInvoices(id, 1)).toContain('threshold paid 10.00');
    await use(id, 499);
    await use(id, 1);
    expect(await thresholdInvoices(id, 2)).toContain('threshold paid 5.00');
    const subscription = await api.look(`/v1/subscriptions/${id}`);
    expect(subscription).toMatchObject({ status: 'active', next_step: { step: 'close_period' } });
    const { data } = await api.look(`/v1/invoices?subscription=${id}`);
    const { lines } = await api.look(`/v1/invoices/${String((data as Json[])[0]?.['id'])}`);
    expect(lines).toMatchObject([
      {
        description: 'Calls (so far)',
        quantity: '1500',
        trace: { limits: { rated: '15', already_billed: '10' } },
      },
    ]);
    for (const mode of ['now', 'period_end']) {
      const preview = await api.send('post', `/v1/subscriptions/${id}/cancel/preview`, {
        key: api.key,
        body: { mode },
      });
      expect([preview.status, preview.body['lines']]).toMatchObject([
        200,
        [{ description: 'Calls', quantity: '1500', amount: { amount: '0.00', currency: 'USD' } }],
      ]);
    }
    const done = await api.send('post', `/v1/subscriptions/${id}/cancel`, {
      key: api.key,
      body: { mode: 'now' },
    });
    expect(done.status).toBe(200);
    expect((await invoicesOf(id)).at(-1)).toBe('subscription_cancel paid 0.00');
  });

  test('reported by many at once, everything is billed once', async () => {
    const id = await subscribe();
    await Promise.all(Array.from({ length: 12 }, () => use(id, 150)));
    await eventually(
      () => api.look(`/v1/subscriptions/${id}`),
      ({ next_step: next }) => (next as Json)['step'] === 'close_period',
    );
    await api.send('post', `/v1/subscriptions/${id}/cancel`, { key: api.key, body: { mode: 'now' } });
    const totals = (await invoicesOf(id)).map((invoice) => Number(invoice.split(' ').at(-1)));
    expect(totals.reduce((sum, total) => sum + total, 0)).toBe(18);
    expect(
      (await invoicesOf(id)).filter((invoice) => invoice.startsWith('threshold')).length,
    ).toBeGreaterThan(0);
  });
});
