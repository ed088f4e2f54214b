import { Decimal } from './money.ts';
import type { Metadata } from './tenant.ts';

/** How the events of a stretch of time become one number (billing rule 19b). `weighted_sum` comes later. */
export const AGGREGATIONS = ['count', 'sum', 'max', 'min', 'latest', 'unique_count', 'sum_product'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

export const METER_BUCKETS = ['hour', 'day'] as const;
export type MeterBucket = (typeof METER_BUCKETS)[number];

/** Only events whose property is one of the values count; of several filters all have to fit. */
export type MeterFilter = { property: string; values: readonly string[] };

export const QUANTITY_ROUNDINGS = ['round', 'ceil', 'floor'] as const;
/** What becomes of a counted quantity before it is priced: `digits` after the point are left. */
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

/** Whether hourly sub-totals of it can be put together again; distinct values cannot. */
export function canRollUp({ aggregation }: Pick<MeterVersion, 'aggregation'>): boolean {
  return aggregation !== 'unique_count';
}

/** A counted quantity as it is priced (billing rule 19b): rounded as the meter says, half away from zero, never below zero. */
export function billableQuantity(counted: Decimal, rounding: QuantityRounding | null): Decimal {
  const positive = Decimal.max(counted, 0);
  if (!rounding) return positive;
  const modes = { round: Decimal.ROUND_HALF_UP, ceil: Decimal.ROUND_CEIL, floor: Decimal.ROUND_FLOOR };
  return positive.toDecimalPlaces(rounding.digits, modes[rounding.mode]);
}

/** The version that counts a period which begins at `start`: the latest that is in force then, else the first there is. */
export function versionAt<V extends Pick<MeterVersion, 'version' | 'effectiveAt'>>(
  versions: readonly V[],
  start: Date,
): V | null {
  const inOrder = versions.toSorted((a, b) => a.version - b.version);
  return inOrder.findLast(({ effectiveAt }) => effectiveAt <= start) ?? inOrder[0] ?? null;
}
