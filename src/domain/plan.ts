import type { Interval, IntervalUnit } from './calendar.ts';
import type { Decimal } from './money.ts';
import type { Metadata } from './tenant.ts';

export type Plan = {
  id: string;
  tenantId: string;
  externalId: string | null;
  name: string;
  description: string | null;
  archivedAt: Date | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

/** A published list of prices. Never edited: a new version is written and subscribers stay where they are. */
export type PlanVersion = {
  planId: string;
  version: number;
  tenantId: string;
  active: boolean;
  /** Trial that a new subscription gets unless it says otherwise. */
  trialDays: number | null;
  createdAt: Date;
};

export const PRICE_MODELS = ['flat', 'per_unit'] as const;
export type PriceModel = (typeof PRICE_MODELS)[number];
export const TIMINGS = ['in_advance', 'in_arrears'] as const;
export type Timing = (typeof TIMINGS)[number];

/** Immutable. `key` is the stable slot of the plan that successive versions and currencies share. */
export type Price = {
  id: string;
  tenantId: string;
  planId: string;
  planVersion: number;
  key: string;
  name: string;
  currency: string;
  model: PriceModel;
  /** Per period (flat) or per unit and period (per_unit), in the major unit, up to 12 decimals. */
  unitAmount: Decimal;
  timing: Timing;
  intervalUnit: IntervalUnit;
  intervalCount: number;
  createdAt: Date;
};

/** The cadence of a price (billing rule 7). */
export function intervalOf(price: Price): Interval {
  return { unit: price.intervalUnit, count: price.intervalCount };
}
