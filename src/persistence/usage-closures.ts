import { sql } from 'kysely';
import type { LineDraft, Metered } from '../domain/build-invoice.ts';
import type { Decision } from '../domain/decision.ts';
import type { LateUsage } from '../domain/late-usage.ts';
import { Decimal } from '../domain/money.ts';
import type { Fraction } from '../domain/proration.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Billed } from './coverage.ts';
import type { Tx } from './doors.ts';
import { countFor, type DatedRule, rulesOf } from './metered-usage.ts';
import { pricesOf } from './prices.ts';
import { query, queryLater } from './rows.ts';
import type { Write } from './write.ts';

type Owner = Pick<Subscription, 'id' | 'customerId'>;

/**
 * Notes what was billed of metered periods and which events that had seen, with the lines that bill it. A period that was
 * closed before gets another revision, and only the latest of one is open for what comes late.
 */
export function insertClosures(
  write: Write,
  owner: Owner,
  { invoice, pending, coverage }: Pick<Decision, 'invoice' | 'pending' | 'coverage'>,
  { lineIds, pendingIds }: Billed,
): void {
  for (const { side, reason, line, pendingLine } of coverage) {
    if (side !== 'usage' || reason !== 'billed') continue;
    const n = line ?? pendingLine ?? 0;
    const draft = (line === null ? pending : (invoice?.lines ?? []))[n];
    const place =
      line === null
        ? { lineId: null, pendingId: pendingIds[n] ?? null }
        : { lineId: lineIds[n] ?? null, pendingId: null };
    if (draft) insertClosure(write, owner, draft, place);
  }
  for (const [n, draft] of (invoice?.lines ?? []).entries())
    if (draft.metered?.seen?.isLate)
      insertClosure(write, owner, draft, { lineId: lineIds[n] ?? null, pendingId: null });
  if (invoice?.lines.some(({ metered }) => metered?.seen)) closeForGood(write, owner);
}

/** Whoever bills a metered period has looked for what came late; for older ones nothing can come any more. */
function closeForGood({ tx, at }: Write, { id }: Owner): void {
  queryLater(
    tx,
    sql`update usage_closures c set final_at = ${at.toISOString()}
      from tenants tenant
      where tenant.id = c.tenant_id and c.subscription_id = ${id} and c.final_at is null
        and ${windowEnd} <= ${at.toISOString()} and ${isSettled} and not ${hasUnseen}`,
  );
}

/**
 * A customer was given events that came before he was known. Where they belong to a period that was done with, it is
 * looked at once more.
 */
export async function reopenClosures(tx: Tx, customerId: string): Promise<void> {
  await query(
    tx,
    sql`update usage_closures c set final_at = null
      where c.customer_id = ${customerId} and c.final_at is not null and ${hasUnseen} and not exists (
        select from usage_closures later
        where later.item_id = c.item_id and later.period_start = c.period_start and later.revision > c.revision)`,
  );
}

/** Nothing that is older than the tenant's late window is taken any more; the hour is for what was being taken just then. */
export const windowEnd = sql`c.period_end + make_interval(days => tenant.late_window_days, hours => 1)`;

/** Whether closure `c` is on an invoice that has gone out: a draft is looked at once more. */
export const isSettled = sql`not exists (
  select from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
  where line.id = c.line_id and c.pending_item_id is null and invoice.status = 'draft')`;

/** Where a closure is billed; nowhere, when what came late costs nothing. */
type Place = { lineId: string | null; pendingId: string | null };

export function insertClosure(
  { tx, tenantId, at }: Write,
  { id: subscriptionId, customerId }: Owner,
  {
    itemId,
    priceId,
    period,
    metered,
  }: Pick<LineDraft, 'itemId' | 'priceId' | 'period'> & { metered?: Metered | undefined },
  { lineId, pendingId }: Place,
): void {
  if (!metered?.seen || itemId === null) return;
  const { quantity, billed, snapshot, fraction } = metered.seen;
  const [start, end, now] = [period.start.toISOString(), period.end.toISOString(), at.toISOString()];
  queryLater(
    tx,
    sql`update usage_closures set final_at = ${now}
      where item_id = ${itemId} and subscription_id = ${subscriptionId} and period_start = ${start} and final_at is null`,
  );
  queryLater(
    tx,
    sql`insert into usage_closures (item_id, period_start, revision, tenant_id, subscription_id, customer_id, price_id, meter_id,
        meter_version, period_end, quantity, event_count, amount, snapshot, line_id, pending_item_id, fraction, closed_at)
      select ${itemId}, ${start}::timestamptz, (select coalesce(max(revision) + 1, 0) from usage_closures
          where item_id = ${itemId} and period_start = ${start}), ${tenantId}, ${subscriptionId}, ${customerId}, ${priceId},
        ${metered.meterId}, ${metered.meterVersion}::integer, ${end}::timestamptz, ${quantity.toFixed()}::numeric,
        ${metered.eventCount}::bigint, ${billed.toFixed()}::numeric, ${snapshot}::pg_snapshot, ${lineId}, ${pendingId},
        ${fraction && JSON.stringify(fraction)}::jsonb, ${now}::timestamptz`,
  );
}

/** Notes on which lines closures stand that waited for an invoice. */
export function moveClosures(tx: Tx, pendingIds: readonly string[]): void {
  queryLater(
    tx,
    sql`update usage_closures set line_id = pending.invoice_line_id
      from pending_items pending where pending.id = pending_item_id and pending.id = any(${[...pendingIds]}::text[])`,
  );
}

/**
 * The billed periods of a subscription with usage that was not seen when they were billed last, or that does not count any
 * more, with what they come to now. A period on a draft is left to that draft, which is rated again when it goes out.
 */
export async function lateUsageOf(tx: Tx, subscription: Subscription): Promise<LateUsage[]> {
  const late = await closuresWhere(
    tx,
    sql`c.subscription_id = ${subscription.id} and c.final_at is null and ${isSettled} and ${hasUnseen}`,
  );
  return recounted(tx, subscription, late);
}

/** Whether there is anything about the events of closure `c` that its snapshot had not seen. */
export const hasUnseen = sql`(exists (
    select from usage_events e join meters m on m.id = c.meter_id
    where e.tenant_id = c.tenant_id and e.customer_id = c.customer_id and e.event_name = m.event_name
      and e.event_at >= c.period_start and e.event_at < c.period_end
      and not pg_visible_in_snapshot(e.ingest_xid, c.snapshot))
  or exists (
    select from usage_voids v join meters m on m.id = c.meter_id
    where v.tenant_id = c.tenant_id and v.customer_id = c.customer_id and v.event_name = m.event_name
      and v.event_at >= c.period_start and v.event_at < c.period_end
      and (not pg_visible_in_snapshot(v.voided_xid, c.snapshot)
        or (v.restored_xid is not null and not pg_visible_in_snapshot(v.restored_xid, c.snapshot)))))`;

export type Closure = {
  itemId: string;
  priceId: string;
  meterId: string;
  meterVersion: number;
  revision: number;
  periodStart: Date;
  periodEnd: Date;
  fraction: Fraction | null;
  quantity: Decimal;
  eventCount: number;
  amount: Decimal;
  lineId: string | null;
};

export async function closuresWhere(tx: Tx, condition: Parameters<typeof query>[1]): Promise<Closure[]> {
  type Read = 'periodStart' | 'periodEnd' | 'amount' | 'quantity' | 'eventCount';
  type Row = Omit<Closure, Read> & Record<'start' | 'end' | 'billed' | 'quantity' | 'events', string>;
  const rows = await query<Row>(
    tx,
    sql`select c.item_id as "itemId", c.price_id as "priceId", c.meter_id as "meterId", c.meter_version as "meterVersion",
        c.revision, c.period_start as start, c.period_end as end, c.fraction, c.quantity, c.event_count as events,
        c.amount as billed, c.line_id as "lineId"
      from usage_closures c where ${condition} order by c.period_start, c.item_id`,
  );
  return rows.map(({ start, end, billed, quantity, events, ...row }) => ({
    ...row,
    quantity: new Decimal(quantity),
    eventCount: Number(events),
    periodStart: new Date(start),
    periodEnd: new Date(end),
    amount: new Decimal(billed),
  }));
}

/** The same periods with what is known of them now, by the version of the meter that counted them first. */
export async function recounted(
  tx: Tx,
  subscription: Subscription,
  closures: readonly Closure[],
): Promise<(LateUsage & { closure: Closure })[]> {
  if (closures.length === 0) return [];
  const [prices, rules] = await Promise.all([
    pricesOf(
      tx,
      closures.map(({ priceId }) => priceId),
    ),
    rulesOf(
      tx,
      closures.map((closure) => ({ price: closure })),
    ),
  ]);
  return Promise.all(
    closures.map(async (closure) => {
      const price = prices.get(closure.priceId);
      const rule = ruleOf(rules, closure);
      if (!price || !rule) throw new Error(`a closure of item ${closure.itemId} has no price or meter`);
      const period = { start: closure.periodStart, end: closure.periodEnd };
      const usage = await countFor(tx, subscription, price, rule, period);
      const { itemId, fraction, amount: billed, quantity, eventCount } = closure;
      const before = { quantity, eventCount };
      return { itemId, price, period, fraction, billed, before, usage, closure };
    }),
  );
}

function ruleOf(
  rules: ReadonlyMap<string, readonly DatedRule[]>,
  { meterId, meterVersion }: Closure,
): DatedRule | undefined {
  return rules.get(meterId)?.find(({ version }) => version === meterVersion);
}
