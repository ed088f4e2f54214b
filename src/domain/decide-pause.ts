import { begin } from './advance.ts';
import { Bill } from './bill.ts';
import { assertPausable, assertPaused } from './change-rules.ts';
import { type Conclusion, conclude, periodOf } from './conclude.ts';
import { type Beside, latest } from './decide-change.ts';
import { isAutomatic } from './decide-step.ts';
import type { Decision } from './decision.ts';
import { lateLines } from './late-usage.ts';
import type { Life } from './life.ts';
import { newChangeId } from './new-ids.ts';
import { derived } from './next-step.ts';
import { startBilling } from './start-billing.ts';
import { type PricedItem, type Subscription, type SubscriptionItem, TRANSITIONS } from './subscription.ts';
import { closeInTrial, trialItem } from './trial-periods.ts';

export type Pause = { credit: boolean; resumeAt: Date | null };

/**
 * The subscription rests from `at` on (billing rules 18 and 31b): what runs in arrears is billed until then, what was
 * paid ahead is given back, or without `credit` runs out. The day of the pause is not billed any more. `resumeAt`
 * schedules the resume. Throws `pause_not_allowed`.
 */
export function decidePause(
  life: Life,
  { credit, resumeAt }: Pause,
  at: Date,
  beside: Beside = {},
): Decision {
  const { subscription, priced } = life;
  assertPausable(subscription, { at, resumeAt });
  const bill = new Bill(lateLines(life));
  const rest = (entry: PricedItem) => restItem(bill, subscription, entry, at, credit);
  const isCommitment = ({ price }: PricedItem) => price.terms.model === 'minimum_commitment';
  const rested = new Map(
    [...priced.filter((entry) => !isCommitment(entry)), ...priced.filter(isCommitment)].map((entry) => [
      entry.item.id,
      rest(entry),
    ]),
  );
  const items = priced.map(({ item }) => rested.get(item.id) ?? item);
  const action = { kind: 'resume' } as const;
  return conclude(life, {
    ...beside,
    subscription: { ...subscription, pausedAt: at, thresholdAt: null, ...periodOf(items) },
    items,
    at,
    bill,
    collect: isAutomatic(subscription),
    scheduled: resumeAt
      ? [{ id: newChangeId(0), effectiveAt: resumeAt, mode: 'at', scheduleId: null, action }]
      : [],
  });
}

/**
 * The pause that dunning may end with (billing rule 33): until somebody resumes it, with credit for what was not used, which
 * mostly comes off the very invoice that was not paid. Nobody is charged once more on the way: what ran in arrears is
 * left open. Null for a subscription that cannot rest, or rests already; it stays past due.
 */
export function decideUnpaidPause(life: Life, at: Date): Decision | null {
  const subscription = derived(life.subscription);
  if (!TRANSITIONS[subscription.status].includes('paused')) return null;
  const decision = decidePause({ ...life, subscription }, { credit: true, resumeAt: null }, at);
  return { ...decision, collect: false };
}

/** An item without a running period, or with the one that was paid ahead and is not given back. */
function restItem(
  bill: Bill,
  subscription: Subscription,
  entry: PricedItem,
  at: Date,
  credit: boolean,
): SubscriptionItem {
  const { currentPeriodStart: start, currentPeriodEnd: end } = entry.item;
  if (!start || !end) return entry.item;
  if (subscription.status === 'trialing') closeInTrial(bill, subscription, entry, at);
  else if (entry.price.timing === 'in_arrears') {
    if (start < at) bill.charge(subscription, entry, { start, end: at });
  } else if (at < end) {
    if (!credit) return entry.item;
    bill.giveBack(subscription, entry, at);
  }
  return { ...entry.item, currentPeriodStart: null, currentPeriodEnd: null };
}

/**
 * The subscription goes on at `at`: the time paused is nobody's, the anchor stays, and what is paid ahead is billed up to
 * its next boundary, unless a period that was paid still runs. A trial goes on with what was left of it. Throws
 * `resume_not_allowed`.
 */
export function decideResume(life: Life, at: Date, beside: Beside = {}): Decision {
  const { subscription } = life;
  assertPaused(subscription);
  const events: Beside['events'] = ['subscription.resumed', ...(beside.events ?? [])];
  // A resume that was planned for later has nothing left to do.
  const done = beside.finished?.map(({ id }) => id) ?? [];
  const stale = life.changes.flatMap(({ id, action }) =>
    action.kind === 'resume' && !done.includes(id) ? [{ id, as: 'replaced' as const }] : [],
  );
  const finished = [...(beside.finished ?? []), ...stale];
  const inTrial = subscription.trialEndsAt !== null && subscription.trialEndedAt === null;
  const conclusion = inTrial ? resumeTrial(life, at) : resumeBilling(life, at);
  return conclude(life, { ...conclusion, events, finished });
}

function resumeTrial(life: Life, at: Date): Conclusion {
  const { subscription, priced } = life;
  const { trialEndsAt, trialReminderAt, pausedAt } = subscription;
  const restedMs = pausedAt ? at.getTime() - pausedAt.getTime() : 0;
  const later = (instant: Date | null) => instant && new Date(instant.getTime() + restedMs);
  const bill = new Bill();
  const after = {
    ...subscription,
    pausedAt: null,
    trialEndsAt: later(trialEndsAt),
    trialReminderAt: later(trialReminderAt),
  };
  const items = priced.map((entry) => {
    leavePaused(bill, subscription, entry, at);
    return trialItem(after, entry, at);
  });
  return { subscription: { ...after, ...periodOf(items) }, items, at, bill };
}

function resumeBilling(life: Life, at: Date): Conclusion {
  const { subscription, priced } = life;
  const bill = new Bill(lateLines(life));
  const after: Subscription = { ...subscription, pausedAt: null };
  const runs = ({ item }: PricedItem) => item.currentPeriodEnd !== null && item.currentPeriodEnd > at;
  for (const entry of priced) if (!runs(entry)) leavePaused(bill, subscription, entry, at);
  if (!hasBegunBilling(subscription)) {
    const start = startBilling(bill, after, priced, { at, reason: 'trial_end', collects: true });
    // Whoever resumes it has waited enough: it is active, and what is not paid is overdue.
    const begun = { ...start.subscription, incompleteSince: null, expiresAt: null };
    return { ...start, subscription: begun, bill };
  }
  const items = priced.map((entry) =>
    runs(entry) ? entry.item : begin(bill, entry, { after, at, prorates: true }),
  );
  return {
    subscription: { ...after, ...periodOf(items) },
    items,
    at,
    bill,
    collect: isAutomatic(subscription),
  };
}

/** Not where a trial ended without a way to pay, and rests since: then neither anchor nor end were set by its end. */
function hasBegunBilling(subscription: Subscription): boolean {
  const { trialEndedAt, pausedAt, anchorFixed, anchorAt, cycles, endsAt } = subscription;
  if (!trialEndedAt || trialEndedAt.getTime() !== pausedAt?.getTime()) return true;
  return anchorFixed ? cycles === null || endsAt !== null : anchorAt.getTime() === trialEndedAt.getTime();
}

/** Accounts for the time that an item rested: from the pause, or from when what was paid ran out, or since it was added. */
function leavePaused(bill: Bill, { pausedAt }: Subscription, entry: PricedItem, at: Date): void {
  const from = latest(pausedAt, entry.item.currentPeriodEnd, entry.item.startedAt);
  if (from) bill.leaveFree(entry, { start: from, end: at }, 'paused');
}
