import { Decimal } from '../money.ts';
import type { TermsOf, Usage, UsageEvent } from '../price-terms.ts';
import { Tally } from './tally.ts';
import { type PercentageEventTrace, type PercentageTrace, type Rating, TRACE_ROWS_MAX } from './trace.ts';
import { eventsOf } from './usage.ts';

type Terms = TermsOf<'percentage'>;
const ZERO = new Decimal(0);

/**
 * A rate in percent of each event's amount plus a fixed fee per event, in the order of the events (billing rule 19).
 * An event that the allowances cover whole costs nothing: no fee, no minimum. One that they cover in part pays the rate
 * on the rest and its whole fee. Then each paid event is held between the minimum and the maximum per event. What a
 * meter counted may have amounts below zero among its events, such as refunds: they lower the whole, never below zero.
 */
export function ratePercentage(terms: Terms, usage: Usage): Rating {
  const allowance = new Allowance(terms);
  const share = terms.rate.div(100);
  const groups = { priced: new Tally(), atMinimum: new Tally(), atMaximum: new Tally() };
  const free = new Tally();
  const more = new Tally();
  const events: PercentageEventTrace[] = [];
  for (const event of eventsOf(usage)) {
    const freePart = allowance.freePartOf(event);
    let amount = ZERO;
    if (freePart === 'all') free.add(event.quantity);
    else {
      const rest = freePart ? event.quantity.minus(freePart) : event.quantity;
      const priced = priceOf(terms, rest.times(share).plus(terms.fixedPerEvent));
      amount = priced.amount;
      groups[priced.group].add(rest);
      if (freePart) free.addPart(freePart);
    }
    if (events.length < TRACE_ROWS_MAX) events.push(traceOf(event, freePart, amount));
    else more.add(event.quantity, amount);
  }
  const exact = settle(terms, share, groups);
  const { priced, atMinimum, atMaximum } = groups;
  const trace: PercentageTrace = {
    model: 'percentage',
    quantity: usage.quantity.toFixed(),
    rate: terms.rate.toFixed(),
    fixedPerEvent: terms.fixedPerEvent.toFixed(),
    eventMinimum: terms.eventMinimum?.toFixed() ?? null,
    eventMaximum: terms.eventMaximum?.toFixed() ?? null,
    free: { count: free.count, quantity: free.quantity.toFixed() },
    priced: priced.trace(),
    events,
  };
  if (atMinimum.count > 0) trace.atMinimum = atMinimum.trace();
  if (atMaximum.count > 0) trace.atMaximum = atMaximum.trace();
  if (more.count > 0) trace.moreEvents = more.trace();
  return { exact: Decimal.max(0, exact), trace };
}

type Groups = { priced: Tally; atMinimum: Tally; atMaximum: Tally };

/** What each group costs, and all of them: the same as the sum over their events, for a fraction of the work. */
function settle(terms: Terms, share: Decimal, { priced, atMinimum, atMaximum }: Groups): Decimal {
  const { fixedPerEvent, eventMinimum, eventMaximum } = terms;
  priced.amount = priced.quantity.times(share).plus(fixedPerEvent.times(priced.count));
  let exact = priced.amount;
  if (eventMinimum && atMinimum.count > 0) {
    atMinimum.amount = eventMinimum.times(atMinimum.count);
    exact = exact.plus(atMinimum.amount);
  }
  if (eventMaximum && atMaximum.count > 0) {
    atMaximum.amount = eventMaximum.times(atMaximum.count);
    exact = exact.plus(atMaximum.amount);
  }
  return exact;
}

function priceOf(
  { eventMinimum, eventMaximum }: Terms,
  amount: Decimal,
): { amount: Decimal; group: keyof Groups } {
  if (eventMinimum?.gt(amount)) return { amount: eventMinimum, group: 'atMinimum' };
  if (eventMaximum?.lt(amount)) return { amount: eventMaximum, group: 'atMaximum' };
  return { amount, group: 'priced' };
}

/**
 * What is left of the free events and of the free amount. Where both are given, everything is free until the first of
 * the two is used up; an allowance of zero is none, as if it had been left out.
 */
class Allowance {
  private eventsLeft: number | null;
  private amountLeft: Decimal | null;

  constructor({ freeEvents, freeAmount }: Terms) {
    this.eventsLeft = freeEvents || null;
    this.amountLeft = freeAmount?.isZero() ? null : freeAmount;
    if (this.eventsLeft === null && this.amountLeft === null) this.eventsLeft = 0;
  }

  /** How much of an event's amount is free, null when nothing is left to be free. */
  freePartOf({ quantity }: UsageEvent): Decimal | 'all' | null {
    if (this.eventsLeft === 0 || this.amountLeft?.isZero()) return null;
    if (this.eventsLeft !== null) this.eventsLeft -= 1;
    if (this.amountLeft === null) return 'all';
    const left = this.amountLeft.minus(quantity);
    const part = left.isNegative() ? this.amountLeft : 'all';
    this.amountLeft = part === 'all' ? left : ZERO;
    return part;
  }
}

function traceOf(
  { at, quantity }: UsageEvent,
  free: Decimal | 'all' | null,
  amount: Decimal,
): PercentageEventTrace {
  const row = {
    at: at === null ? null : at.toISOString(),
    quantity: quantity.toFixed(),
    amount: amount.toFixed(),
  };
  if (free === null) return row;
  return { ...row, free: free === 'all' ? row.quantity : free.toFixed() };
}
