import type { IntervalUnit } from './calendar.ts';
import type { Change, ChangeClass } from './change.ts';
import { movesOf } from './change-moves.ts';
import { DomainError } from './errors.ts';
import type { Life } from './life.ts';
import { Decimal } from './money.ts';
import type { Price } from './plan.ts';
import type { PricedItem, Subscription } from './subscription.ts';

/** A change as it is asked for: null where its class decides (billing rules 15 to 16). */
export type ChangeDraft = Omit<Change, 'proration' | 'anchor'> & {
  proration: Change['proration'] | null;
  anchor: Change['anchor'] | null;
};
export type Effect = 'now' | 'period_end' | 'at';
export type ResolvedChange = { change: Change; effective: Effect; class: ChangeClass };

/**
 * Fills in what a change leaves open, from what the subscription is now: an upgrade happens now and a downgrade at the
 * end of the period, money moves with an invoice now, and an interval that changes begins a new period where the calendar
 * may move (rules 15, 15b, 16). Calendar billing and an explicit anchor always keep: whoever asks for a reset of those is
 * told so (`validation_failed`). Throws what `movesOf` throws.
 */
export function resolveDefaults(life: Life, draft: ChangeDraft, effective: Effect | null): ResolvedChange {
  const { subscription, priced } = life;
  assertMovable(subscription, draft);
  const change: Change = {
    ...draft,
    proration: draft.proration ?? 'invoice_now',
    anchor: anchorOf(subscription, priced, draft),
  };
  const changeClass = classOf(subscription, priced, change);
  return {
    change,
    effective: effective ?? defaultEffect(subscription, changeClass),
    class: changeClass,
  };
}

/** Throws where a change names a place in the calendar that the subscription cannot move to (billing rule 16). */
function assertMovable({ status, billingCycle, anchorFixed }: Subscription, draft: ChangeDraft): void {
  const isCalendar = billingCycle === 'calendar';
  if (draft.billingAnchor && isCalendar)
    throw new DomainError(
      'change_not_allowed',
      'Calendar billing has its own boundaries; leave billing_anchor out.',
      { state: status, reason: 'calendar_billing' },
    );
  if (draft.anchor !== 'reset' || !(isCalendar || anchorFixed)) return;
  const message = isCalendar
    ? 'Calendar billing has its own boundaries and always keeps them; leave anchor out, or write "keep".'
    : 'The billing anchor of this subscription was given and is always kept; leave anchor out, or give it another billing_anchor.';
  throw new DomainError('validation_failed', message, {
    errors: [{ path: 'anchor', code: isCalendar ? 'calendar_billing' : 'anchor_fixed', message }],
  });
}

/** Where nothing is paid ahead there is no period to wait for the end of. */
function defaultEffect({ status }: Subscription, changeClass: ChangeClass): Effect {
  if (status === 'scheduled' || status === 'trialing' || status === 'paused') return 'now';
  return changeClass === 'upgrade' ? 'now' : 'period_end';
}

function anchorOf(
  { anchorFixed, billingCycle }: Subscription,
  priced: readonly PricedItem[],
  { anchor, billingAnchor, set }: ChangeDraft,
): Change['anchor'] {
  if (billingAnchor || anchorFixed || billingCycle === 'calendar') return 'keep';
  if (anchor) return anchor;
  const changesInterval = priced.some(({ item, price }) => {
    const target = set.find(({ key }) => key === item.key);
    return (
      target !== undefined &&
      (target.price.intervalUnit !== price.intervalUnit || target.price.intervalCount !== price.intervalCount)
    );
  });
  return changesInterval ? 'reset' : 'keep';
}

/**
 * Upgrade or downgrade (billing rule 15b): what in-advance flat and per-unit list prices come to per day, before and
 * after; the same is an upgrade.
 */
export function classOf(
  subscription: Subscription,
  priced: readonly PricedItem[],
  change: Change,
): ChangeClass {
  const { byItem, begin } = movesOf(subscription, priced, change);
  const before = yearly(priced);
  const kept = priced.flatMap((entry): { price: Price; quantity: Decimal }[] => {
    const move = byItem.get(entry.item.id);
    if (!move) return [entry];
    return move.kind === 'become' ? [move] : [];
  });
  const after = yearly([...kept, ...begin]);
  return after.gte(before) ? 'upgrade' : 'downgrade';
}

function yearly(entries: readonly { price: Price; quantity: Decimal }[]): Decimal {
  return entries.reduce((total, { price, quantity }) => total.plus(perYear(price, quantity)), new Decimal(0));
}

/** How often a unit of time comes in a year of 365.25 days; per day is the same comparison with longer numbers. */
const PER_YEAR: Record<IntervalUnit, Decimal> = {
  day: new Decimal('365.25'),
  week: new Decimal('365.25').div(7),
  month: new Decimal(12),
  quarter: new Decimal(4),
  half_year: new Decimal(2),
  year: new Decimal(1),
};

function perYear({ terms, timing, billing, intervalUnit, intervalCount }: Price, quantity: Decimal): Decimal {
  if (timing !== 'in_advance' || billing !== 'licensed' || intervalUnit === null || intervalCount === null)
    return new Decimal(0);
  if (terms.model !== 'flat' && terms.model !== 'per_unit') return new Decimal(0);
  const units = terms.model === 'flat' ? new Decimal(1) : quantity;
  return terms.unitAmount.times(units).times(PER_YEAR[intervalUnit]).div(intervalCount);
}
