import { sql } from 'kysely';
import { type Allowance, allowanceOf, ENTITLING_STATUSES, type Grant } from '../domain/entitlement.ts';
import type { EntitlementOverride, Feature } from '../domain/feature.ts';
import { Decimal } from '../domain/money.ts';
import type { Tx } from './doors.ts';
import { EntitlementOverrideSchema, FeatureSchema, findFeatureByReference } from './features.ts';
import { findSubscriptionByReference, idByReference } from './find-by-reference.ts';
import type { Fragment } from './meter-sql.ts';
import { type DatedRule, rulesOfMeters } from './metered-usage.ts';
import { query, selectRows } from './rows.ts';
import {
  type Observed,
  observe,
  type RunningPeriod,
  runningPeriodsOf,
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

/** What somebody asks about, as he names it: by ids, or `external:` and his own. */
export type Asked = { customer: string; feature: string; subscription: string | null };
export type Missing = { missing: 'customer' | 'feature' | 'subscription' };

/**
 * What a customer has of one feature. Nobody waits for the answer to who and what is meant, so it takes one message, and
 * another for what was used.
 */
export async function entitlementNamed(tx: Tx, asked: Asked): Promise<EntitlementFacts | Missing> {
  const customer = idByReference('customers', asked.customer);
  const featureId = idByReference('features', asked.feature);
  if (!customer || !featureId) return { missing: customer ? 'feature' : 'customer' };
  const [feature, subscription, has] = await Promise.all([
    findFeatureByReference(tx, asked.feature),
    asked.subscription === null ? null : findSubscriptionByReference(tx, asked.subscription),
    lookUp(tx, {
      customer,
      features: sql`array[${featureId}]`,
      meters: sql`array(select meter_id from features where id = ${featureId} and meter_id is not null)`,
    }),
  ]);
  if (!has.observed) return { missing: 'customer' };
  if (!feature) return { missing: 'feature' };
  if (asked.subscription !== null && subscription?.customerId !== has.observed.customerId)
    return { missing: 'subscription' };
  return answer(tx, has.observed, feature, knownOf(has, feature, subscription?.id ?? null));
}

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
  const has = await lookUp(tx, {
    customer: sql`${customerId}`,
    features: sql`${features.map(({ id }) => id)}::text[]`,
    meters: sql`${features.flatMap(({ meterId }) => meterId ?? [])}::text[]`,
  });
  const { observed } = has;
  if (!observed) return [];
  return Promise.all(
    features.map((feature) => answer(tx, observed, feature, knownOf(has, feature, subscriptionId))),
  );
}

/** A customer, features and meters that the statements may have to find first. */
type Whose = { customer: Fragment; features: Fragment; meters: Fragment };
type LookedUp = Awaited<ReturnType<typeof lookUp>>;

async function lookUp(tx: Tx, { customer, features, meters }: Whose) {
  const [observed, grants, overrides, periods, rules] = await Promise.all([
    observe(tx, customer),
    grantsOf(tx, customer, features),
    selectRows(
      tx,
      EntitlementOverrideSchema,
      sql`customer_id = ${customer} and feature_id = any(${features})`,
    ),
    runningPeriodsOf(tx, customer, meters),
    rulesOfMeters(tx, meters),
  ]);
  return { observed, grants, overrides, periods, rules };
}

function knownOf(
  { grants, overrides, periods, rules }: LookedUp,
  { id, meterId }: Feature,
  subscriptionId: string | null,
): Known {
  const isAsked = (of: { subscriptionId: string }) =>
    subscriptionId === null || of.subscriptionId === subscriptionId;
  return {
    grants: (grants.get(id) ?? []).filter(isAsked),
    override: overrides.find(({ featureId }) => featureId === id) ?? null,
    periods: (periods.get(meterId ?? '') ?? []).filter(isAsked),
    rules: rules.get(meterId ?? '') ?? [],
    subscriptionId,
  };
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
    by: running?.by ?? [],
  });
  return { customerId, feature, allowance, used, period: window };
}

/** What the plan and the add-ons of each subscription give, by feature, the oldest subscription first. */
async function grantsOf(
  tx: Tx,
  customer: Fragment,
  features: Fragment,
): Promise<ReadonlyMap<string, Grant[]>> {
  const rows = await query<Omit<Grant, 'limit'> & { featureId: string; limit: string | null }>(
    tx,
    sql`select given.feature_id as "featureId", owner.id as "subscriptionId", given.plan_id as "planId",
        given.plan_version as "planVersion", trim_scale(given.limit_quantity)::text as "limit", given.soft
      from subscriptions owner join lateral (${soldTo}) sold on true
        join plan_features given on given.plan_id = sold.plan_id and given.plan_version = sold.plan_version
      where owner.customer_id = ${customer} and owner.status = any(${[...ENTITLING_STATUSES]}::text[])
        and given.feature_id = any(${features})
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
