import type { ChangeDraft, Effect } from './classify-change.ts';
import { conclude } from './conclude.ts';
import { decideCancel } from './decide-end.ts';
import {
  type Asked,
  cancelScheduled,
  decideAsked,
  decideSchedule,
  type PhaseDraft,
} from './decide-schedule.ts';
import { decideEndTrial } from './decide-step.ts';
import { extendTrial } from './decide-trial.ts';
import type { Decision } from './decision.ts';
import { DomainError } from './errors.ts';
import type { Life } from './life.ts';
import { periodEndFor } from './period-end.ts';
import { isEnded, type Subscription } from './subscription.ts';

/** The lifecycle commands that change a live subscription; instants are those of the request. */
export type SubscriptionCommand =
  | {
      kind: 'cancel';
      mode: 'now' | 'period_end' | 'at';
      at: Date | null;
      reason: string | null;
      /** Whether what was paid ahead is given back; not when absent. */
      credit?: 'none' | 'prorate';
    }
  | { kind: 'uncancel' }
  | { kind: 'end_trial' }
  | { kind: 'extend_trial'; trialEnd: Date }
  /** `effective` null: as the class of the change says. `at` is set exactly for the effect `at`. */
  | { kind: 'change'; change: ChangeDraft; effective: Effect | null; at: Date | null }
  | { kind: 'pause'; credit: boolean; resumeAt: Date | null; effective: Effect; at: Date | null }
  | { kind: 'resume'; effective: 'now' | 'at'; at: Date | null }
  /** The earliest phase first. */
  | { kind: 'schedule'; scheduleId: string; phases: readonly PhaseDraft[] }
  | { kind: 'cancel_scheduled_change'; id: string };

/** What a command has to know beyond the subscription: can it be charged, and when does the tenant want to hear of a trial's end. */
export type CommandSetting = { hasPaymentMethod: boolean; trialReminderDays: number | null };

/**
 * When a command takes effect: as it was requested, but never before what has already happened. A command that is
 * written just before a boundary and taken just after it belongs to the new period; nothing is undone for it.
 */
export function effectiveAt(subscription: Subscription, requestedAt: Date): Date {
  const { startedAt, trialEndedAt, currentPeriodStart, pausedAt } = subscription;
  const happened = [startedAt, trialEndedAt, currentPeriodStart, pausedAt].flatMap((at) =>
    at ? [at.getTime()] : [],
  );
  return new Date(Math.max(requestedAt.getTime(), ...happened));
}

/**
 * What a command does at `at`, the instant of `effectiveAt`; what is to take effect later is scheduled. Throws a
 * DomainError when the subscription's state does not allow it (billing rule 31b); then nothing changes.
 */
export function decideCommand(
  life: Life,
  command: SubscriptionCommand,
  at: Date,
  setting: CommandSetting,
): Decision {
  const { subscription } = life;
  assertAlive(subscription);
  switch (command.kind) {
    case 'cancel':
      return cancel(life, command, at);
    case 'uncancel':
      return uncancel(life, at);
    case 'end_trial':
      assertTrialing(subscription);
      return decideEndTrial(life, at, setting.hasPaymentMethod);
    case 'extend_trial':
      assertTrialing(subscription);
      return extendTrial(life, command.trialEnd, at, setting.trialReminderDays);
    case 'schedule':
      return decideSchedule(life, command, at);
    case 'cancel_scheduled_change':
      return cancelScheduled(life, command.id, at);
    default:
      return decideAsked(life, askedBy(command), at, setting.hasPaymentMethod);
  }
}

type Planned = Extract<SubscriptionCommand, { kind: 'change' | 'pause' | 'resume' }>;

/** What a command of this kind asks for, and when. */
export function askedBy(command: Planned): Asked {
  const { effective, at } = command;
  if (command.kind === 'change') return { action: { kind: 'change', change: command.change }, effective, at };
  if (command.kind === 'resume') return { action: { kind: 'resume' }, effective, at };
  const { credit, resumeAt } = command;
  return { action: { kind: 'pause', credit, resumeAt }, effective, at };
}

export function assertAlive({ status, endedAt }: Subscription): void {
  if (!isEnded(status)) return;
  throw new DomainError(
    'subscription_ended',
    `The subscription is ${status} since ${endedAt?.toISOString()}; ended is final. Create a new subscription instead.`,
  );
}

function cancel(life: Life, command: Extract<SubscriptionCommand, { kind: 'cancel' }>, at: Date): Decision {
  const { subscription } = life;
  const noted = { ...subscription, canceledAt: at, cancellationReason: command.reason };
  const credit = command.credit ?? 'none';
  if (command.mode === 'now') return decideCancel({ ...life, subscription: noted }, at, credit, 'now');
  const cancelAt = command.mode === 'at' ? command.at : periodEndOf(life);
  const waitsForNothing = command.mode === 'period_end' && (!cancelAt || cancelAt <= at);
  if (waitsForNothing && subscription.pausedAt)
    throw new DomainError(
      'change_not_allowed',
      'While the subscription is paused no period runs that it could end with; use mode "now" or "at", or resume it first.',
      { state: subscription.status, reason: 'no_period_runs' },
    );
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
  return conclude(life, {
    subscription: { ...noted, cancelAt, cancelMode: command.mode, cancelCredit: credit },
    at,
    events: ['subscription.cancel_scheduled'],
  });
}

/** A subscription that has not begun has no period to run to the end of, so it ends before it begins; a trial is a period. */
function periodEndOf({ subscription, priced }: Life): Date | null {
  return subscription.pausedAt ? subscription.currentPeriodEnd : periodEndFor(subscription, priced, null);
}

function uncancel(life: Life, at: Date): Decision {
  if (!life.subscription.cancelAt) {
    throw new DomainError(
      'cancel_not_scheduled',
      'No cancellation is scheduled, so there is nothing to take back.',
    );
  }
  const taken = {
    cancelAt: null,
    cancelMode: null,
    cancelCredit: 'none',
    canceledAt: null,
    cancellationReason: null,
  } as const;
  return conclude(life, {
    subscription: { ...life.subscription, ...taken },
    at,
    events: ['subscription.uncanceled'],
  });
}

function assertTrialing(subscription: Subscription): void {
  if (subscription.status === 'trialing') return;
  throw new DomainError(
    'not_trialing',
    `Only a subscription in its trial can do this; it is ${subscription.status}.`,
  );
}
