import { Decimal, sum } from './money.ts';
import type { Usage, UsageEvent } from './price-terms.ts';
import type { Metadata } from './tenant.ts';

/** How the events of a stretch of time become one number (billing rule 19b). `weighted_sum` comes later. */
export const AGGREGATIONS = ['count', 'sum', 'max', 'min', 'latest', 'unique_count', 'sum_product'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

export const METER_BUCKETS = ['hour', 'day'] as const;
export type MeterBucket = (typeof METER_BUCKETS)[number];

/** Only events whose property is one of the values count; of several filters all have to fit. */
export type MeterFilter = { property: string; values: readonly string[] };

export const QUANTITY_ROUNDINGS = ['round', 'ceil', 'floor'] as const;
/** What becomes of a counted quantity before it is priced: `digits` after the point are left, of `-2` whole hundreds. */
export type QuantityRounding = { mode: (typeof QUANTITY_ROUNDINGS)[number]; digits: number };

/** What is counted, under a name that stays; how it is counted stands in its versions. */
export type Meter = {
  id: string;
  tenantId: string;
  externalId: string | null;
  name: string;
  eventName: string;
  archivedAt: Date | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

/** Immutable. It counts every period that begins at or after `effectiveAt`, until a later version does. */
export type MeterVersion = {
  meterId: string;
  version: number;
  tenantId: string;
  aggregation: Aggregation;
  /** The property that is aggregated; null for `count`. */
  property: string | null;
  /** For `sum_product` what `property` is multiplied by; null for the others. */
  factorProperty: string | null;
  filters: readonly MeterFilter[];
  /** Properties by which quantities are kept apart: what matrix prices look at. */
  groupBy: readonly string[];
  /** Where set, each hour or day is priced alone, then they are summed. */
  bucket: MeterBucket | null;
  rounding: QuantityRounding | null;
  effectiveAt: Date;
  createdAt: Date;
};

/** Everything that counting needs of a meter at one version. */
export type CountingRule = Omit<MeterVersion, 'effectiveAt' | 'createdAt'> & Pick<Meter, 'eventName'>;

/**
 * What was counted, before any rounding of the meter. `groups` and `events` where they were asked for, `buckets` where the
 * meter prices by hours or days: those in which something was counted, in order. `snapshot` tells which events were seen; `eventCount` are those that were worth something.
 */
export type UsageCount = {
  quantity: Decimal;
  eventCount: number;
  groups: readonly { values: readonly string[]; quantity: Decimal }[] | null;
  buckets: readonly Decimal[] | null;
  events: readonly UsageEvent[] | null;
  snapshot: string;
};

/**
 * What was counted as a price looks at it: each quantity that is priced is rounded as the meter says. `by` are the
 * properties the groups were told apart by; a matrix then sees each group as one event, and the quantity is the sum of
 * what is priced.
 */
export function usageOfCount(
  { quantity, groups, buckets, events }: UsageCount,
  { rounding }: Pick<MeterVersion, 'rounding'>,
  by: readonly string[] = [],
): Usage {
  const apart = groups?.map((group) => ({
    at: null,
    quantity: billableQuantity(group.quantity, rounding),
    properties: namedValues(by, group.values),
  }));
  const priced = buckets?.map((bucket) => billableQuantity(bucket, rounding)) ?? null;
  const parts = priced ?? apart?.map((group) => group.quantity);
  return {
    quantity: parts ? sum(parts) : billableQuantity(quantity, rounding),
    events: events ?? apart ?? [],
    buckets: priced,
  };
}

/** The values of a group under the names of their properties, without those that are missing. */
export function namedValues(by: readonly string[], values: readonly string[]): Record<string, string> {
  const named = by.map((property, index) => [property, values[index] ?? ''] as const);
  return Object.fromEntries(named.filter(([, value]) => value !== ''));
}

/** Whether hourly sub-totals of it can be put together again; distinct values cannot. */
export function canRollUp({ aggregation }: Pick<MeterVersion, 'aggregation'>): boolean {
  return aggregation !== 'unique_count';
}

/** A counted quantity as it is priced (billing rule 19b): rounded as the meter says, half away from zero, never below zero. */
export function billableQuantity(counted: Decimal, rounding: QuantityRounding | null): Decimal {
  const positive = Decimal.max(counted, 0);
  if (!rounding) return positive;
  const modes = {
    round: Decimal.ROUND_HALF_UP,
    ceil: Decimal.ROUND_CEIL,
    floor: Decimal.ROUND_FLOOR,
  } as const;
  return positive.toNearest(new Decimal(10).pow(-rounding.digits), modes[rounding.mode]);
}

/** The version that counts a period which begins at `start`: the latest that is in force then, else the first there is. */
export function versionAt<V extends Pick<MeterVersion, 'version' | 'effectiveAt'>>(
  versions: readonly V[],
  start: Date,
): V | null {
  const inOrder = versions.toSorted((a, b) => a.version - b.version);
  return inOrder.findLast(({ effectiveAt }) => effectiveAt <= start) ?? inOrder[0] ?? null;
}
