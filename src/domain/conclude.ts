import { pricedAfter } from './apply-decision.ts';
import { Bill } from './bill.ts';
import type { ScheduledChange } from './change.ts';
import { type Decision, NOTHING } from './decision.ts';
import type { BillingReason } from './invoice.ts';
import type { Life } from './life.ts';
import { isPeriodEndFor, periodEndFor } from './period-end.ts';
import type { Subscription, SubscriptionItem } from './subscription.ts';

/** What a decision comes to, in parts; what is left out is as it was, or nothing. */
export type Conclusion = Partial<
  Pick<Decision, 'segments' | 'finished' | 'scheduled' | 'events' | 'collect' | 'voidOpenInvoices' | 'items'>
> & {
  subscription: Subscription;
  at: Date;
  bill?: Bill;
  /** Where the lines go; on an invoice unless it says so. */
  to?: 'invoice' | 'pending';
  reason?: BillingReason;
  /** The last invoice of a life takes what is pending even when it has no line of its own. */
  alone?: boolean;
};

/**
 * Makes a decision of its parts: the only place where one is put together, so that none forgets what every decision has
 * to look after. Those are the pending changes: each keeps to the end of the period that it waits for, those that would
 * come when the subscription has ended will not take place, and the subscription knows the earliest.
 */
export function conclude(life: Life, conclusion: Conclusion): Decision {
  const { at, bill = new Bill(), to = 'invoice', reason = 'subscription_update', alone = false } = conclusion;
  const { subscription, items = life.priced.map(({ item }) => item) } = conclusion;
  const made: Decision = {
    ...NOTHING,
    ...bill.settled(to, { reason, at, pending: life.pending, alone }),
    subscription,
    items,
    segments: conclusion.segments ?? [],
    finished: conclusion.finished ?? [],
    scheduled: conclusion.scheduled ?? [],
    events: conclusion.events ?? [],
    collect: conclusion.collect ?? false,
    voidOpenInvoices: conclusion.voidOpenInvoices ?? false,
  };
  return life.changes.length + made.scheduled.length === 0 ? made : withChanges(life, made);
}

function withChanges(life: Life, made: Decision): Decision {
  const { subscription, finished } = made;
  const over = new Set(finished.map(({ id }) => id));
  const standing = [...life.changes, ...made.scheduled].filter(({ id }) => !over.has(id));
  const priced = pricedAfter(life.priced, made);
  const timed = standing.map((change) => ({ change, at: instantOf(change, subscription, priced) }));
  const ends = subscription.endedAt ?? earlier(subscription.cancelAt, subscription.endsAt);
  const lost = timed.filter(({ at }) => subscription.endedAt !== null || (ends !== null && at >= ends));
  const kept = timed.filter((entry) => !lost.includes(entry));
  const isNew = (id: string) => made.scheduled.some((change) => change.id === id);
  return {
    ...made,
    finished: [
      ...finished,
      ...lost.flatMap(({ change: { id } }) => (isNew(id) ? [] : [{ id, as: 'canceled' as const }])),
    ],
    scheduled: kept.flatMap(({ change, at }) => (isNew(change.id) ? [{ ...change, effectiveAt: at }] : [])),
    moved: kept.flatMap(({ change: { id, effectiveAt }, at }) =>
      isNew(id) || at.getTime() === effectiveAt.getTime() ? [] : [{ id, effectiveAt: at }],
    ),
    events: [
      ...made.events,
      ...lost.flatMap(({ change: { id } }) => (isNew(id) ? [] : ['subscription.change_canceled' as const])),
    ],
    subscription: {
      ...subscription,
      changeAt:
        kept.length === 0 ? null : new Date(Math.min(...kept.map(({ at: instant }) => instant.getTime()))),
    },
  };
}

function instantOf(
  { mode, effectiveAt, action }: ScheduledChange,
  subscription: Subscription,
  priced: ReturnType<typeof pricedAfter>,
): Date {
  if (mode === 'at' || subscription.pausedAt) return effectiveAt;
  if (isPeriodEndFor(subscription, priced, action, effectiveAt)) return effectiveAt;
  return periodEndFor(subscription, priced, action) ?? effectiveAt;
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a ?? b;
  return a < b ? a : b;
}

/** From the last boundary of any item to the next one. */
export function periodOf(
  items: readonly SubscriptionItem[],
): Pick<Subscription, 'currentPeriodStart' | 'currentPeriodEnd'> {
  const running = items.flatMap(({ endedAt, currentPeriodStart: start, currentPeriodEnd: end }) =>
    !endedAt && start && end ? [{ start: start.getTime(), end: end.getTime() }] : [],
  );
  if (running.length === 0) return { currentPeriodStart: null, currentPeriodEnd: null };
  return {
    currentPeriodStart: new Date(Math.max(...running.map(({ start }) => start))),
    currentPeriodEnd: new Date(Math.min(...running.map(({ end }) => end))),
  };
}
