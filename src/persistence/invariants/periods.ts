import { sql } from 'kysely';
import type { Promised } from './promised.ts';

/** Billed exactly once: promises 1 and 2 of `docs/promises.md`. */
export const PERIOD_PROMISES: readonly Promised[] = [
  {
    promise: 'no_period_twice',
    sentence: 'No stretch of an item is billed twice, unless the first bill was voided.',
    query: () => sql`
      select a.tenant_id, a.item_id, a.side, a.id as billed_period_id, a.period::text as period,
        b.id as other_billed_period_id, b.period::text as other_period
      from billed_periods a
      join billed_periods b on b.item_id = a.item_id and b.side = a.side and b.id > a.id and b.period && a.period
      where a.voided_at is null and b.voided_at is null`,
  },
  {
    // What was billed, waived, free or voided has to be one stretch, from the item's start to where its facts say
    // billing has come: paid in advance to the end of its period, in arrears to its start, or to the end of its life.
    // While it is paused it ends with the pause, or where what was paid ahead runs out. A trial is written down when it
    // ends, and whoever never paid his first invoice owes nothing in arrears.
    promise: 'no_period_missed',
    sentence:
      'What was billed of an item is one stretch without a gap, from its start to where its period says.',
    query: () => sql`
      with lives as (
        select item.id as item_id, item.tenant_id, sub.id as subscription_id, sub.status, price.timing, item.started_at,
          case
            when sub.paused_at is not null and coalesce(item.ended_at >= sub.paused_at, true)
              then array[sub.paused_at, item.current_period_end, item.started_at, item.ended_at]
            when item.ended_at is not null and price.timing = 'in_advance' and item.current_period_end is not null
              then array[item.ended_at, item.current_period_end]
            when item.ended_at is not null and (sub.end_reason = 'expired' or exists (
                select from events told where told.object_id = sub.id and told.type = 'subscription.canceled'
                  and told.data -> 'previous_attributes' ->> 'status' = 'incomplete'))
              then array[item.ended_at, item.current_period_start]
            when item.ended_at is not null then array[item.ended_at]
            when sub.trial_ends_at is not null and sub.trial_ended_at is null then array[item.current_period_start]
            when price.timing = 'in_advance' then array[item.current_period_end]
            else array[item.current_period_start]
          end as ends
        from subscription_items item
        join subscriptions sub on sub.id = item.subscription_id
        join lateral (
          select prices.timing from item_segments segment join prices on prices.id = segment.price_id
          where segment.item_id = item.id order by lower(segment.valid) desc limit 1) price on true
        where item.started_at is not null),
      compared as (
        select lives.*, accounted.live, accounted.billed,
          tstzmultirange(tstzrange(started_at, coalesce(upper(accounted.billed), started_at))) as one_stretch
        from lives
        cross join lateral (
          select coalesce(range_agg(period.period) filter (where period.voided_at is null), '{}') as live,
            coalesce(range_agg(period.period) filter (where period.voided_at is null or invoice.status = 'void'), '{}') as billed
          from billed_periods period
          left join invoice_lines line on line.id = period.line_id
          left join invoices invoice on invoice.id = line.invoice_id
          where period.item_id = lives.item_id) accounted)
      select tenant_id, subscription_id, item_id, status, timing, ends::text as ends, billed::text as billed
      from compared
      -- what was billed by an invoice that is void may have been given up since
      where billed <> one_stretch or (billed = live and not exists (
        select from unnest(ends) as until where greatest(started_at, until) = coalesce(upper(live), started_at)))`,
  },
  {
    promise: 'billed_means_invoiced',
    sentence:
      'Every billed stretch has the line that bills it, and is free again when that is void or was given back; and the reverse.',
    query: () => sql`
      select period.tenant_id, period.item_id, period.id as billed_period_id, period.period::text as period,
        line.id as line_id, invoice.id as invoice_id, invoice.status as invoice_status, period.voided_at
      from billed_periods period
      left join invoice_lines line on line.id = period.line_id
      left join invoices invoice on invoice.id = line.invoice_id
      where period.pending_item_id is null and period.reason = 'billed' and (
        invoice.id is null or line.item_id is distinct from period.item_id
        or lower(period.period) <> line.period_start or upper(period.period) > line.period_end
        or (period.voided_at is null and invoice.status = 'void')
        or (period.voided_at is not null and invoice.status <> 'void' and line.amount > 0 and not ${GIVEN_BACK}))
      union all
      select period.tenant_id, period.item_id, period.id, period.period::text, pending.id, null, null, period.voided_at
      from billed_periods period join pending_items pending on pending.id = period.pending_item_id
      where pending.item_id is distinct from period.item_id or pending.invoice_line_id is not null or pending.dropped_at is not null
        or lower(period.period) <> pending.period_start or upper(period.period) > pending.period_end
      union all
      select line.tenant_id, line.item_id, null, tstzrange(line.period_start, line.period_end)::text,
        line.id, line.invoice_id, invoice.status, null
      from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
      where line.item_id is not null and line.reverses_line_id is null and not ${IS_INSTALMENT} and not ${IS_LATE}
        and not exists (select from billed_periods period where period.line_id = line.id)`,
  },
  {
    // A line that takes off what was billed before says how much that was, and an instalment is taken off whatever was
    // billed of the period behind it; one that was void by then was not.
    promise: 'instalments_are_taken_off',
    sentence:
      'What threshold invoices billed of a period is taken off, once, by the line that bills its rest.',
    query: () => sql`
      with behind as (
        select line.id, line.tenant_id, line.item_id, line.period_start, line.trace, invoice.created_at, line.invoice_id
        from invoice_lines line join invoices invoice on invoice.id = line.invoice_id join prices on prices.id = line.price_id
        where prices.billing = 'usage' and line.item_id is not null and line.reverses_line_id is null
          and exists (select from subscriptions sub where sub.id = invoice.subscription_id and sub.threshold_billed_at is not null)
          and not exists (select from pending_items pending where pending.invoice_line_id = line.id) and not ${IS_LATE})
      select behind.tenant_id, behind.item_id, behind.id as line_id, behind.invoice_id,
        behind.trace -> 'limits' ->> 'alreadyBilled' as taken_off, before.billed
      from behind
      cross join lateral (
        select coalesce(sum(line.amount), 0) as billed from invoice_lines line
        join invoices invoice on invoice.id = line.invoice_id
        where line.item_id = behind.item_id and line.period_start = behind.period_start and line.id < behind.id
          and line.reverses_line_id is null and (invoice.voided_at is null or invoice.voided_at > behind.created_at)) before
      where coalesce((behind.trace -> 'limits' ->> 'alreadyBilled')::numeric, 0) <> before.billed`,
  },
];

/** Whether `line` bills a part of a period that went on behind it: what closed the period is in `billed_periods`. */
const IS_INSTALMENT = sql`(invoice.billing_reason = 'threshold'
  and exists (select from prices where prices.id = line.price_id and prices.billing = 'usage'))`;

/** Whether `line` bills what came too late for a period that another line had billed. */
const IS_LATE = sql`(exists (select from usage_closures closure where closure.line_id = line.id)
  and not exists (select from billed_periods period where period.line_id = line.id))`;

/** Whether something of `line` was given back. */
const GIVEN_BACK = sql`(
  exists (select from credit_note_lines note where note.invoice_line_id = line.id)
  or exists (select from invoice_lines back where back.reverses_line_id = line.id)
  or exists (select from pending_items back where back.reverses_line_id = line.id))`;
