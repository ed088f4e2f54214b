import type { FeatureReset } from './feature.ts';
import type { Decimal } from './money.ts';
import type { Metadata } from './tenant.ts';

/** What a meter counted, or what use has come to at its prices. A balance may follow. */
export const ALERT_KINDS = ['usage', 'cost'] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** Whom to tell that use, or its cost, has come so far. Of a customer, a subscription, or each customer there is. */
export type Alert = {
  id: string;
  tenantId: string;
  name: string;
  kind: AlertKind;
  /** What is counted; of a cost null for all use. */
  meterId: string | null;
  /** Null: every customer. */
  customerId: string | null;
  /** One subscription of that customer; null: all of his. */
  subscriptionId: string | null;
  /** When it begins anew; a cost always with the billing period. */
  reset: FeatureReset;
  /** Of a cost. */
  currency: string | null;
  /** Decimal strings, ascending; of a cost in the major unit. */
  thresholds: string[];
  archivedAt: Date | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

export const RESOLUTIONS = ['below', 'period_over'] as const;

/** That a threshold was reached in one period of a subject, and until when it was. */
export type AlertFiring = {
  id: string;
  alertId: string;
  tenantId: string;
  /** The customer, or the subscription where the alert looks at each by itself. */
  subject: string;
  customerId: string;
  subscriptionId: string | null;
  testClockId: string | null;
  periodStart: Date;
  periodEnd: Date;
  threshold: Decimal;
  /** What it had come to when that was seen. */
  value: Decimal;
  triggeredAt: Date;
  resolvedAt: Date | null;
  resolution: (typeof RESOLUTIONS)[number] | null;
  createdAt: Date;
};

/** What is to be said now: thresholds that were reached, and firings that are over, with why. */
export type Verdict<F> = {
  reached: Decimal[];
  over: { firing: F; resolution: (typeof RESOLUTIONS)[number] }[];
};

type Known = Pick<AlertFiring, 'periodStart' | 'threshold' | 'resolvedAt'>;

/**
 * What a value in the period that began at `periodStart` means to an alert, given its firings: those of the period and
 * those that are open. A threshold is reached at its very amount, and once per period: a correction takes it back, but
 * coming to it again says nothing new.
 */
export function judge<F extends Known>(
  thresholds: readonly Decimal[],
  value: Decimal,
  periodStart: Date,
  firings: readonly F[],
): Verdict<F> {
  const isCurrent = (firing: F) => firing.periodStart.getTime() === periodStart.getTime();
  const known = firings.filter(isCurrent);
  const isNew = (threshold: Decimal) => !known.some((firing) => firing.threshold.eq(threshold));
  return {
    reached: thresholds.filter((threshold) => value.gte(threshold) && isNew(threshold)),
    over: firings.flatMap((firing): Verdict<F>['over'] => {
      if (firing.resolvedAt) return [];
      if (!isCurrent(firing)) return [{ firing, resolution: 'period_over' }];
      return value.lt(firing.threshold) ? [{ firing, resolution: 'below' }] : [];
    }),
  };
}
