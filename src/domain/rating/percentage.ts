import { Decimal } from '../money.ts';
import type { TermsOf, Usage, UsageEvent } from '../price-terms.ts';
import { Tally } from './tally.ts';
import { type PercentageEventTrace, type Rating, TRACE_ROWS_MAX } from './trace.ts';
import { eventsOf } from './usage.ts';

type Terms = TermsOf<'percentage'>;
const ZERO = new Decimal(0);

/**
 * A rate in percent of each event's amount plus a fixed fee per event, in the order of the events (billing rule 19).
 * An event that the allowances cover whole costs nothing: no fee, no minimum. One that they cover in part pays the rate
 * on the rest and its whole fee. Then each paid event is held between the minimum and the maximum per event.
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
    if (freePart?.eq(event.quantity)) free.add(event.quantity, ZERO);
    else {
      const rest = freePart ? event.quantity.minus(freePart) : event.quantity;
      const priced = priceOf(terms, rest.times(share).plus(terms.fixedPerEvent));
      amount = priced.amount;
      groups[priced.group].add(rest, amount);
      if (freePart) free.addPart(freePart);
    }
    if (events.length < TRACE_ROWS_MAX) events.push(traceOf(event, freePart, amount));
    else more.add(event.quantity, amount);
  }
  const { priced, atMinimum, atMaximum } = groups;
  return {
    exact: priced.amount.plus(atMinimum.amount).plus(atMaximum.amount),
    trace: {
      model: 'percentage',
      quantity: free.quantity
        .plus(priced.quantity)
        .plus(atMinimum.quantity)
        .plus(atMaximum.quantity)
        .toFixed(),
      rate: terms.rate.toFixed(),
      fixedPerEvent: terms.fixedPerEvent.toFixed(),
      eventMinimum: terms.eventMinimum?.toFixed() ?? null,
      eventMaximum: terms.eventMaximum?.toFixed() ?? null,
      free: { count: free.count, quantity: free.quantity.toFixed() },
      priced: priced.trace(),
      ...(atMinimum.count > 0 && { atMinimum: atMinimum.trace() }),
      ...(atMaximum.count > 0 && { atMaximum: atMaximum.trace() }),
      events,
      ...(more.count > 0 && { moreEvents: more.trace() }),
    },
  };
}

function priceOf(
  { eventMinimum, eventMaximum }: Terms,
  amount: Decimal,
): { amount: Decimal; group: 'priced' | 'atMinimum' | 'atMaximum' } {
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

  /** The part of an event's amount that is free, null when nothing is left to be free. */
  freePartOf({ quantity }: UsageEvent): Decimal | null {
    if (this.eventsLeft === 0 || this.amountLeft?.isZero()) return null;
    if (this.eventsLeft !== null) this.eventsLeft -= 1;
    if (this.amountLeft === null) return quantity;
    const part = this.amountLeft.lt(quantity) ? this.amountLeft : quantity;
    this.amountLeft = this.amountLeft.minus(part);
    return part;
  }
}

function traceOf({ at, quantity }: UsageEvent, free: Decimal | null, amount: Decimal): PercentageEventTrace {
  return {
    at: at?.toISOString() ?? null,
    quantity: quantity.toFixed(),
    ...(free && { free: free.toFixed() }),
    amount: amount.toFixed(),
  };
}
