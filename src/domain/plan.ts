import type { Interval, IntervalUnit } from './calendar.ts';
import type { Decimal } from './money.ts';
import type { PriceTerms } from './price-terms.ts';
import type { Metadata } from './tenant.ts';
import type { UsageThreshold } from './threshold.ts';

/** An add-on joins a subscription that is there; a plan is what one is created with. */
export const PLAN_KINDS = ['plan', 'add_on'] as const;
export type PlanKind = (typeof PLAN_KINDS)[number];

export type Plan = {
  id: string;
  tenantId: string;
  kind: PlanKind;
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
  /** By currency and amount, the recurring one of a currency last (billing rule 29c). */
  usageThresholds: readonly UsageThreshold[];
  /** How long invoices of closed periods stay drafts; null: as long as the tenant says (billing rule 27). */
  invoiceGraceHours: number | null;
  createdAt: Date;
};

export const TIMINGS = ['in_advance', 'in_arrears'] as const;
export type Timing = (typeof TIMINGS)[number];

/** Whether the quantity is agreed on (seats) or comes from what was used in the period. */
export const BILLINGS = ['licensed', 'usage'] as const;
export type Billing = (typeof BILLINGS)[number];

/** Immutable. `key` is the stable slot of the plan that successive versions and currencies share. */
export type Price = {
  id: string;
  tenantId: string;
  planId: string;
  planVersion: number;
  /** Set for a price negotiated with one subscription, which nobody else is sold. */
  subscriptionId: string | null;
  key: string;
  name: string;
  /** What it is counted under in reports. */
  itemId: string | null;
  currency: string;
  terms: PriceTerms;
  billing: Billing;
  /** What counts it, for a price that is billed by usage; null: the tenant reports quantities himself. */
  meterId: string | null;
  /** Per whole period, in the major unit; a part of a period has its part of them. */
  minimum: Decimal | null;
  maximum: Decimal | null;
  timing: Timing;
  /** Both null for a price that is charged once. */
  intervalUnit: IntervalUnit | null;
  intervalCount: number | null;
  createdAt: Date;
};

/** The cadence of a price (billing rule 7). Throws `RangeError` for one that is charged once. */
export function intervalOf(price: Price): Interval {
  if (price.intervalUnit === null || price.intervalCount === null)
    throw new RangeError(`price ${price.id} is charged once and has no interval`);
  return { unit: price.intervalUnit, count: price.intervalCount };
}

/** What one unit costs where that is one number: not for tiers, cells and percentages. */
export function unitAmountOf({ terms }: Pick<Price, 'terms'>): Decimal | null {
  return 'unitAmount' in terms ? terms.unitAmount : null;
}
