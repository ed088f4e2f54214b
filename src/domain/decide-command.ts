import { assertTrialLength, trialReminder } from './decide-create.ts';
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

/** What a command has to know beyond the subscription: can it be charged, and when does the tenant want to hear of a trial's end. */
export type CommandSetting = { hasPaymentMethod: boolean; trialReminderDays: number | null };

/**
 * When a command takes effect: as it was requested, but never before what has already happened. A command that is
 * written just before a boundary and taken just after it belongs to the new period; nothing is undone for it.
 */
export function effectiveAt(subscription: Subscription, requestedAt: Date): Date {
  const { startedAt, trialEndedAt, currentPeriodStart } = subscription;
  const happened = [startedAt, trialEndedAt, currentPeriodStart].flatMap((at) => (at ? [at.getTime()] : []));
  return new Date(Math.max(requestedAt.getTime(), ...happened));
}

/**
 * What a command does at `at`, the instant of `effectiveAt`. Throws a DomainError when the subscription's state does not allow it;
 * then nothing changes.
 */
export function decideCommand(
  subscription: Subscription,
  priced: readonly PricedItem[],
  command: SubscriptionCommand,
  at: Date,
  setting: CommandSetting,
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
        throw new DomainError(
          'cancel_not_scheduled',
          'No cancellation is scheduled, so there is nothing to take back.',
        );
      }
      return changed(
        subscription,
        priced,
        { cancelAt: null, cancelMode: null, canceledAt: null, cancellationReason: null },
        ['subscription.uncanceled'],
      );
    case 'end_trial':
      assertTrialing(subscription);
      return decideEndTrial(subscription, priced, at, setting.hasPaymentMethod);
    case 'extend_trial':
      assertTrialing(subscription);
      return extendTrial(subscription, priced, command.trialEnd, at, setting.trialReminderDays);
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
      errors: [
        {
          path: 'at',
          code: 'cancel_at_in_past',
          message: `Use an instant after ${at.toISOString()}, or mode "now".`,
        },
      ],
    });
  }
  return changed(noted, priced, { cancelAt, cancelMode: command.mode }, ['subscription.cancel_scheduled']);
}

/** A subscription that has not begun has no period to run to the end of, so it ends before it begins; a trial is a period. */
function periodEnd(subscription: Subscription): Date | null {
  if (subscription.status === 'scheduled') return subscription.startsAt;
  if (subscription.status === 'trialing') return subscription.trialEndsAt;
  return subscription.currentPeriodEnd;
}

function extendTrial(
  subscription: Subscription,
  priced: readonly PricedItem[],
  trialEnd: Date,
  at: Date,
  reminderDays: number | null,
): Decision {
  if (trialEnd <= at) {
    throw new DomainError('trial_too_long', 'The new end of the trial has passed.', {
      errors: [
        {
          path: 'trial_end',
          code: 'in_past',
          message: `Use an instant after ${at.toISOString()}, or end the trial now.`,
        },
      ],
    });
  }
  assertTrialLength(subscription.startedAt ?? at, trialEnd, subscription.timeZone, 'trial_end');
  const movesCancellation = subscription.cancelMode === 'period_end';
  const decision = changed(
    subscription,
    priced,
    {
      trialEndsAt: trialEnd,
      currentPeriodEnd: trialEnd,
      trialReminderAt: reminderOf(subscription, trialEnd, at, reminderDays),
      ...(movesCancellation ? { cancelAt: trialEnd } : {}),
    },
    ['subscription.trial_extended'],
  );
  return { ...decision, items: decision.items.map((item) => ({ ...item, currentPeriodEnd: trialEnd })) };
}

/** Planned anew for the new end. Whoever has been told already is told again only when there is time for it. */
function reminderOf(subscription: Subscription, trialEnd: Date, at: Date, days: number | null): Date | null {
  const planned = trialReminder(trialEnd, days, subscription.timeZone, at);
  const isTold = subscription.trialReminderAt === null;
  return isTold && planned?.getTime() === at.getTime() ? null : planned;
}

function assertTrialing(subscription: Subscription): void {
  if (subscription.status === 'trialing') return;
  throw new DomainError(
    'not_trialing',
    `Only a subscription in its trial can do this; it is ${subscription.status}.`,
  );
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
