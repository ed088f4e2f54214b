import type { Watched } from './one-number.ts';
import { eventually } from './stories.ts';
import { ruleOf } from './usage.ts';

/** A customer who is billed for every kind of meter, and what a test has to know of them to count for itself. */
export const ZONE = 'Asia/Kathmandu';
/** Local midnights of a zone at :45, so that periods begin and end within an hour of the sub-totals. */
export const MARCH = { start: new Date('2027-02-28T18:15:00Z'), end: new Date('2027-03-31T18:15:00Z') };
const QUARTER = { start: new Date('2026-12-31T18:15:00Z'), end: MARCH.end };
export const NOW = new Date('2027-03-20T06:20:00Z');

export type Json = Record<string, unknown>;
/** Sends a request to the API; throws unless it is answered well. */
export type Ask = (method: string, path: string, body?: Json) => Promise<Json>;
export type Named = Watched & { key: string };
export const idOf = (body: Json): string => String(body['id']);
export const listed = (body: Json): Json[] => body['data'] as Json[];

const monthly = { currency: 'USD', interval: { unit: 'month' } };
const eachCosts = (unit_amount: string) => ({ model: 'per_unit', unit_amount });
const byRegion = {
  model: 'matrix',
  dimensions: ['region'],
  cells: [{ values: ['eu'], unit_amount: '0.31' }],
  default_unit_amount: '0.17',
};
const steps = {
  model: 'graduated',
  tiers: [
    { up_to: '5', unit_amount: '0.5' },
    { up_to: null, unit_amount: '0.13', flat_amount: '2' },
  ],
};
const METERS: { key: string; body: Json; price: Json }[] = [
  {
    key: 'count',
    body: { aggregation: 'count', filters: [{ property: 'tier', values: ['1'] }] },
    price: steps,
  },
  {
    key: 'sum',
    body: { aggregation: 'sum', property: 'size', rounding: { mode: 'round', digits: 1 } },
    price: eachCosts('0.07'),
  },
  {
    key: 'matrix',
    body: { aggregation: 'sum', property: 'size', group_by: ['region'], rounding: { mode: 'ceil' } },
    price: byRegion,
  },
  {
    key: 'max',
    body: { aggregation: 'max', property: 'size', bucket: 'day', rounding: { mode: 'ceil' } },
    price: eachCosts('0.5'),
  },
  { key: 'least', body: { aggregation: 'min', property: 'size', bucket: 'hour' }, price: eachCosts('0.011') },
  { key: 'latest', body: { aggregation: 'latest', property: 'size' }, price: eachCosts('1.1') },
  { key: 'unique', body: { aggregation: 'unique_count', property: 'user' }, price: eachCosts('3') },
  {
    key: 'product',
    body: {
      aggregation: 'sum_product',
      property: 'size',
      factor_property: 'rate',
      rounding: { mode: 'floor', digits: 2 },
    },
    price: eachCosts('0.01'),
  },
];

/** A customer at a test clock who has every kind of meter by the month, and one by the quarter in an add-on. */
export async function stage(tenantId: string, ask: Ask) {
  const post = (path: string, body: Json) => ask('post', path, body);
  const clock = idOf(await post('test_clocks', { name: 'clock', now: QUARTER.start.toISOString() }));
  const customer = idOf(
    await post('customers', { name: 'Ada', currency: 'USD', time_zone: ZONE, test_clock: clock }),
  );
  await post(`customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
  const watched: Named[] = [];
  const features = new Map<string, string>();
  const meterOf = async (named: string, event_name: string, body: Json, period: Watched['period']) => {
    const meter = idOf(await post('meters', { name: named, event_name, ...body }));
    const changes = {
      meterId: meter,
      eventName: event_name,
      property: null,
      ...ruleChanges(body),
    };
    watched.push({
      key: named,
      rule: ruleOf(tenantId, body['aggregation'] as 'sum', changes),
      by: (body['group_by'] as string[]) ?? [],
      period,
    });
    features.set(named, idOf(await post('features', { name: named, kind: 'metered', meter })));
    return meter;
  };
  const prices: Json[] = [];
  for (const { key: named, body, price } of METERS)
    prices.push({ key: named, ...monthly, ...price, meter: await meterOf(named, 'call', body, MARCH) });
  const stored = await meterOf('stored', 'store', { aggregation: 'sum', property: 'size' }, QUARTER);
  const quarterly = { currency: 'USD', interval: { unit: 'month', count: 3 }, meter: stored };
  const addOn = idOf(
    await post('add_ons', {
      name: 'Storage',
      prices: [{ key: 'stored', ...eachCosts('0.02'), ...quarterly }],
    }),
  );
  const plan = idOf(await post('plans', { name: 'Everything', prices }));
  const subscription = idOf(await post('subscriptions', { customer, plan, add_ons: [{ add_on: addOn }] }));
  for (const feature of features.values())
    await ask('put', `customers/${customer}/entitlements/${feature}`, { limit: null });
  const advance = async (to: Date) => {
    await post(`test_clocks/${clock}/advance`, { to: to.toISOString() });
    await eventually(
      () => ask('get', `test_clocks/${clock}`),
      ({ status }) => status === 'ready',
    );
  };
  await advance(NOW);
  return { ask, customer, subscription, watched, features, advance };
}
export type Stage = Awaited<ReturnType<typeof stage>>;

function ruleChanges(body: Json) {
  const rounding = body['rounding'] as { mode: 'ceil'; digits?: number } | undefined;
  return {
    ...(typeof body['property'] === 'string' ? { property: body['property'] } : {}),
    factorProperty: (body['factor_property'] as string) ?? null,
    bucket: (body['bucket'] as 'day') ?? null,
    filters: (body['filters'] as []) ?? [],
    rounding: rounding ? { digits: 0, ...rounding } : null,
  };
}
