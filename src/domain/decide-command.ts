import { assertTrialLength } from './decide-create.ts';
import { type Decision, decideCancel, decideEndTrial } from './decide-step.ts';
import { DomainError } from './errors.ts';
import type { EventType } from './event.ts';
import { isEnded, type PricedItem, type Subscription } from './subscription.ts';

/** The lifecycle commands that change a live subscription; instants are those of the request. */
export type SubscriptionCommand =
  | { kind: 'cancel'; mode: 'now' | 'period_end' | 'at'; at: Date | null; reason: string | null }
  | { kind: 'uncancel' }
  | { kind: 'end_trial' }
  | { kind: 'extend_trial'; trialEnd: Date };

/**
 * What a command does at `at`, its `requested_at`. Throws a DomainError when the subscription's state does not allow it;
 * then nothing changes.
 */
export function decideCommand(
  subscription: Subscription,
  priced: readonly PricedItem[],
  command: SubscriptionCommand,
  at: Date,
  hasPaymentMethod: boolean,
): Decision {
  if (isEnded(subscription.status)) {
    throw new DomainError(
      'subscription_ended',
      `The subscription is ${subscription.status} since ${subscription.endedAt?.toISOString()}; ended is final. Create a new subscription instead.`,
    );
  }
  switch (command.kind) {
    case 'cancel':
      return cancel(subscription, priced, command, at);
    case 'uncancel':
      if (!subscription.cancelAt) {
        throw new DomainError('cancel_not_scheduled', 'No cancellation is scheduled, so there is nothing to take back.');
      }
      return changed(subscription, priced, { cancelAt: null, cancelMode: null, canceledAt: null, cancellationReason: null }, [
        'subscription.uncanceled',
      ]);
    case 'end_trial':
      assertTrialing(subscription);
      return decideEndTrial(subscription, priced, at, hasPaymentMethod);
    case 'extend_trial':
      assertTrialing(subscription);
      return extendTrial(subscription, priced, command.trialEnd, at);
  }
}

function cancel(
  subscription: Subscription,
  priced: readonly PricedItem[],
  command: Extract<SubscriptionCommand, { kind: 'cancel' }>,
  at: Date,
): Decision {
  const noted = { ...subscription, canceledAt: at, cancellationReason: command.reason };
  if (command.mode === 'now') return decideCancel(noted, priced, at);
  const cancelAt = command.mode === 'at' ? command.at : periodEnd(subscription);
  if (!cancelAt || cancelAt <= at) {
    throw new DomainError('cancel_at_in_past', 'The instant of the cancellation has passed.', {
      errors: [{ path: 'at', code: 'cancel_at_in_past', message: `Use an instant after ${at.toISOString()}, or mode "now".` }],
    });
  }
  return changed(noted, priced, { cancelAt, cancelMode: command.mode }, ['subscription.cancel_scheduled']);
}

/** A subscription that has not begun, or owes its first payment, has no period to run to the end of: it ends when it would begin or expire. */
function periodEnd(subscription: Subscription): Date | null {
  if (subscription.status === 'scheduled') return subscription.startsAt;
  if (subscription.status === 'trialing') return subscription.trialEndsAt;
  if (subscription.status === 'incomplete') return subscription.expiresAt;
  return subscription.currentPeriodEnd;
}

function extendTrial(subscription: Subscription, priced: readonly PricedItem[], trialEnd: Date, at: Date): Decision {
  if (trialEnd <= at) {
    throw new DomainError('trial_too_long', 'The new end of the trial has passed.', {
      errors: [{ path: 'trial_end', code: 'in_past', message: `Use an instant after ${at.toISOString()}, or end the trial now.` }],
    });
  }
  assertTrialLength(subscription.startedAt ?? at, trialEnd, subscription.timeZone, 'trial_end');
  const movesCancellation = subscription.cancelMode === 'period_end';
  const decision = changed(
    subscription,
    priced,
    { trialEndsAt: trialEnd, currentPeriodEnd: trialEnd, ...(movesCancellation ? { cancelAt: trialEnd } : {}) },
    ['subscription.trial_extended'],
  );
  return { ...decision, items: decision.items.map((item) => ({ ...item, currentPeriodEnd: trialEnd })) };
}

function assertTrialing(subscription: Subscription): void {
  if (subscription.status === 'trialing') return;
  throw new DomainError('not_trialing', `Only a subscription in its trial can do this; it is ${subscription.status}.`);
}

function changed(
  subscription: Subscription,
  priced: readonly PricedItem[],
  changes: Partial<Subscription>,
  events: readonly EventType[],
): Decision {
  return {
    subscription: { ...subscription, ...changes },
    items: priced.map(({ item }) => item),
    invoice: null,
    coverage: [],
    events,
    collect: false,
    voidOpenInvoices: false,
  };
}
