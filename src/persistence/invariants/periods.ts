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
    // A trial is written down when it ends, and whoever never paid his first invoice owes nothing in arrears.
    promise: 'no_period_missed',
    sentence:
      'What was billed of an item is one stretch without a gap, from its start to where its period says.',
    query: () => sql`
      with lives as (
        select item.id as item_id, item.tenant_id, sub.id as subscription_id, sub.status, price.timing, item.started_at,
          case
            when sub.trial_ends_at is not null and (sub.trial_ended_at is null or item.current_period_start < sub.trial_ended_at)
              then coalesce(sub.trial_ended_at, sub.ended_at)
            when price.timing = 'in_advance' then item.current_period_end
            when sub.ended_at is null or sub.end_reason = 'expired' or exists (
                select from events told where told.object_id = sub.id and told.type = 'subscription.canceled'
                  and told.data -> 'previous_attributes' ->> 'status' = 'incomplete')
              then item.current_period_start
            else greatest(item.current_period_start, sub.ended_at)
          end as billed_until
        from subscription_items item
        join subscriptions sub on sub.id = item.subscription_id
        join lateral (
          select prices.timing from item_segments segment join prices on prices.id = segment.price_id
          where segment.item_id = item.id order by lower(segment.valid) desc limit 1) price on true
        where item.started_at is not null),
      compared as (
        select lives.*,
          tstzmultirange(tstzrange(started_at, greatest(started_at, billed_until))) as expected,
          coalesce((select range_agg(period) from billed_periods where item_id = lives.item_id and side = 'fee'), '{}') as billed
        from lives)
      select tenant_id, subscription_id, item_id, status, timing, expected::text as expected, billed::text as billed
      from compared where billed <> expected`,
  },
  {
    promise: 'billed_means_invoiced',
    sentence:
      'Every billed stretch has the invoice line that bills it, is free again when that invoice is void, and the reverse.',
    query: () => sql`
      select period.tenant_id, period.item_id, period.id as billed_period_id, period.period::text as period,
        line.id as line_id, invoice.id as invoice_id, invoice.status as invoice_status, period.voided_at
      from billed_periods period
      left join invoice_lines line on line.id = period.line_id
      left join invoices invoice on invoice.id = line.invoice_id
      where period.reason = 'billed' and (invoice.id is null or line.item_id is distinct from period.item_id
        or tstzrange(line.period_start, line.period_end) <> period.period
        or (period.voided_at is not null) <> (invoice.status = 'void'))
      union all
      select line.tenant_id, line.item_id, null, tstzrange(line.period_start, line.period_end)::text,
        line.id, line.invoice_id, invoice.status, null
      from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
      where line.item_id is not null and line.reverses_line_id is null
        and not exists (select from billed_periods period where period.line_id = line.id)`,
  },
];
