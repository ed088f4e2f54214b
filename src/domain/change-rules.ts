import { DomainError } from './errors.ts';
import type { PricedItem, Subscription } from './subscription.ts';

/** Throws unless a subscription may be changed at `at` in the state that it is in (billing rule 31b). */
export function assertChangeable(subscription: Subscription, at: Date): void {
  const { status, cancelAt, endsAt } = subscription;
  const refuse = (reason: string, message: string) =>
    new DomainError('change_not_allowed', message, { state: status, reason });
  if (status === 'incomplete')
    throw refuse(
      'incomplete',
      'The first payment is still owed; pay the open invoice, or cancel, before you change anything.',
    );
  if (status === 'unpaid')
    throw refuse('unpaid', 'The subscription is unpaid; pay its open invoices before you change anything.');
  if (cancelAt && cancelAt <= at)
    throw refuse(
      'cancel_scheduled',
      `The subscription ends at ${cancelAt.toISOString()}; take the cancellation back, or let the change take effect before it.`,
    );
  if (endsAt && endsAt <= at)
    throw refuse(
      'ends',
      `The subscription's last cycle ends at ${endsAt.toISOString()}; a change has to take effect before it.`,
    );
}

/** Throws unless a subscription may be paused at `at`, until `resumeAt` where that is known (billing rule 31b). */
export function assertPausable(
  subscription: Subscription,
  { at, resumeAt }: { at: Date; resumeAt: Date | null },
): void {
  const { status } = subscription;
  const refuse = (message: string, reason: string = status) =>
    new DomainError('pause_not_allowed', message, { state: status, reason });
  if (status === 'scheduled')
    throw refuse('The subscription has not begun; change when it starts instead of pausing it.');
  if (status === 'incomplete')
    throw refuse('The first payment is still owed; pay the open invoice, or cancel, before you pause.');
  if (status === 'unpaid')
    throw refuse('The subscription is unpaid; pay its open invoices before you pause it.');
  if (status === 'paused') throw refuse('The subscription is paused already.');
  if (resumeAt && resumeAt <= at)
    throw refuse('A pause has to begin before it ends; use a later resume_at.', 'resume_at_in_past');
}

/** Throws `pause_not_allowed` where an end is planned; a pause that was planned before that takes place all the same. */
export function assertNotEnding({ status, cancelAt }: Subscription): void {
  if (!cancelAt) return;
  throw new DomainError(
    'pause_not_allowed',
    `The subscription ends at ${cancelAt.toISOString()}; take the cancellation back before you pause it.`,
    { state: status, reason: 'cancel_scheduled' },
  );
}

/** Throws `resume_not_allowed` unless the subscription is paused. */
export function assertPaused({ status }: Subscription): void {
  if (status === 'paused') return;
  throw new DomainError('resume_not_allowed', `Only a paused subscription can be resumed; it is ${status}.`, {
    state: status,
    reason: status,
  });
}

export function withoutEffect(): DomainError {
  return new DomainError(
    'change_without_effect',
    'The subscription is what the change asks for already; name another plan, price or quantity.',
  );
}

/**
 * Throws `change_too_early` for an instant before something that has happened and was billed as it was then: the last
 * boundary of any item, its last change, a trial's end, a pause.
 */
export function assertNotTooEarly(subscription: Subscription, priced: readonly PricedItem[], at: Date): void {
  const earliest = lastHappened(subscription, priced);
  if (at >= earliest) return;
  throw new DomainError(
    'change_too_early',
    `What was before ${earliest.toISOString()} has been billed already; use an instant that is not before it.`,
    {
      earliest: earliest.toISOString(),
      errors: [
        {
          path: 'effective',
          code: 'change_too_early',
          message: `Use an instant from ${earliest.toISOString()} onward.`,
        },
      ],
    },
  );
}

/** The latest instant that a decision has been made at which later ones build on. */
function lastHappened(subscription: Subscription, priced: readonly PricedItem[]): Date {
  const { createdAt, startedAt, trialEndedAt, pausedAt, currentPeriodStart } = subscription;
  const instants = [startedAt ?? createdAt, trialEndedAt, pausedAt, currentPeriodStart];
  for (const { item, since } of priced) instants.push(item.currentPeriodStart, item.startedAt, since ?? null);
  return new Date(Math.max(...instants.flatMap((instant) => (instant ? [instant.getTime()] : []))));
}
