import { type Advance, advance, assertProrated, beginItem, segmentOf } from './advance.ts';
import { Bill } from './bill.ts';
import type { Change } from './change.ts';
import { leavesPlan, type Moves, movesOf } from './change-moves.ts';
import { assertChangeable, withoutEffect } from './change-rules.ts';
import { combined } from './combine.ts';
import { type Conclusion, conclude, periodOf } from './conclude.ts';
import { decideEndTrial, isAutomatic, keepToPeriodEnd } from './decide-step.ts';
import type { Decision } from './decision.ts';
import { DomainError } from './errors.ts';
import { lateLines } from './late-usage.ts';
import type { Life } from './life.ts';
import type { Subscription, SubscriptionItem } from './subscription.ts';
import { closeInTrial, isBilledInTrial, trialItem } from './trial-periods.ts';

/** What else a decision carries when the change was one that had been scheduled, or replaces such. */
export type Beside = Pick<Conclusion, 'finished' | 'events'>;

/**
 * A change of what a subscription consists of, at `at` (billing rules 12 to 16 and 31b). At the end of a period it is
 * one decision with the close: every item whose period ends there goes on as well. Throws `change_not_allowed`,
 * `change_without_effect`, `proration_needed` and what `movesOf` throws; then nothing changes.
 *
 * `hasPaymentMethod` matters only where the change ends a trial.
 */
export function decideChange(
  life: Life,
  change: Change,
  at: Date,
  hasPaymentMethod: boolean,
  beside: Beside = {},
): Decision {
  const { subscription, priced } = life;
  assertChangeable(subscription, at);
  const moves = movesOf(subscription, priced, change);
  const movesCalendar = change.anchor === 'reset' || change.billingAnchor !== null;
  const isNothing =
    moves.byItem.size + moves.begin.length + change.once.length === 0 &&
    !movesCalendar &&
    !leavesPlan(subscription, change) &&
    !(change.trial === 'end' && subscription.status === 'trialing');
  if (isNothing) throw withoutEffect();
  switch (subscription.status) {
    case 'scheduled':
      return editPlanned(life, change, moves, at, beside);
    case 'trialing':
      return changeInTrial(life, change, moves, at, hasPaymentMethod, beside);
    case 'paused':
      return changeWhilePaused(life, change, moves, at, beside);
    default:
      return changeRunning(life, change, moves, at, beside);
  }
}

function told(beside: Beside): Pick<Conclusion, 'finished' | 'events'> {
  return { ...beside, events: ['subscription.updated', ...(beside.events ?? [])] };
}

/** The facts of a subscription that a change names itself. */
export function onPlan(subscription: Subscription, { plan, billingAnchor }: Change): Subscription {
  return {
    ...subscription,
    ...(plan ? { planId: plan.planId, planVersion: plan.version } : {}),
    ...(billingAnchor ? { anchorAt: billingAnchor, anchorFixed: true } : {}),
  };
}

function changeRunning(life: Life, change: Change, moves: Moves, at: Date, beside: Beside): Decision {
  const { subscription, priced } = life;
  const after = onPlan(subscription, change);
  if (change.anchor === 'reset') after.anchorAt = at;
  const over: Advance = {
    before: subscription,
    after,
    at,
    moves: moves.byItem,
    begin: moves.begin,
    recut: change.anchor === 'reset' || change.billingAnchor !== null,
    prorates: change.proration !== 'none',
  };
  assertProrated(priced, over);
  const closes = priced.some(({ item }) => item.currentPeriodEnd?.getTime() === at.getTime());
  const to = closes || change.proration === 'invoice_now' ? 'invoice' : 'pending';
  const bill = new Bill(to === 'invoice' ? lateLines(life) : []);
  const { items, segments } = advance(bill, priced, over);
  for (const target of change.once) bill.chargeOnce(after, target, at);
  const period = { ...after, ...periodOf(items) };
  const { events = [], finished = [] } = told(beside);
  return conclude(life, {
    subscription: keepToPeriodEnd(period, items),
    items,
    segments,
    at,
    bill,
    to,
    reason: closes ? 'subscription_cycle' : 'subscription_update',
    finished,
    events: closes ? ['billing.cycle.closed', 'subscription.renewed', ...events] : events,
    collect: isAutomatic(subscription),
  });
}

/** What has not begun is edited: it begins with the new plan, and what is charged once waits for the first invoice. */
function editPlanned(life: Life, change: Change, moves: Moves, at: Date, beside: Beside): Decision {
  const { subscription, priced } = life;
  const from = subscription.startsAt;
  const bill = new Bill();
  for (const target of change.once) bill.chargeOnce(subscription, target, at);
  const begun = moves.begin.map((target) => ({
    target,
    item: { ...beginItem(subscription, target.key, at), startedAt: null },
  }));
  return conclude(life, {
    ...told(beside),
    subscription: {
      ...onPlan(subscription, change),
      ...(change.trial === 'end' ? { trialEndsAt: null, trialReminderAt: null } : {}),
    },
    items: [...priced.map(({ item }) => endedBy(moves, item, at)), ...begun.map(({ item }) => item)],
    segments: [
      ...[...moves.byItem].map(([itemId, move]) => segmentOf(itemId, move, from)),
      ...begun.map(({ item, target: { price, quantity } }) => ({
        itemId: item.id,
        from,
        to: { price, quantity },
      })),
    ],
    at,
    bill,
    to: 'pending',
  });
}

function endedBy(moves: Moves, item: SubscriptionItem, at: Date): SubscriptionItem {
  return moves.byItem.get(item.id)?.kind === 'end' ? { ...item, endedAt: at } : item;
}

/** In a trial nothing is prorated and its end stays, unless the change ends it: then the new plan is billed from here on. */
function changeInTrial(
  life: Life,
  change: Change,
  moves: Moves,
  at: Date,
  hasPaymentMethod: boolean,
  beside: Beside,
): Decision {
  const { subscription, priced } = life;
  const after = onPlan(subscription, change);
  const bill = new Bill();
  const items = priced.map((entry) => {
    const move = moves.byItem.get(entry.item.id);
    // Where the calendar moves, what is billed in the trial begins a period of the new one.
    const isCut = change.billingAnchor !== null && isBilledInTrial(subscription, entry);
    if (!move && !isCut) return entry.item;
    closeInTrial(bill, subscription, entry, at);
    if (move?.kind === 'end') return { ...entry.item, endedAt: at };
    const next = move ? { ...entry, price: move.price, quantity: move.quantity } : entry;
    return trialItem(after, next, at);
  });
  const begun = moves.begin.map(({ key, price, quantity }) => ({
    item: trialItem(after, { item: beginItem(after, key, at), price, quantity }, at),
    to: { price, quantity },
  }));
  for (const target of change.once) bill.chargeOnce(after, target, at);
  const all = [...items, ...begun.map(({ item }) => item)];
  const changed = conclude(life, {
    ...told(beside),
    subscription: { ...after, ...periodOf(all) },
    items: all,
    segments: [
      ...[...moves.byItem].map(([itemId, move]) => segmentOf(itemId, move, at)),
      ...begun.map(({ item, to }) => ({ itemId: item.id, from: at, to })),
    ],
    at,
    bill,
    to: change.proration === 'invoice_now' || change.trial === 'end' ? 'invoice' : 'pending',
    collect: isAutomatic(subscription),
  });
  if (change.trial === 'keep') return changed;
  return combined(life, changed, (then) => decideEndTrial(then, at, hasPaymentMethod), at);
}

/** New segments that bill from the resume on; a period that was paid ahead and still runs is left as it is. */
function changeWhilePaused(life: Life, change: Change, moves: Moves, at: Date, beside: Beside): Decision {
  const { subscription, priced } = life;
  assertPaidAheadStays(life, moves, at);
  const after = onPlan(subscription, change);
  const bill = new Bill();
  for (const entry of priced) {
    const from = latest(subscription.pausedAt, entry.item.currentPeriodEnd, entry.item.startedAt);
    const ends = moves.byItem.get(entry.item.id)?.kind === 'end';
    if (ends && from) bill.leaveFree(entry, { start: from, end: at }, 'paused');
  }
  for (const target of change.once) bill.chargeOnce(after, target, at);
  const begun = moves.begin.map(({ key, price, quantity }) => ({
    item: beginItem(after, key, at),
    to: { price, quantity },
  }));
  const items = [...priced.map(({ item }) => endedBy(moves, item, at)), ...begun.map(({ item }) => item)];
  return conclude(life, {
    ...told(beside),
    subscription: { ...after, ...periodOf(items) },
    items,
    segments: [
      ...[...moves.byItem].map(([itemId, move]) => segmentOf(itemId, move, at)),
      ...begun.map(({ item, to }) => ({ itemId: item.id, from: at, to })),
    ],
    at,
    bill,
    to: change.proration === 'invoice_now' ? 'invoice' : 'pending',
    collect: isAutomatic(subscription),
  });
}

/** Throws where a period that was paid ahead and still runs would be billed once more at its end, in arrears. */
function assertPaidAheadStays({ subscription: { status }, priced }: Life, moves: Moves, at: Date): void {
  for (const { item, price } of priced) {
    const { currentPeriodEnd: end } = item;
    const move = moves.byItem.get(item.id);
    if (end === null || end <= at || price.timing !== 'in_advance') continue;
    if (move?.kind !== 'become' || move.price.timing !== 'in_arrears') continue;
    throw new DomainError(
      'change_not_allowed',
      `"${item.key}" was paid ahead until ${end.toISOString()} and cannot be billed in arrears before that while the subscription is paused; resume it first, or change it then.`,
      { state: status, reason: 'paid_ahead' },
    );
  }
}

/** The latest of the instants that there are. */
export function latest(...instants: readonly (Date | null)[]): Date | null {
  const known = instants.flatMap((instant) => (instant ? [instant.getTime()] : []));
  return known.length > 0 ? new Date(Math.max(...known)) : null;
}
