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
 * what is owed in arrears (billing rule 31c).
 */
export function nextStep(subscription: Subscription): NextStep | null {
  if (isEnded(subscription.status)) return null;
  const due: readonly [StepName, Date | null][] = [
    ['cancel', subscription.cancelAt],
    ['expire', subscription.incompleteSince && subscription.expiresAt],
    ['activate', subscription.startedAt ? null : subscription.startsAt],
    ['remind_trial', subscription.status === 'trialing' ? subscription.trialReminderAt : null],
    ['end_trial', subscription.status === 'trialing' ? subscription.trialEndsAt : null],
    ['close_period', isBilling(subscription) ? subscription.currentPeriodEnd : null],
  ];
  let next: NextStep | null = null;
  for (const [step, at] of due) {
    if (at && (!next || at < next.at)) next = { step, at };
  }
  return next;
}
