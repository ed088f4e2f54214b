import { DateTime } from 'luxon';
import { Decimal } from '../../src/domain/money.ts';
import { LIFE, later } from './life.ts';

/**
 * The baseline: what all invoices of one such life come to, found by somebody who knows beforehand what happens in it. The
 * same calendar and the same sums to the same digits, in one loop; no body that is read, no states, no lines, no traces, no
 * sentences, no payments.
 */
export function totalOfLife(seconds: number): Decimal {
  const anchor = DateTime.fromISO(later(LIFE.begins, seconds), { zone: LIFE.timeZone });
  const deeds = [LIFE.grows.at, LIFE.pauses, LIFE.resumes].map((at) => Date.parse(later(at, seconds)));
  const base = new Decimal(LIFE.base);
  const seat = new Decimal(LIFE.seat);
  let seats = seat.times(LIFE.seats);
  let total = new Decimal(0);
  let isPaused = false;
  for (let month = 0; month <= LIFE.months; month += 1) {
    const start = anchor.plus({ months: month }).toMillis();
    const end = anchor.plus({ months: month + 1 }).toMillis();
    const whole = end - start;
    if (!isPaused) total = total.plus(base).plus(seats);
    for (const [index, at] of deeds.entries()) {
      if (at <= start || at >= end) continue;
      const rest = (amount: Decimal) => cents(amount.times(end - at).div(whole));
      if (index === 0) {
        const more = seat.times(LIFE.grows.seats);
        total = total.minus(rest(seats)).plus(rest(more));
        seats = more;
      } else {
        isPaused = index === 1;
        const both = rest(base).plus(rest(seats));
        total = isPaused ? total.minus(both) : total.plus(both);
      }
    }
  }
  return total;
}

function cents(amount: Decimal): Decimal {
  return amount.toDecimalPlaces(2, Decimal.ROUND_HALF_UP);
}
