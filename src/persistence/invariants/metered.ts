import { type RawBuilder, sql } from 'kysely';
import type { Promised } from './promised.ts';

/** Usage that a meter counts is billed once and on paper: promise 3 of `docs/promises.md`. */
export const METERED_PROMISES: readonly Promised[] = [
  {
    promise: 'closures_are_their_events',
    sentence:
      'What was billed of a metered period is what its meter counts of the events that were seen then.',
    query: () => sql`
      select closure.tenant_id, closure.item_id, closure.period_start, closure.revision, closure.event_count, closure.quantity,
        counted.events, counted.quantity as counted_quantity
      from usage_closures closure ${counted(
        sql`pg_visible_in_snapshot(e.ingest_xid, closure.snapshot)`,
        sql`
        pg_visible_in_snapshot(v.voided_xid, closure.snapshot)
        and not (v.restored_xid is not null and pg_visible_in_snapshot(v.restored_xid, closure.snapshot))`,
      )}
      where not ${IS_FORGOTTEN} and ${DIFFERS}`,
  },
  {
    promise: 'metered_periods_are_closed',
    sentence: 'Every line that bills a metered period says which events it had seen.',
    query: () => sql`
      select period.tenant_id, period.item_id, lower(period.period) as period_start, period.line_id, period.pending_item_id
      from billed_periods period
      join lateral (
        select price_id from invoice_lines line where line.id = period.line_id
        union all
        select price_id from pending_items pending where pending.id = period.pending_item_id) billed on true
      join prices on prices.id = billed.price_id and prices.meter_id is not null
      where period.side = 'usage' and period.reason = 'billed' and period.voided_at is null and not exists (
        select from usage_closures closure
        where closure.item_id = period.item_id and closure.period_start = lower(period.period))`,
  },
  {
    // Each revision adds a line to what was billed before it, threshold invoices included.
    promise: 'closures_are_their_lines',
    sentence: 'The lines of a metered period come to what its closure says was billed of it.',
    query: () => sql`
      select closure.tenant_id, closure.item_id, closure.period_start, closure.revision, closure.amount, billed.amount as on_lines
      from usage_closures closure
      cross join lateral (
        select coalesce(sum(amount), 0) as amount from (
          select line.amount from invoice_lines line
          where line.item_id = closure.item_id and line.period_start = closure.period_start and line.reverses_line_id is null
            and line.price_id = closure.price_id
          union all
          select pending.amount from pending_items pending
          where pending.item_id = closure.item_id and pending.period_start = closure.period_start
            and pending.reverses_line_id is null and pending.reverses_pending_id is null
            and pending.price_id = closure.price_id and pending.invoice_line_id is null) lines) billed
      where closure.amount <> billed.amount and not exists (
        select from usage_closures later where later.item_id = closure.item_id and later.period_start = closure.period_start
          and later.revision > closure.revision)
        -- what was waived of an instalment that was void when its period ended is on no line
        and not exists (
          select from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
          where line.item_id = closure.item_id and line.period_start = closure.period_start and invoice.status = 'void')`,
  },
  {
    // A day for the invoice to come, another for whoever makes it. A test clock's customers wait until it is moved.
    promise: 'late_usage_is_billed',
    sentence:
      'What arrived late for a subscription that has ended is on an invoice soon, and nothing arrives after the end.',
    query: (at) => sql`
      select closure.tenant_id, closure.subscription_id, closure.item_id, closure.period_start, closure.final_at,
        closure.event_count, counted.events, closure.quantity, counted.quantity as counted_quantity
      from usage_closures closure join subscriptions sub on sub.id = closure.subscription_id
      ${counted(
        sql`(pg_visible_in_snapshot(e.ingest_xid, closure.snapshot)
          or e.ingested_at < ${new Date(at.getTime() - 2 * 86_400_000).toISOString()}::timestamptz)`,
        sql`v.restored_xid is null`,
      )}
      where (closure.final_at is not null or (sub.ended_at is not null and sub.test_clock_id is null)) and not exists (
          select from usage_closures later where later.item_id = closure.item_id and later.period_start = closure.period_start
            and later.revision > closure.revision)
        and counted.events > closure.event_count and not ${IS_FORGOTTEN}`,
  },
];

/** Events that old are not kept. */
const IS_FORGOTTEN = sql`exists (select from tenants tenant where tenant.id = closure.tenant_id
  and closure.period_start < now() - make_interval(days => tenant.usage_retention_days))`;

/** Where a meter rounds, or hours, days or the groups of a matrix are priced apart, only its events are compared. */
const DIFFERS = sql`(closure.event_count <> counted.events
  or (counted.is_plain and closure.quantity <> round(greatest(counted.quantity, 0), 12)))`;

/**
 * A count of the events of `closure`, written once more and apart from the one that bills: `events`, `quantity`.
 * `isSeen` is asked of an event `e`, `stands` of what was said against it, `v`.
 */
function counted(isSeen: RawBuilder<unknown>, stands: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    join meter_versions rule on rule.meter_id = closure.meter_id and rule.version = closure.meter_version
    join meters meter on meter.id = closure.meter_id
    join prices price on price.id = closure.price_id
    join subscriptions owner on owner.id = closure.subscription_id
    cross join lateral (
      select count(*) as events, rule.rounding is null and rule.bucket is null
          and (rule.aggregation = 'count' or price.terms ->> 'model' <> 'matrix') as is_plain,
        coalesce(case rule.aggregation
          when 'count' then count(*)::numeric
          when 'sum' then sum(worth.number)
          when 'max' then max(worth.number)
          when 'min' then min(worth.number)
          when 'latest' then (array_agg(worth.number order by worth.event_at desc, worth.key desc, worth.revision desc))[1]
          when 'unique_count' then count(distinct worth.text)::numeric
          when 'sum_product' then sum(worth.number * worth.factor)
        end, 0) as quantity
      from (
        select e.event_at, e.key, e.revision, e.properties ->> rule.property as text,
          usage_number(e.properties, rule.property) as number, usage_number(e.properties, rule.factor_property) as factor
        from usage_events e
        where e.tenant_id = closure.tenant_id and e.customer_id = closure.customer_id and e.event_name = meter.event_name
          and e.event_at >= closure.period_start and e.event_at < closure.period_end
          and (case owner.usage_scope when 'subscription' then e.subscription_id = closure.subscription_id
            else coalesce(e.subscription_id, closure.subscription_id) = closure.subscription_id end)
          and not exists (
            select from jsonb_array_elements(rule.filters) filter
            where not coalesce(filter -> 'values' ? (e.properties ->> (filter ->> 'property')), false))
          and ${isSeen}
          and not exists (
            select from usage_voids v
            where v.tenant_id = e.tenant_id and v.key = e.key and v.revision = e.revision and v.event_at = e.event_at
              and ${stands})) worth
      where case rule.aggregation
        when 'count' then true
        when 'unique_count' then worth.text is not null
        when 'sum_product' then worth.number * worth.factor is not null
        else worth.number is not null end) counted`;
}
