import { sql } from 'kysely';
import { nextStep } from '../../domain/next-step.ts';
import {
  deriveStatus,
  SUBSCRIPTION_STATUSES,
  type Subscription,
  TRANSITIONS,
} from '../../domain/subscription.ts';
import type { Tx } from '../doors.ts';
import { findRows } from '../rows.ts';
import { SubscriptionSchema } from '../subscriptions.ts';
import type { BrokenRow, Promised } from './promised.ts';

/** What is derived follows from the facts it is derived from (billing rule 30). */
export const SUBSCRIPTION_PROMISES: readonly Promised[] = [
  {
    promise: 'status_follows_from_facts',
    sentence: "A subscription's status is what its facts say.",
    inspect: (tx) =>
      inspectSubscriptions(tx, (subscription) => {
        const derived = deriveStatus(subscription);
        return derived === subscription.status ? null : { status: subscription.status, derived };
      }),
  },
  {
    promise: 'next_step_follows_from_facts',
    sentence: "A subscription's next step is what its facts say.",
    inspect: (tx) =>
      inspectSubscriptions(tx, (subscription) => {
        const derived = nextStep(subscription);
        const same =
          subscription.nextStep === (derived?.step ?? null) &&
          subscription.nextStepAt?.getTime() === derived?.at.getTime();
        const { nextStep: next_step, nextStepAt: next_step_at } = subscription;
        return same
          ? null
          : { next_step, next_step_at, derived_step: derived?.step ?? null, derived_at: derived?.at ?? null };
      }),
  },
  {
    promise: 'ended_means_ended',
    sentence:
      'A subscription that ended waits for nothing and has no living item; one that lives does, unless it is paused.',
    query: () => sql`
      select sub.tenant_id, sub.id as subscription_id, sub.status, sub.ended_at, sub.next_step, sub.next_step_at
      from subscriptions sub
      where (sub.ended_at is not null and sub.next_step is not null)
        or (sub.ended_at is null and sub.next_step is null and sub.status <> 'paused')
        or exists (select from subscription_items item where item.subscription_id = sub.id
          and (item.ended_at is null or item.ended_at > sub.ended_at) and sub.ended_at is not null)`,
  },
  {
    // Each event tells the status it came from and the one it led to; not every change has an event, so from one
    // event to the next, and from the last to the row, a way through the table has to exist. The events of one change
    // are of one revision and all tell the same.
    promise: 'only_allowed_transitions',
    sentence: 'A subscription has only ever gone from status to status as the table of transitions allows.',
    query: () => sql`
      with told as (
        select tenant_id, object_id as subscription_id, id as event_id, sequence, (data -> 'object' ->> 'revision')::integer as revision,
          data -> 'object' ->> 'status' as after,
          coalesce(data -> 'previous_attributes' ->> 'status', data -> 'object' ->> 'status') as before
        from events where object_type = 'subscription'
        union all
        select tenant_id, id, null, 2147483647, revision, status, status from subscriptions),
      walked as (
        select told.*, lag(after) over walk as last, lag(revision) over walk as last_revision
        from told window walk as (partition by subscription_id order by sequence))
      select tenant_id, subscription_id, event_id, last, before, after from walked
      where (before <> after and before || ' ' || after <> all(${ALLOWED}::text[]))
        or case when revision = last_revision then last <> after
          else last <> before and last || ' ' || before <> all(${REACHABLE}::text[]) end`,
  },
  {
    // What ended no longer follows its invoices: they live on without it.
    promise: 'overdue_count_is_counted',
    sentence: 'A living subscription counts exactly its invoices that are open and overdue.',
    query: () => sql`
      select sub.tenant_id, sub.id as subscription_id, sub.status, sub.overdue_count, count(invoice.id) as counted
      from subscriptions sub
      left join invoices invoice on invoice.subscription_id = sub.id and invoice.status = 'open' and invoice.overdue_since is not null
      where sub.ended_at is null group by sub.id having count(invoice.id) <> sub.overdue_count`,
  },
  {
    promise: 'change_at_is_the_earliest',
    sentence:
      'A subscription knows the earliest of the changes that are scheduled for it, and one that ended has none.',
    query: () => sql`
      select sub.tenant_id, sub.id as subscription_id, sub.change_at, min(change.effective_at) as earliest
      from subscriptions sub left join scheduled_changes change on change.subscription_id = sub.id and change.status = 'pending'
      group by sub.id having sub.change_at is distinct from min(change.effective_at)`,
  },
  {
    promise: 'segments_without_gap',
    sentence: 'An item has a price and a quantity at every moment of its life, one after the other.',
    query: () => sql`
      select item.tenant_id, item.subscription_id, item.id as item_id, coalesce(range_agg(segment.valid), '{}')::text as segments
      from subscription_items item left join item_segments segment on segment.item_id = item.id
      group by item.id
      having count(segment.id) = 0
        or range_agg(segment.valid) <> tstzmultirange(tstzrange(min(lower(segment.valid)), max(upper(segment.valid))))
        or min(lower(segment.valid)) > item.started_at
        or max(upper(segment.valid)) < coalesce(item.ended_at, 'infinity'::timestamptz) and max(upper(segment.valid)) < '9999-01-01'`,
  },
];

const ALLOWED = SUBSCRIPTION_STATUSES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} ${to}`));
const REACHABLE = SUBSCRIPTION_STATUSES.flatMap((from) =>
  [...reachableFrom(from)].map((to) => `${from} ${to}`),
);

function reachableFrom(
  from: Subscription['status'],
  seen = new Set<Subscription['status']>(),
): Set<Subscription['status']> {
  for (const to of TRANSITIONS[from]) {
    if (!seen.has(to)) reachableFrom(to, seen.add(to));
  }
  return seen;
}

const PAGE = 500;

async function* inspectSubscriptions(
  tx: Tx,
  judge: (subscription: Subscription) => BrokenRow | null,
): AsyncGenerator<BrokenRow> {
  let afterId = '';
  for (;;) {
    const page = await findRows(
      tx,
      SubscriptionSchema,
      { id: { $gt: afterId } },
      { orderBy: { id: 'asc' }, limit: PAGE },
    );
    for (const subscription of page) {
      const wrong = judge(subscription);
      if (wrong) yield { tenant_id: subscription.tenantId, subscription_id: subscription.id, ...wrong };
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return;
    afterId = last.id;
  }
}
