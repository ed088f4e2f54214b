import { beginItem } from './advance.ts';
import { lifeAfter, NOT_YET } from './apply-decision.ts';
import type { Change, PlannedAction, ScheduledChange } from './change.ts';
import { movesOf } from './change-moves.ts';
import {
  assertChangeable,
  assertNotEnding,
  assertNotTooEarly,
  assertPausable,
  withoutEffect,
} from './change-rules.ts';
import { type ChangeDraft, type Effect, resolveDefaults } from './classify-change.ts';
import { conclude } from './conclude.ts';
import { onPlan } from './decide-change.ts';
import { decideAction } from './decide-scheduled.ts';
import type { Decision } from './decision.ts';
import { DomainError, isDomainError } from './errors.ts';
import type { EventType } from './event.ts';
import { foldUntilChange } from './fold.ts';
import type { Life } from './life.ts';
import { newChangeId } from './new-ids.ts';
import { periodEndFor } from './period-end.ts';
import { isEnded, type PricedItem, type Subscription } from './subscription.ts';

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
  if (action.kind === 'pause') assertNotEnding(life.subscription);
  if (mode === null) {
    const replaced = action.kind === 'change' && action.change.plan ? standing(life, 'change') : [];
    return decideAction(life, action, at, hasPaymentMethod, beside(replaced));
  }
  if (action.kind === 'change') assertChangeable(life.subscription, at);
  if (action.kind === 'pause') assertPausable(life.subscription, { at, resumeAt: action.resumeAt });
  const scheduled: ScheduledChange = {
    id: newChangeId(0),
    effectiveAt: at,
    mode,
    scheduleId: null,
    action,
  };
  const decision = conclude(life, {
    subscription: life.subscription,
    at: now,
    ...beside(standing(life, action.kind), ['subscription.change_scheduled']),
    scheduled: [scheduled],
  });
  rehearse(life, decision, hasPaymentMethod);
  return decision;
}

/**
 * Phases: changes at instants that lie ahead, which stand together and replace everything that is pending. What one leaves
 * open follows from the phase before it. Throws `change_too_early` where they are not in the order of time. A phase that turns out to be impossible or pointless when its
 * time comes is dropped then, and the others stand.
 */
export function decideSchedule(
  life: Life,
  { scheduleId, phases }: { scheduleId: string; phases: readonly PhaseDraft[] },
  now: Date,
): Decision {
  const { subscription } = life;
  const scheduled: ScheduledChange[] = [];
  let before = life;
  for (const [n, phase] of phases.entries()) {
    const previous = scheduled.at(-1)?.effectiveAt ?? earliestPhase(subscription, now);
    if (phase.at <= previous)
      throw new DomainError(
        'change_too_early',
        `Phase ${n + 1} begins at ${phase.at.toISOString()}; use an instant after ${previous.toISOString()}.`,
        { earliest: previous.toISOString() },
      );
    const { change } = inPhase(n, () => resolveDefaults(before, phase.change, 'at'));
    assertChangeable(subscription, phase.at);
    before = consistingOf(before, change, phase.at);
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

/** What is wrong with a phase is told by its place among them. */
function inPhase<T>(n: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDomainError(error) || !error.details.errors) throw error;
    const errors = error.details.errors.map((field) => ({ ...field, path: `phases[${n}].${field.path}` }));
    throw new DomainError(error.code, error.message, { ...error.details, errors });
  }
}

/** What a life consists of once a change is made; what the change leaves open in the phase after it follows from this. Throws what `movesOf` throws. */
export function consistingOf(life: Life, change: Change, at: Date): Life {
  const { subscription, priced } = life;
  const { byItem, begin } = movesOf(subscription, priced, change);
  const kept = priced.flatMap((entry): PricedItem[] => {
    const move = byItem.get(entry.item.id);
    if (!move) return [entry];
    return move.kind === 'end' ? [] : [{ ...entry, price: move.price, quantity: move.quantity }];
  });
  const begun = begin.map(({ key, price, quantity }) => ({
    item: beginItem(subscription, key, at),
    price,
    quantity,
  }));
  return { ...life, subscription: onPlan(subscription, change), priced: [...kept, ...begun] };
}

/**
 * Lives until what is scheduled takes place, and does it: what would be refused then is refused now. Nothing of it is
 * kept, so it does not matter that nobody knows yet what will be used until then.
 */
function rehearse(life: Life, decision: Decision, hasPaymentMethod: boolean): void {
  const then = lifeAfter(life, decision, NOT_YET);
  for (const change of decision.scheduled) {
    const there = foldUntilChange(then, change);
    const { subscription } = there;
    assertNotOver(subscription);
    decideAction(there, change.action, subscription.nextStepAt ?? change.effectiveAt, hasPaymentMethod);
  }
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

/** Throws unless the subscription lives then: its cycles may be over by that time, or its trial without a way to pay. */
function assertNotOver({ status, endedAt }: Subscription): void {
  if (!isEnded(status)) return;
  throw new DomainError(
    'change_not_allowed',
    `The subscription will have ended by then, at ${endedAt?.toISOString()}; use an instant before it.`,
    { state: status, reason: 'ends' },
  );
}
