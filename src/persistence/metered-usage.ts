import { sql } from 'kysely';
import type { Period } from '../domain/calendar.ts';
import type { Decision } from '../domain/decision.ts';
import { stretchKey } from '../domain/life.ts';
import { type CountingRule, type MeterVersion, usageOfCount, versionAt } from '../domain/meter.ts';
import type { Price } from '../domain/plan.ts';
import type { Usage } from '../domain/price-terms.ts';
import type { PricedItem, Subscription } from '../domain/subscription.ts';
import { countUsage } from './count-usage.ts';
import type { Tx } from './doors.ts';
import type { Fragment } from './meter-sql.ts';
import { query } from './rows.ts';

/** Of a subscription what decides which events are its own, and where its days end. */
export type MeteredOwner = Pick<Subscription, 'id' | 'customerId' | 'usageScope' | 'timeZone'>;

export function isMetered({ price }: Pick<PricedItem, 'price'>): boolean {
  return price.meterId !== null;
}

/**
 * What the meters counted of each metered item from the start of its running period until `at`, or until its end where
 * that is earlier, by item. An item without a running period has used nothing.
 */
export async function countedUntil(
  tx: Tx,
  owner: MeteredOwner,
  priced: readonly PricedItem[],
  at: Date,
): Promise<ReadonlyMap<string, Usage>> {
  const running = priced.filter(isMetered).flatMap((entry) => {
    const { currentPeriodStart: start, currentPeriodEnd: end } = entry.item;
    const until = end && end < at ? end : at;
    // Also at its first instant, when nothing was used yet: whoever prices the item has to be told so.
    return start && start <= until ? [{ ...entry, period: { start, end: until } }] : [];
  });
  if (running.length === 0) return new Map();
  const rules = await rulesOf(tx, running);
  const counts = await Promise.all(
    running.map(async ({ item, price, period }): Promise<[string, Usage]> => {
      const rule = versionAt(rules.get(price.meterId ?? '') ?? [], period.start);
      if (!rule) throw new Error(`meter ${price.meterId} has no version`);
      return [item.id, await countFor(tx, owner, price, rule, period)];
    }),
  );
  return new Map(counts);
}

/** What one version of a meter counted of a stretch, as a price looks at it. `snapshot`: as it was seen then. */
export async function countFor(
  tx: Tx,
  owner: MeteredOwner,
  { terms }: Pick<Price, 'terms'>,
  rule: CountingRule,
  { start, end }: Period,
  snapshot?: string,
): Promise<Usage> {
  const by = terms.model === 'matrix' ? terms.dimensions : [];
  const count = await countUsage(tx, rule, {
    customerId: owner.customerId,
    subscription: owner,
    start,
    end,
    timeZone: owner.timeZone,
    by,
    perEvent: terms.model === 'percentage',
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  const { meterId, version: meterVersion } = rule;
  const { eventCount, snapshot: seen } = count;
  const counted = { meterId, meterVersion, eventCount, snapshot: seen };
  return { ...usageOfCount(count, rule, by), counted };
}

export type DatedRule = CountingRule & Pick<MeterVersion, 'effectiveAt'>;

/** All versions of the meters that count for these items, by meter, the first one first. */
export async function rulesOf(
  tx: Tx,
  metered: readonly { price: Pick<Price, 'meterId'> }[],
): Promise<ReadonlyMap<string, readonly DatedRule[]>> {
  const ids = [...new Set(metered.flatMap(({ price }) => price.meterId ?? []))];
  return rulesOfMeters(tx, sql`${ids}::text[]`);
}

/** The same for meters by a list of their ids. */
export async function rulesOfMeters(
  tx: Tx,
  meters: Fragment,
): Promise<ReadonlyMap<string, readonly DatedRule[]>> {
  const rows = await query<Omit<DatedRule, 'effectiveAt'> & { effectiveAt: string }>(
    tx,
    sql`select v.meter_id as "meterId", v.version, v.tenant_id as "tenantId", m.event_name as "eventName", v.aggregation, v.property,
        v.factor_property as "factorProperty", v.filters, to_jsonb(v.group_by) as "groupBy", v.bucket, v.rounding,
        v.effective_at as "effectiveAt"
      from meter_versions v join meters m on m.id = v.meter_id
      where v.meter_id = any(${meters}) order by v.meter_id, v.version`,
  );
  const rules = rows.map((row) => ({ ...row, effectiveAt: new Date(row.effectiveAt) }));
  return Map.groupBy(rules, ({ meterId }) => meterId);
}

/**
 * What was used in the periods that a decision about a start in the past bills, by their `stretchKey`. The events may have
 * come before the subscription.
 */
export async function countedIn(
  tx: Tx,
  owner: MeteredOwner,
  priced: readonly PricedItem[],
  coverage: Decision['coverage'],
): Promise<ReadonlyMap<string, Usage>> {
  const metered = priced.filter(isMetered);
  if (metered.length === 0) return new Map();
  const rules = await rulesOf(tx, metered);
  const counted = new Map<string, Usage>();
  for (const { itemId, side, reason, period } of coverage) {
    const entry = metered.find(({ item }) => item.id === itemId);
    if (!entry || side !== 'usage' || reason !== 'billed') continue;
    const rule = versionAt(rules.get(entry.price.meterId ?? '') ?? [], period.start);
    if (!rule) throw new Error(`meter ${entry.price.meterId} has no version`);
    counted.set(stretchKey(itemId, period.start), await countFor(tx, owner, entry.price, rule, period));
  }
  return counted;
}
