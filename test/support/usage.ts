import { sql } from 'kysely';
import { AGGREGATIONS, type Aggregation, type CountingRule } from '../../src/domain/meter.ts';
import { Decimal } from '../../src/domain/money.ts';
import { bucketStarts } from '../../src/domain/usage-buckets.ts';
import type { UsageQuestion } from '../../src/persistence/count-usage.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { insertMeter, insertMeterVersion } from '../../src/persistence/meters.ts';
import { query } from '../../src/persistence/rows.ts';

/** An event as it stands in its table, and as the naive count knows it. */
export type PlantedEvent = {
  key: string;
  revision: number;
  eventName: string;
  customerId: string;
  subscriptionId: string | null;
  at: Date;
  properties: Record<string, unknown>;
};

/** Appends events past the API: what is asked of counting does not depend on how they came. */
export async function plantEvents(tx: Tx, tenantId: string, events: readonly PlantedEvent[]): Promise<void> {
  const rows = events.map((event) => ({ ...event, at: event.at.toISOString() }));
  await query(
    tx,
    sql`insert into usage_events (tenant_id, key, revision, event_name, customer_id, subscription_id, event_at, properties, ingested_at)
      select ${tenantId}, e.key, e.revision, e."eventName", e."customerId", e."subscriptionId", e.at, e.properties, now()
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as e(key text, revision int, "eventName" text, "customerId" text, "subscriptionId" text, at timestamptz, properties jsonb)`,
  );
}

export async function voidEvent(tx: Tx, tenantId: string, event: PlantedEvent): Promise<void> {
  await query(
    tx,
    sql`insert into usage_voids (tenant_id, key, revision, customer_id, event_name, event_at, reason, voided_at)
      values (${tenantId}, ${event.key}, ${event.revision}, ${event.customerId}, ${event.eventName},
        ${event.at.toISOString()}, 'deprecated', now())`,
  );
}

export async function restoreEvent(tx: Tx, tenantId: string, { key, revision }: PlantedEvent): Promise<void> {
  await query(
    tx,
    sql`update usage_voids set restored_at = now(), restored_xid = pg_current_xact_id()
      where tenant_id = ${tenantId} and key = ${key} and revision = ${revision} and restored_xid is null`,
  );
}

export const ruleOf = (
  tenantId: string,
  aggregation: Aggregation,
  changes: Partial<CountingRule> = {},
): CountingRule => ({
  meterId: 'mtr_of_a_test',
  version: 1,
  tenantId,
  eventName: 'call',
  aggregation,
  property: aggregation === 'count' ? null : 'size',
  factorProperty: aggregation === 'sum_product' ? 'price' : null,
  filters: [],
  groupBy: [],
  bucket: null,
  rounding: null,
  ...changes,
});

/** Before anything that tests plant. */
const COUNTED_SINCE = new Date('2026-01-01T00:00:00Z');

/** Stores the meter of a rule past the API, in its only version; answers the rule. */
export async function plantRule(
  tx: Tx,
  rule: CountingRule,
  { effectiveAt = COUNTED_SINCE, createdAt = COUNTED_SINCE } = {},
): Promise<CountingRule> {
  const { eventName, ...version } = rule;
  const { meterId: id, tenantId, aggregation: name } = version;
  const plain = { externalId: null, archivedAt: null, metadata: {} };
  await insertMeter(tx, { id, tenantId, name, eventName, ...plain, createdAt, updatedAt: createdAt });
  await insertMeterVersion(tx, { ...version, effectiveAt, createdAt });
  return rule;
}

const textOf = (value: unknown) =>
  typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? `${value}`
      : null;

function numberOf(value: unknown): Decimal | null {
  if (typeof value === 'number') return new Decimal(value);
  return typeof value === 'string' && /^-?\d{1,18}(\.\d{1,12})?$/.test(value) ? new Decimal(value) : null;
}

/** What counting should come to, event by event, from the list of those that stand. */
export function naiveCount(
  events: readonly PlantedEvent[],
  rule: CountingRule,
  question: UsageQuestion,
): { quantity: string; eventCount: number; groups: Record<string, string>; buckets: string[] } {
  const worth = (event: PlantedEvent): Decimal | string | null => {
    const value = event.properties[rule.property ?? ''];
    if (rule.aggregation === 'count') return new Decimal(1);
    if (rule.aggregation === 'unique_count') return textOf(value);
    const number = numberOf(value);
    if (rule.aggregation !== 'sum_product') return number;
    const factor = numberOf(event.properties[rule.factorProperty ?? '']);
    return number && factor && number.times(factor);
  };
  const owner = question.subscription;
  const own = events
    .filter(
      (event) =>
        event.eventName === rule.eventName &&
        (question.customerId === null || event.customerId === question.customerId) &&
        event.at >= question.start &&
        event.at < question.end &&
        (!owner ||
          event.subscriptionId === owner.id ||
          (owner.usageScope === 'customer' && event.subscriptionId === null)) &&
        rule.filters.every(({ property, values }) =>
          values.includes(textOf(event.properties[property]) ?? '\0'),
        ),
    )
    .flatMap((event) => {
      const value = worth(event);
      return value === null ? [] : [{ event, value }];
    });
  const total = (some: typeof own): Decimal => {
    const numbers = some.flatMap(({ value }) => (typeof value === 'string' ? [] : [value]));
    const add = () => numbers.reduce((sum, number) => sum.plus(number), new Decimal(0));
    const latest = some.toSorted(
      ({ event: a }, { event: b }) => a.at.getTime() - b.at.getTime() || (a.key < b.key ? -1 : 1),
    );
    switch (rule.aggregation) {
      case 'count':
        return new Decimal(some.length);
      case 'sum':
      case 'sum_product':
        return add();
      case 'max':
        return numbers.length > 0 ? Decimal.max(...numbers) : new Decimal(0);
      case 'min':
        return numbers.length > 0 ? Decimal.min(...numbers) : new Decimal(0);
      case 'latest':
        return new Decimal(latest.at(-1)?.value ?? 0);
      case 'unique_count':
        return new Decimal(new Set(some.map(({ value }) => value)).size);
    }
  };
  const shown = (some: typeof own) => total(some).toDecimalPlaces(12).toFixed();
  const apart = Map.groupBy(own, ({ event }) =>
    JSON.stringify((question.by ?? []).map((name) => textOf(event.properties[name]) ?? '')),
  );
  const starts = rule.bucket ? bucketStarts(question, rule.bucket, question.timeZone) : [];
  const buckets = starts
    .map((start, index) => {
      const end = starts[index + 1] ?? question.end;
      return own.filter(({ event }) => event.at >= start && event.at < end);
    })
    .filter((bucket) => bucket.length > 0);
  return {
    quantity: rule.bucket
      ? buckets.reduce((sum, bucket) => sum.plus(shown(bucket)), new Decimal(0)).toFixed()
      : shown(own),
    eventCount: own.length,
    groups: question.by ? Object.fromEntries([...apart].map(([group, some]) => [group, shown(some)])) : {},
    buckets: buckets.map(shown),
  };
}

/** The same numbers each time (mulberry32): whole ones below `max`. */
export function dice(seed: number): Roll {
  let state = seed;
  return (max) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % max;
  };
}
export type Roll = (max: number) => number;

export function oneOf<T>(roll: Roll, values: readonly [T, ...T[]]): T {
  return values[roll(values.length)] ?? values[0];
}

const SIZES = [
  0,
  1,
  -2,
  7.25,
  '3',
  '-0.000000000001',
  '999999999999999999',
  'many',
  '1e3',
  true,
  12,
] as const;
const ZONES = ['UTC', 'Asia/Kolkata', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/St_Johns'] as const;

/** Twenty-four days in which zones far apart set their clocks. */
export const PLANTED_FROM = new Date('2026-03-20T00:00:00Z');
const HOURS = 24 * 24;

/** Events of two customers; many at the same instants, so that orders and boundaries are met. */
export function randomEvent(roll: Roll, key: string, revision = 0): PlantedEvent {
  const offsetMs = oneOf(roll, [0, 0, 900_000, 1_800_000, 2_700_000, 1]);
  const region = oneOf(roll, ['eu', 'us', '', undefined]);
  return {
    key,
    revision,
    eventName: roll(8) === 0 ? 'other' : 'call',
    customerId: `cus_${roll(2)}`,
    subscriptionId: oneOf(roll, [null, null, 'sub_a', 'sub_b']),
    at: new Date(PLANTED_FROM.getTime() + roll(HOURS) * 3_600_000 + offsetMs),
    properties: {
      tier: String(roll(2)),
      ...(region !== undefined && { region }),
      ...(roll(10) > 0 && { size: oneOf<unknown>(roll, SIZES) }),
      ...(roll(10) > 0 && { price: oneOf<unknown>(roll, ['0.5', 2, 'free', '0.333333333333']) }),
    },
  };
}

export function randomQuestion(roll: Roll): UsageQuestion {
  const start = new Date(PLANTED_FROM.getTime() + roll(HOURS) * 3_600_000 + roll(2) * 900_000);
  return {
    customerId: oneOf(roll, [null, 'cus_0', 'cus_1', 'cus_0']),
    subscription: oneOf<UsageQuestion['subscription']>(roll, [
      null,
      null,
      { id: 'sub_a', usageScope: 'customer' },
      { id: 'sub_b', usageScope: 'subscription' },
    ]),
    start,
    end: new Date(start.getTime() + 1 + roll(HOURS) * 3_600_000),
    timeZone: oneOf(roll, ZONES),
    ...(roll(2) === 0 && { by: ['region', 'tier'].slice(0, 1 + roll(2)) }),
  };
}

/** One of every aggregation: plain, filtered, and priced by hours and by days. */
export const rulesOfAllKinds = (tenantId: string): CountingRule[] =>
  AGGREGATIONS.flatMap((aggregation) => [
    ruleOf(tenantId, aggregation),
    ruleOf(tenantId, aggregation, {
      filters: [
        { property: 'region', values: ['eu', 'us'] },
        { property: 'tier', values: ['1'] },
      ],
    }),
    ruleOf(tenantId, aggregation, { bucket: 'hour' }),
    ruleOf(tenantId, aggregation, { bucket: 'day' }),
  ]);

/** How many rows of events `work` reads. */
export async function eventsRead(tx: Tx, work: () => Promise<unknown>): Promise<number> {
  // Of this transaction, with what its connection read before and has not reported yet.
  const soFar = async () => {
    const [row] = await query<{ rows: number }>(
      tx,
      sql`select sum(seq_tup_read + idx_tup_fetch)::integer as rows from pg_stat_xact_user_tables
        where relname like 'usage_events%'`,
    );
    return row?.rows ?? 0;
  };
  const before = await soFar();
  await work();
  return (await soFar()) - before;
}
