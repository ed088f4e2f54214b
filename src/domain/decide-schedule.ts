import type { Change, PlannedAction, ScheduledChange } from './change.ts';
import { leavesPlan, movesOf } from './change-moves.ts';
import { assertChangeable, assertNotTooEarly, assertPausable, withoutEffect } from './change-rules.ts';
import { type ChangeDraft, type Effect, resolveDefaults } from './classify-change.ts';
import { conclude } from './conclude.ts';
import { decideAction } from './decide-scheduled.ts';
import type { Decision } from './decision.ts';
import { DomainError } from './errors.ts';
import type { EventType } from './event.ts';
import type { Life } from './life.ts';
import { newChangeId } from './new-ids.ts';
import { periodEndFor } from './period-end.ts';
import type { Subscription } from './subscription.ts';

/** An action as it is asked for; `effective` null where the class of a change decides. */
export type Asked = {
  action: { kind: 'change'; change: ChangeDraft } | Exclude<PlannedAction, { kind: 'change' }>;
  effective: Effect | null;
  at: Date | null;
};
export type PhaseDraft = { at: Date; change: ChangeDraft };

/** An action with every default filled in, and when it takes place; `mode` null: at once, at `at`. */
export type Timed = { action: PlannedAction; at: Date; mode: ScheduledChange['mode'] | null };

/**
 * When an action takes place that is asked for at `now`, and what it is exactly. An instant that has passed is taken at
 * its word as long as nothing was billed since (`change_too_early`). Throws what `resolveDefaults` throws.
 */
export function timed(life: Life, asked: Asked, now: Date): Timed {
  const { subscription, priced } = life;
  const { action, effective } = resolved(life, asked);
  if (effective === 'now') return { action, at: now, mode: null };
  if (effective === 'period_end') {
    const end = subscription.pausedAt ? null : periodEndFor(subscription, priced, action);
    if (!end || !subscription.startedAt) return { action, at: now, mode: null };
    return { action, at: end, mode: end <= now ? null : 'period_end' };
  }
  const at = asked.at;
  if (!at) throw new RangeError('an action that takes place at an instant names it');
  // What is to be so before it begins is so from its beginning.
  if (subscription.status === 'scheduled' && at <= subscription.startsAt)
    return { action, at: now, mode: null };
  if (at > now) return { action, at, mode: 'at' };
  assertNotTooEarly(subscription, priced, at);
  return { action, at, mode: null };
}

function resolved(life: Life, { action, effective }: Asked): { action: PlannedAction; effective: Effect } {
  if (action.kind !== 'change') return { action, effective: effective ?? 'now' };
  const { change, effective: when } = resolveDefaults(life, action.change, effective);
  return { action: { kind: 'change', change }, effective: when };
}

/** What is asked for takes place at once, or is scheduled. */
export function decideAsked(life: Life, asked: Asked, now: Date, hasPaymentMethod: boolean): Decision {
  const { action, at, mode } = timed(life, asked, now);
  if (mode === null) {
    const replaced = action.kind === 'change' && action.change.plan ? standing(life, 'change') : [];
    return decideAction(life, action, at, hasPaymentMethod, beside(replaced));
  }
  assertSchedulable(life, action, at);
  const scheduled: ScheduledChange = {
    id: newChangeId(0),
    effectiveAt: at,
    mode,
    scheduleId: null,
    action,
  };
  return conclude(life, {
    subscription: life.subscription,
    at: now,
    ...beside(standing(life, action.kind), ['subscription.change_scheduled']),
    scheduled: [scheduled],
  });
}

/**
 * Phases: changes at instants that lie ahead, which stand together and replace everything that is pending. Throws
 * `change_too_early` where they are not in the order of time.
 */
export function decideSchedule(
  life: Life,
  { scheduleId, phases }: { scheduleId: string; phases: readonly PhaseDraft[] },
  now: Date,
): Decision {
  const { subscription } = life;
  const scheduled: ScheduledChange[] = [];
  for (const [n, phase] of phases.entries()) {
    const previous = scheduled.at(-1)?.effectiveAt ?? earliestPhase(subscription, now);
    if (phase.at <= previous)
      throw new DomainError(
        'change_too_early',
        `Phase ${n + 1} begins at ${phase.at.toISOString()}; use an instant after ${previous.toISOString()}.`,
        { earliest: previous.toISOString() },
      );
    const { change } = resolveDefaults(life, phase.change, 'at');
    assertChangeable(subscription, phase.at);
    scheduled.push({
      id: newChangeId(n),
      effectiveAt: phase.at,
      mode: 'at',
      scheduleId,
      action: { kind: 'change', change },
    });
  }
  if (scheduled.length === 0) throw withoutEffect();
  return conclude(life, {
    subscription,
    at: now,
    ...beside(standing(life, 'all'), ['subscription.change_scheduled']),
    scheduled,
  });
}

/** A phase is a change of what has begun by then. */
function earliestPhase({ startedAt, startsAt }: Subscription, now: Date): Date {
  return startedAt || startsAt < now ? now : startsAt;
}

/** A change that is still pending will not take place. Throws `scheduled_change_not_pending`. */
export function cancelScheduled(life: Life, id: string, at: Date): Decision {
  if (!life.changes.some((change) => change.id === id))
    throw new DomainError(
      'scheduled_change_not_pending',
      'The scheduled change is not pending any more; list the scheduled changes to see what became of it.',
      { scheduled_change: id },
    );
  return conclude(life, {
    subscription: life.subscription,
    at,
    finished: [{ id, as: 'canceled' }],
    events: ['subscription.change_canceled'],
  });
}

/** What a new action takes the place of: pending changes give way to a change, and a pause or resume to its like. */
function standing(life: Life, kind: PlannedAction['kind'] | 'all'): ScheduledChange[] {
  return life.changes.filter(({ action }) => kind === 'all' || action.kind === kind);
}

function beside(
  replaced: readonly ScheduledChange[],
  events: readonly EventType[] = [],
): Pick<Decision, 'finished' | 'events'> {
  return {
    finished: replaced.map(({ id }) => ({ id, as: 'replaced' as const })),
    events: [...(replaced.length > 0 ? (['subscription.change_canceled'] as const) : []), ...events],
  };
}

/** What would be refused then is refused now, as far as it can be known. */
function assertSchedulable(life: Life, action: PlannedAction, at: Date): void {
  const { subscription, priced } = life;
  if (action.kind === 'change') {
    assertChangeable(subscription, at);
    const moves = movesOf(subscription, priced, action.change);
    if (moves.byItem.size + moves.begin.length === 0 && isEmpty(subscription, action.change))
      throw withoutEffect();
  }
  if (action.kind === 'pause') assertPausable(subscription, { at, resumeAt: action.resumeAt });
  if (action.kind === 'resume' && subscription.status !== 'paused' && !willPause(life))
    throw new DomainError('resume_not_allowed', 'Only a paused subscription can be resumed.', {
      state: subscription.status,
      reason: subscription.status,
    });
}

function isEmpty(subscription: Subscription, change: Change): boolean {
  const { plan, once, anchor, billingAnchor, trial } = change;
  if (once.length > 0 || anchor === 'reset' || billingAnchor !== null) return false;
  if (trial === 'end' && subscription.status === 'trialing') return false;
  return plan === null || !leavesPlan(subscription, change);
}

function willPause({ changes }: Life): boolean {
  return changes.some(({ action }) => action.kind === 'pause');
}
