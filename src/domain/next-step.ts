import { deriveStatus, isBilling, isEnded, type StepName, type Subscription } from './subscription.ts';

export type NextStep = { step: StepName; at: Date };

/** The subscription with everything that follows from its facts: status and next step. */
export function derived(facts: Subscription): Subscription {
  const subscription = { ...facts, status: deriveStatus(facts) };
  const next = nextStep(subscription);
  return { ...subscription, nextStep: next?.step ?? null, nextStepAt: next?.at ?? null };
}

/**
 * What is due next and when: the only place that computes a wake-up.
 *
 * Equal instants run in the order of the list. A cancellation comes before the end of a trial, so that a trial
 * canceled at its end is never billed; it comes before the close of a period, because the cancellation itself bills
 * what is owed in arrears (billing rule 31c). A change comes before the end of a trial, which then bills the new plan,
 * and before the close of a period, because at a boundary it is that close as well. A threshold comes before whatever
 * ends the period that it belongs to.
 */
export function nextStep(subscription: Subscription): NextStep | null {
  if (isEnded(subscription.status)) return null;
  const { status } = subscription;
  const due: readonly [StepName, Date | null][] = [
    ['cancel', subscription.cancelAt],
    ['expire', expiryOf(subscription)],
    ['activate', subscription.startedAt ? null : subscription.startsAt],
    ['bill_threshold', periodsGoBy(subscription) ? subscription.thresholdAt : null],
    ['remind_trial', status === 'trialing' ? subscription.trialReminderAt : null],
    ['apply_change', status === 'scheduled' || status === 'incomplete' ? null : subscription.changeAt],
    ['end_trial', status === 'trialing' ? subscription.trialEndsAt : null],
    ['close_period', periodsGoBy(subscription) ? subscription.currentPeriodEnd : null],
  ];
  let next: NextStep | null = null;
  for (const [step, at] of due) {
    if (at && (!next || at < next.at)) next = { step, at };
  }
  return next;
}

/** While the first payment is owed only that has a deadline; otherwise a fixed number of cycles has an end. */
function expiryOf({ incompleteSince, expiresAt, startedAt, endsAt }: Subscription): Date | null {
  if (incompleteSince) return expiresAt;
  return startedAt ? endsAt : null;
}

/** Periods go by while billing runs, and in a trial for what is used in it, where that is billed. */
export function periodsGoBy(subscription: Subscription): boolean {
  return (
    isBilling(subscription) || (subscription.status === 'trialing' && subscription.trialUsage === 'billed')
  );
}
