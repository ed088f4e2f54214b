import { sql } from 'kysely';
import { type Allowance, allowanceOf, ENTITLING_STATUSES, type Grant } from '../domain/entitlement.ts';
import type { EntitlementOverride, Feature } from '../domain/feature.ts';
import { Decimal } from '../domain/money.ts';
import type { Tx } from './doors.ts';
import { EntitlementOverrideSchema, FeatureSchema } from './features.ts';
import { type DatedRule, rulesOf } from './metered-usage.ts';
import { findRows, query, selectRows } from './rows.ts';
import {
  type Observed,
  observe,
  type RunningPeriod,
  runningPeriods,
  usedIn,
  windowOf,
} from './usage-window.ts';

/** What a customer has of a feature, and what was used of it: null both, unless it is metered. */
export type EntitlementFacts = {
  customerId: string;
  feature: Feature;
  allowance: Allowance;
  used: Decimal | null;
  period: { start: Date; end: Date | null } | null;
};

/**
 * What a customer is entitled to, feature by feature, as of now in his time. `subscriptionId` leaves out what his other
 * subscriptions give and use. Use is read from the sub-totals of hours and the events they have not seen yet.
 */
export async function entitlementsOf(
  tx: Tx,
  customerId: string,
  features: readonly Feature[],
  subscriptionId: string | null = null,
): Promise<EntitlementFacts[]> {
  const featureIds = features.map(({ id }) => id);
  const meterIds = features.flatMap(({ meterId }) => meterId ?? []);
  const [observed, grants, overrides, periods, rules] = await Promise.all([
    observe(tx, customerId),
    grantsOf(tx, customerId, featureIds),
    findRows(tx, EntitlementOverrideSchema, { customerId, featureId: { $in: featureIds } }),
    meterIds.length > 0 ? runningPeriods(tx, customerId, meterIds) : null,
    meterIds.length > 0
      ? rulesOf(
          tx,
          features.map((price) => ({ price })),
        )
      : null,
  ]);
  if (!observed) return [];
  const isAsked = (of: { subscriptionId: string }) =>
    subscriptionId === null || of.subscriptionId === subscriptionId;
  return Promise.all(
    features.map((feature) =>
      answer(tx, observed, feature, {
        grants: (grants.get(feature.id) ?? []).filter(isAsked),
        override: overrides.find(({ featureId }) => featureId === feature.id) ?? null,
        periods: (periods?.get(feature.meterId ?? '') ?? []).filter(isAsked),
        rules: rules?.get(feature.meterId ?? '') ?? [],
        subscriptionId,
      }),
    ),
  );
}

type Known = {
  grants: readonly Grant[];
  override: EntitlementOverride | null;
  periods: readonly RunningPeriod[];
  rules: readonly DatedRule[];
  subscriptionId: string | null;
};

async function answer(
  tx: Tx,
  observed: Observed,
  feature: Feature,
  { grants, override, periods, rules, subscriptionId }: Known,
): Promise<EntitlementFacts> {
  const { customerId, now } = observed;
  const allowance = allowanceOf(grants, override, now);
  if (feature.reset === null) return { customerId, feature, allowance, used: null, period: null };
  const giving = new Set(grants.map((grant) => grant.subscriptionId));
  // A period of an item that bills the meter says best what the period of its use is.
  const own = giving.size > 0 ? periods.filter((period) => giving.has(period.subscriptionId)) : periods;
  const running = own.find(({ isOfItem }) => isOfItem) ?? own[0] ?? null;
  const window = windowOf(feature.reset, running, observed);
  const isOfOne = subscriptionId !== null || giving.size === 1;
  const used = await usedIn(tx, rules, observed, {
    start: window.start,
    until: now,
    subscription: isOfOne && running ? { id: running.subscriptionId, usageScope: running.usageScope } : null,
  });
  return { customerId, feature, allowance, used, period: window };
}

/** What the plan and the add-ons of each subscription give, by feature, the oldest subscription first. */
async function grantsOf(
  tx: Tx,
  customerId: string,
  featureIds: readonly string[],
): Promise<ReadonlyMap<string, Grant[]>> {
  const rows = await query<Omit<Grant, 'limit'> & { featureId: string; limit: string | null }>(
    tx,
    sql`select given.feature_id as "featureId", owner.id as "subscriptionId", given.plan_id as "planId",
        given.plan_version as "planVersion", trim_scale(given.limit_quantity)::text as "limit", given.soft
      from subscriptions owner join lateral (${soldTo}) sold on true
        join plan_features given on given.plan_id = sold.plan_id and given.plan_version = sold.plan_version
      where owner.customer_id = ${customerId} and owner.status = any(${[...ENTITLING_STATUSES]}::text[])
        and given.feature_id = any(${[...featureIds]}::text[])
      order by owner.id, given.plan_id, given.plan_version`,
  );
  const grants = rows.map((row) => ({ ...row, limit: row.limit === null ? null : new Decimal(row.limit) }));
  return Map.groupBy(grants, ({ featureId }) => featureId);
}

/** Of a subscription `owner`: the version of its plan, and those of the add-ons that joined it. */
const soldTo = sql`select owner.plan_id, owner.plan_version
  union
  select price.plan_id, price.plan_version from subscription_items item
    join item_segments segment on segment.item_id = item.id and not exists (
      select from item_segments later where later.item_id = item.id and lower(later.valid) > lower(segment.valid))
    join prices price on price.id = segment.price_id
    join plans plan on plan.id = price.plan_id and plan.kind = 'add_on'
  where item.subscription_id = owner.id and item.ended_at is null and item.started_at is not null`;

/** The features that a subscription of the customer gives or that somebody set for him, by id. */
export function featuresOf(tx: Tx, customerId: string): Promise<Feature[]> {
  return selectRows(
    tx,
    FeatureSchema,
    sql`id in (
      select given.feature_id from subscriptions owner join lateral (${soldTo}) sold on true
        join plan_features given on given.plan_id = sold.plan_id and given.plan_version = sold.plan_version
      where owner.customer_id = ${customerId} and owner.status = any(${[...ENTITLING_STATUSES]}::text[])
      union
      select feature_id from entitlement_overrides where customer_id = ${customerId}) order by id`,
  );
}
