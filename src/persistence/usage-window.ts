import { sql } from 'kysely';
import { contractualPeriod, type IntervalUnit } from '../domain/calendar.ts';
import { ENTITLING_STATUSES } from '../domain/entitlement.ts';
import type { FeatureReset } from '../domain/feature.ts';
import { versionAt } from '../domain/meter.ts';
import { Decimal } from '../domain/money.ts';
import type { Tx } from './doors.ts';
import type { Fragment, UsageOwner } from './meter-sql.ts';
import type { DatedRule } from './metered-usage.ts';
import { readUsage } from './read-usage.ts';
import { query } from './rows.ts';

/** Whose use is looked at, and what time it is for him: his test clock's now, or the present. */
export type Observed = {
  customerId: string;
  timeZone: string;
  testClockId: string | null;
  now: Date;
  /** Whether that clock is on its way. */
  isMoving: boolean;
};

/** Null for a customer that is not there. A clock on its way shows how far it is. */
export async function observe(tx: Tx, customer: string | Fragment): Promise<Observed | null> {
  const [row] = await query<Omit<Observed, 'now'> & { now: string }>(
    tx,
    sql`select customer.id as "customerId", coalesce(customer.time_zone, tenant.time_zone) as "timeZone", clock.id as "testClockId",
        coalesce(clock.now_at, date_trunc('milliseconds', clock_timestamp())) as now,
        coalesce(clock.status = 'advancing', false) as "isMoving"
      from customers customer join tenants tenant on tenant.id = customer.tenant_id
        left join test_clocks clock on clock.id = customer.test_clock_id
      where customer.id = ${customer}`,
  );
  return row ? { ...row, now: new Date(row.now) } : null;
}

/** A stretch in which use is summed up. `end` is null for a moment while the next billing period is being made. */
export type UsageWindow = { start: Date; end: Date | null };

/** A running billing period: of the item that bills a meter, or where none does of the whole subscription. */
export type RunningPeriod = {
  subscriptionId: string;
  usageScope: UsageOwner['usageScope'];
  start: Date;
  end: Date;
  isOfItem: boolean;
  /** The properties by whose groups the item is priced; none where it is priced as a whole, or there is no item. */
  by: readonly string[];
};

/** The running periods in which a customer's subscriptions may use what a meter counts, the oldest subscription first. */
export function runningPeriods(
  tx: Tx,
  customerId: string,
  meterIds: readonly string[],
): Promise<ReadonlyMap<string, RunningPeriod[]>> {
  return runningPeriodsOf(tx, customerId, sql`${[...meterIds]}::text[]`);
}

/** The same for a customer and a list of meters that the statement finds by itself. */
export async function runningPeriodsOf(
  tx: Tx,
  customer: string | Fragment,
  meters: Fragment,
): Promise<ReadonlyMap<string, RunningPeriod[]>> {
  const rows = await query<{
    meterId: string;
    subscriptionId: string;
    usageScope: UsageOwner['usageScope'];
    start: string;
    end: string;
    isOfItem: boolean;
    by: string[];
  }>(
    tx,
    sql`select meter.id as "meterId", owner.id as "subscriptionId", owner.usage_scope as "usageScope",
        coalesce(item.current_period_start, owner.current_period_start) as start,
        coalesce(item.current_period_end, owner.current_period_end) as "end", item.id is not null as "isOfItem",
        coalesce(item.dimensions, '[]') as by
      from unnest(${meters}) as meter(id)
        join subscriptions owner on owner.customer_id = ${customer}
          and owner.status = any(${[...ENTITLING_STATUSES]}::text[]) and owner.current_period_start is not null
        left join lateral (
          select item.id, item.current_period_start, item.current_period_end, price.terms -> 'dimensions' as dimensions
            from subscription_items item
            join item_segments segment on segment.item_id = item.id
            join prices price on price.id = segment.price_id and price.meter_id = meter.id
          where item.subscription_id = owner.id and item.ended_at is null and item.current_period_start is not null
          order by lower(segment.valid) desc limit 1) item on true
      order by owner.id`,
  );
  const periods = rows.map((row) => ({ ...row, start: new Date(row.start), end: new Date(row.end) }));
  return Map.groupBy(periods, ({ meterId }) => meterId);
}

/**
 * The window that runs now. With `billing_period` that of `period`; without one the month of the calendar. What is used
 * behind the end of a period whose successor is not there yet belongs to the successor.
 */
export function windowOf(
  reset: FeatureReset,
  period: Pick<RunningPeriod, 'start' | 'end'> | null,
  { now, timeZone }: Pick<Observed, 'now' | 'timeZone'>,
): UsageWindow {
  if (reset === 'billing_period' && period)
    return period.end > now ? { start: period.start, end: period.end } : { start: period.end, end: null };
  const unit: IntervalUnit = reset === 'billing_period' ? 'month' : reset;
  const cadence = { billingCycle: 'calendar', prorationBasis: 'day', timeZone, anchor: now } as const;
  return contractualPeriod(cadence, { unit, count: 1 }, now);
}

/** What was used from the start of a window until before `until`, as it would be priced: group by group of `by`. */
export async function usedIn(
  tx: Tx,
  rules: readonly DatedRule[],
  { customerId, timeZone }: Pick<Observed, 'customerId' | 'timeZone'>,
  question: { start: Date; until: Date; subscription: UsageOwner | null; by: readonly string[] },
): Promise<Decimal> {
  const { start, until, subscription, by } = question;
  const rule = versionAt(rules, start);
  if (!rule || start >= until) return new Decimal(0);
  const { points } = await readUsage(tx, rule, {
    customerId,
    subscription,
    start,
    end: until,
    timeZone,
    granularity: 'total',
    by,
    addedUp: true,
  });
  return points[0]?.billable ?? new Decimal(0);
}
