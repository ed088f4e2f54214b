import fc from 'fast-check';
import type { Body, PlanIn } from './catalogues.ts';
import { rarely } from './catalogues.ts';
import { dayAfter, dayOf } from './naive-calendar.ts';
import { timeline } from './timelines.ts';

/**
 * Random lives whose usage is counted by meters: what they use is sent as events, some of them late, some of them too
 * late, and what was sent is amended and deprecated.
 */

const DAY_MS = 86_400_000;
const SPREAD_DAYS = 160;
const AGGREGATIONS = ['count', 'sum', 'sum', 'max', 'min', 'latest', 'unique_count', 'sum_product'] as const;

const correction = fc.record({
  /** Of the events that were sent before. */
  which: fc.nat({ max: 99 }),
  afterDays: fc.integer({ min: 0, max: 40 }),
  kind: fc.constantFrom('amend', 'amend', 'deprecate', 'again'),
  amount: fc.nat({ max: 999 }),
});

const extra = fc.record({
  /** Where in the first months it was used, in thousandths. */
  part: fc.nat({ max: 999 }),
  key: fc.constantFrom('usage' as const, 'usage' as const, 'events' as const),
  amount: fc.nat({ max: 9_999 }),
  region: fc.constantFrom('eu', 'us', 'jp'),
});

/** A second subscription that counts only what names it, and what it uses. */
const other = fc.record({
  part: fc.nat({ max: 700 }),
  /** Now and then it is to count the customer's events, which is refused as long as somebody does. */
  isScoped: fc.constantFrom(true, true, false),
  used: fc.array(fc.record({ part: fc.nat({ max: 999 }), amount: fc.nat({ max: 9_999 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
});

/** How the meter of what adds up counts from some instant or from the start of a month on. */
const newVersion = fc.record({
  aggregation: fc.constantFrom(...AGGREGATIONS),
  digits: rarely(fc.integer({ min: -1, max: 1 }), 3),
  bucket: rarely(fc.constantFrom('hour' as const, 'day' as const), 6),
  /** 0: anywhere. */
  months: fc.integer({ min: 0, max: 5 }),
  part: fc.nat({ max: 999 }),
});

export const rawMetering = fc.record({
  aggregation: fc.constantFrom(...AGGREGATIONS),
  bucket: rarely(fc.constantFrom('hour' as const, 'day' as const), 4),
  rounding: rarely(
    fc.record({ mode: fc.constantFrom('round', 'ceil', 'floor'), digits: fc.integer({ min: -1, max: 1 }) }),
    3,
  ),
  onlyEurope: rarely(fc.constant(true), 5),
  lateWindowDays: rarely(fc.integer({ min: 1, max: 80 }), 3),
  /** How late the n-th event is sent, in days; 0 is at once. */
  lateDays: fc.array(fc.constantFrom(0, 0, 0, 0, 2, 11, 33, 45), { minLength: 1, maxLength: 7 }),
  corrections: fc.array(correction, { maxLength: 4 }),
  extra: fc.array(extra, { maxLength: 9 }),
  tail: fc.boolean(),
  /** What had been used before a start in the past was asked for. */
  early: rarely(
    fc.record({
      days: fc.integer({ min: 1, max: 80 }),
      amounts: fc.array(fc.nat({ max: 9_999 }), { minLength: 1, maxLength: 3 }),
    }),
    4,
  ),
  other: rarely(other, 4),
  version: rarely(newVersion, 2),
  /** Which events name the subscription that counts them anyway. */
  named: rarely(fc.integer({ min: 1, max: 3 }), 4),
  endsAfterDays: rarely(fc.integer({ min: 20, max: 150 }), 2),
});
type RawMetering = typeof rawMetering extends fc.Arbitrary<infer T> ? T : never;

type Action = Body['timeline'][number];
type Sent = Extract<Action, { action: 'event' }>;

function useOf(begins: number, { part, key, amount, region }: RawMetering['extra'][number]): Action {
  const at = begins + Math.floor((part / 1_000) * SPREAD_DAYS * DAY_MS) + 61_011;
  const common = { at: iso(at), subscription: 'main', key } as const;
  return { ...common, action: 'use', quantity: (amount / 100).toFixed(2), properties: { region } };
}

const endOf = (begins: number, days: number): Action => ({
  at: iso(begins + days * DAY_MS + 40_000_001),
  action: 'cancel',
  subscription: 'main',
  mode: 'now',
});

/** Lives that the naive model tells as well: some of them are counted by meters. */
export const modelTimeline: fc.Arbitrary<Body> = fc
  .tuple(timeline, rarely(rawMetering, 3))
  .map(([body, metering]) => (metering ? withMeters(body, metering) : body));

/** The same life with a meter behind each of its usage prices. */
export function withMeters(lived: Body, raw: RawMetering): Body {
  const body = datedBack(lived, raw);
  const { plans = [], ...catalogue } = body.catalogue ?? {};
  let sent = 0;
  const begins = Date.parse(body.timeline[0]?.at ?? body.until);
  const ends = raw.endsAfterDays === null ? [] : [endOf(begins, raw.endsAfterDays)];
  const used = raw.extra.map((one) => useOf(begins, one));
  const besides = raw.other ? otherLife(body, begins, raw.other) : [];
  const timeline = [...body.timeline, ...used, ...ends].flatMap((action): Action[] => {
    if (action.action !== 'use') return [action];
    sent += 1;
    const event = eventOf(action, sent, raw.lateDays[sent % raw.lateDays.length] ?? 0);
    return [raw.named !== null && sent % raw.named === 0 ? { ...event, subscription: 'main' } : event];
  });
  timeline.push(...besides, ...earlyEvents(body, begins, raw));
  const events = timeline.filter((action): action is Sent => action.action === 'event');
  const tail = raw.tail ? events.slice(-3).map((event, n) => trailing(event, n)) : [];
  const corrected = raw.corrections.flatMap((one) => correctionOf([...events, ...tail], one));
  const until = Date.parse(body.until);
  return {
    ...body,
    catalogue: {
      ...catalogue,
      plans: plans.map(metered),
      meters: metersOf(raw, versionsOf(body, begins, raw)),
    },
    tenant: {
      ...body.tenant,
      ...(raw.lateWindowDays === null ? {} : { late_window_days: raw.lateWindowDays }),
    },
    timeline: [...timeline, ...tail, ...corrected]
      .filter(({ at }) => Date.parse(at) <= until)
      .sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
  };
}

type MeterIn = NonNullable<NonNullable<Body['catalogue']>['meters']>[number];
type Versions = NonNullable<MeterIn['versions']>;

/** What an aggregation looks at. */
function lookingAt(aggregation: MeterIn['aggregation']) {
  return {
    ...(aggregation === 'count' ? {} : { property: aggregation === 'unique_count' ? 'region' : 'amount' }),
    ...(aggregation === 'sum_product' ? { factor_property: 'factor' } : {}),
  };
}

/** A date is the local midnight at which a period may begin. */
function versionsOf(body: Body, begins: number, { version }: RawMetering): Versions {
  if (version === null) return [];
  const { aggregation, digits, bucket, months, part } = version;
  const zone = body.customer?.time_zone ?? 'UTC';
  const [first] = body.timeline;
  const starts = first?.action === 'subscribe' && first.start_at ? Date.parse(first.start_at) : begins;
  const effective_at =
    months === 0
      ? iso(begins + Math.floor((part / 1_000) * SPREAD_DAYS * DAY_MS))
      : iso(dayAfter(dayOf(starts, zone), { unit: 'month', count: 1 }, months) * DAY_MS).slice(0, 10);
  const rounding = digits === null ? null : { mode: 'ceil' as const, digits };
  return [{ aggregation, ...lookingAt(aggregation), bucket, rounding, effective_at }];
}

/** The same life, begun in the past where nothing speaks against it. */
function datedBack(body: Body, { early }: RawMetering): Body {
  const [first, ...rest] = body.timeline;
  if (early === null || first?.action !== 'subscribe') return body;
  if (first.start_at ?? first.trial_days ?? first.billing_anchor ?? first.cycles) return body;
  const start_at = iso(Date.parse(first.at) - early.days * DAY_MS);
  return { ...body, timeline: [{ ...first, start_at }, ...rest] };
}

function earlyEvents(body: Body, begins: number, { early }: RawMetering): Action[] {
  const [first] = body.timeline;
  if (early === null || first?.action !== 'subscribe' || first.start_at === undefined) return [];
  const back = begins - Date.parse(first.start_at);
  if (back <= 0) return [];
  return early.amounts.map((amount, n) => ({
    at: iso(begins - 1_000 + n),
    action: 'event',
    idempotency_key: `early ${n}`,
    event_name: 'used',
    timestamp: iso(begins - 1_000 - Math.floor((back * amount) / 10_000)),
    properties: { amount: (amount / 100).toFixed(2), factor: 2, region: 'eu' },
  }));
}

/** Another subscription of the same plan some weeks later, with events of its own, and one of before it was there. */
function otherLife(
  body: Body,
  begins: number,
  { part, isScoped, used }: NonNullable<RawMetering['other']>,
): Action[] {
  const first = body.timeline[0];
  if (first?.action !== 'subscribe') return [];
  const at = begins + Math.floor((part / 1_000) * SPREAD_DAYS * DAY_MS) + 5_003;
  const { plan, items } = first;
  const name = 'other';
  return [
    {
      at: iso(at),
      action: 'subscribe',
      subscription: name,
      plan,
      ...(isScoped ? { usage_scope: 'subscription' as const } : {}),
      ...(items ? { items } : {}),
    },
    ...used.map(({ part: spot, amount }, n): Action => {
      const usedAt = at + Math.floor((spot / 1_000) * SPREAD_DAYS * DAY_MS) + 61_013 + n;
      return {
        at: iso(usedAt),
        action: 'event',
        subscription: name,
        idempotency_key: `other ${n}`,
        event_name: n % 3 === 2 ? 'happened' : 'used',
        properties: { amount: (amount / 100).toFixed(2), factor: 1 + (n % 3), region: 'eu' },
      };
    }),
  ];
}

function metersOf({ aggregation, bucket, rounding, onlyEurope }: RawMetering, versions: Versions): MeterIn[] {
  return [
    {
      id: 'usage',
      event_name: 'used',
      aggregation,
      ...lookingAt(aggregation),
      ...(onlyEurope ? { filters: [{ property: 'region', values: ['eu', 'jp'] }] } : {}),
      ...(bucket ? { bucket } : {}),
      ...(rounding ? { rounding } : {}),
      ...(versions.length > 0 ? { versions } : {}),
    },
    {
      id: 'events',
      event_name: 'happened',
      aggregation: 'sum' as const,
      property: 'amount',
      group_by: ['region'],
    },
  ];
}

function metered(plan: PlanIn): PlanIn {
  return {
    ...plan,
    prices: plan.prices.map((price) =>
      price.key === 'usage' || price.key === 'events' ? { ...price, meter: `external:${price.key}` } : price,
    ),
  };
}

function eventOf(
  { at, key, quantity, properties }: Extract<Action, { action: 'use' }>,
  n: number,
  lateDays: number,
): Sent {
  return {
    at: iso(Date.parse(at) + lateDays * DAY_MS),
    action: 'event',
    idempotency_key: `event ${n}`,
    event_name: key === 'usage' ? 'used' : 'happened',
    timestamp: at,
    // Some of them are no number for a meter.
    properties: { amount: n % 9 === 0 ? 'many' : String(quantity), factor: n % 4, ...properties },
  };
}

/** What was used once more, and is told a month later: perhaps when everything has ended. */
function trailing({ at, timestamp = at, ...event }: Sent, n: number): Sent {
  return {
    ...event,
    at: iso(Date.parse(timestamp) + 34 * DAY_MS + n),
    timestamp: iso(Date.parse(timestamp) + 1),
    idempotency_key: `${event.idempotency_key} again`,
  };
}

function correctionOf(
  sent: readonly Sent[],
  { which, afterDays, kind, amount }: RawMetering['corrections'][number],
): Action[] {
  const event = sent[which % Math.max(1, sent.length)];
  if (!event) return [];
  const at = iso(Date.parse(event.at) + afterDays * DAY_MS + 7);
  const { idempotency_key } = event;
  if (kind === 'deprecate') return [{ at, action: 'deprecate_event', idempotency_key }];
  if (kind === 'again') return [{ ...event, at }];
  const properties = { ...event.properties, amount: (amount / 10).toFixed(1) };
  return [{ ...event, at, action: 'amend_event', properties }];
}

const iso = (t: number) => new Date(t).toISOString();
