import {
  addMonths,
  civilDayOf,
  DAY_MS,
  dayOfMonthOf,
  daysInMonth,
  firstDayOfMonth,
  instantOfWallTime,
  monthIndexOf,
  startOfCivilDay,
  wallTimeOf,
} from './zoned-time.ts';

export { isTimeZone } from './zoned-time.ts';

/** The units a price can recur in (billing rule 7). */
export const INTERVAL_UNITS = ['day', 'week', 'month', 'quarter', 'half_year', 'year'] as const;
export type IntervalUnit = (typeof INTERVAL_UNITS)[number];

/** `count` is a whole number from 1 upward. */
export type Interval = { unit: IntervalUnit; count: number };

/** Half-open: `start` belongs to the period, `end` does not (billing rule 5). */
export type Period = { start: Date; end: Date };

export type BillingCycle = 'anniversary' | 'calendar';
export type ProrationBasis = 'day' | 'second';

/**
 * What a subscription's boundaries follow from; frozen when it is created. `timeZone` is an IANA name. In the calendar
 * cycle `anchor` only says where counting starts for intervals with a count above one.
 */
export type Cadence = {
  billingCycle: BillingCycle;
  prorationBasis: ProrationBasis;
  timeZone: string;
  anchor: Date;
};

/** The earliest boundary strictly after `instant`. */
export function boundaryAfter(cadence: Cadence, interval: Interval, instant: Date): Date {
  return contractualPeriod(cadence, interval, instant).end;
}

/** The latest boundary that is not after `instant`. */
export function boundaryAtOrBefore(cadence: Cadence, interval: Interval, instant: Date): Date {
  return contractualPeriod(cadence, interval, instant).start;
}

/**
 * The whole period of the contract that contains `instant`, between two boundaries, whether or not a subscription lived
 * through all of it. Instants before the anchor lie in periods counted backwards, so the period of a leading stub is the
 * full one that ends at the first boundary (billing rule 8). Periods tile time: no gap, no overlap, never empty.
 */
export function contractualPeriod(cadence: Cadence, interval: Interval, instant: Date): Period {
  const boundaries = boundariesOf(cadence, interval);
  let n = boundaries.near(instant);
  let start = boundaries.at(n);
  while (start > instant) start = boundaries.at(--n);
  let end = boundaries.at(n + 1);
  while (end <= instant) {
    start = end;
    end = boundaries.at(++n + 1);
  }
  return { start, end };
}

/**
 * The first day with the number `dayOfMonth` (1–31) that is not before the civil day of `start`, at the wall time of
 * `start`; the last day of the month where the month is shorter. It is looked for in the month of `start` and then one
 * interval later, as Kill Bill's bill-cycle day does. Intervals of days and weeks have no such day: `start` itself.
 *
 * The answer is a boundary, not always an anchor: with day 30 and an answer of 29 Feb the next boundary is 30 Mar.
 * A cadence takes its anchor from `anchorOnDayOfMonth`.
 */
export function firstAnchor(start: Date, dayOfMonth: number, interval: Interval, timeZone: string): Date {
  const step = stepOf(interval);
  if (step.months === undefined) return start;
  return atWallTimeOf(start, firstDayNumbered(start, dayOfMonth, step.months, timeZone), timeZone);
}

/**
 * The anchor of a cadence that bills on `dayOfMonth` (1–31): `firstAnchor`, or where its month was too short the latest
 * earlier date of the same series that has the day, so that no month end is mistaken for a day number (billing rule 6).
 */
export function anchorOnDayOfMonth(
  start: Date,
  dayOfMonth: number,
  interval: Interval,
  timeZone: string,
): Date {
  const step = stepOf(interval);
  if (step.months === undefined) return start;
  const first = firstDayNumbered(start, dayOfMonth, step.months, timeZone);
  let anchor = first;
  // Leap years decide for yearly series in February, and 28 years hold every case of those.
  for (
    let months = step.months;
    dayOfMonthOf(anchor) < dayOfMonth && months <= 12 * 28;
    months += step.months
  ) {
    const earlier = clampedDay(monthIndexOf(first) - months, dayOfMonth);
    if (dayOfMonthOf(earlier) > dayOfMonthOf(anchor)) anchor = earlier;
  }
  return atWallTimeOf(start, anchor, timeZone);
}

/**
 * The same wall time `days` civil days later: how long a trial lasts (billing rule 9). A wall time that daylight saving
 * skips moves forward by the gap; one that occurs twice is the first.
 */
export function addCivilDays(instant: Date, days: number, timeZone: string): Date {
  if (days === 0) return instant;
  return instantOfWallTime(wallTimeOf(instant, timeZone) + wholeNumber(days, 'days') * DAY_MS, timeZone);
}

/** `hour` o'clock local time, `daysLater` civil days after the day of `instant`: dunning's 09:00 (billing rule 33). */
export function localTimeOnDay(instant: Date, daysLater: number, hour: number, timeZone: string): Date {
  const day = Math.floor(wallTimeOf(instant, timeZone) / DAY_MS) + wholeNumber(daysLater, 'daysLater');
  return instantOfWallTime(day * DAY_MS + hour * 3_600_000, timeZone);
}

/**
 * Civil days of a period: the day of `start` counts, the day of `end` does not, however late in that day the end is
 * (a change day belongs to the new price, billing rule 12). Additive: days(a, b) + days(b, c) = days(a, c).
 * Where the day of the end is billed, as on cancellation, end the period at `endOfBilledDay`.
 */
export function civilDaysBetween(period: Period, timeZone: string): number {
  return civilDayOf(period.end, timeZone) - civilDayOf(period.start, timeZone);
}

/**
 * Until when an immediate cancellation at `instant` is billed (billing rule 12): to the end of its civil day in the
 * basis `day` (an instant exactly at local midnight begins no new day and stays), to the instant itself in `second`.
 */
export function endOfBilledDay(instant: Date, basis: ProrationBasis, timeZone: string): Date {
  if (basis === 'second') return instant;
  const day = civilDayOf(instant, timeZone);
  const begun = startOfCivilDay(day, timeZone);
  return begun.getTime() === instant.getTime() ? instant : startOfCivilDay(day + 1, timeZone);
}

/** Boundary number n, and a number whose boundary is at most a few steps away from an instant. */
type Boundaries = { at: (n: number) => Date; near: (instant: Date) => number };

function boundariesOf(
  { billingCycle, prorationBasis, timeZone, anchor }: Cadence,
  interval: Interval,
): Boundaries {
  const step = stepOf(interval);
  const near = (first: number) => (instant: Date) =>
    stepsBetween(first, Math.floor(wallTimeOf(instant, timeZone) / DAY_MS), step);

  if (billingCycle === 'anniversary' && prorationBasis === 'second') {
    const wall = wallTimeOf(anchor, timeZone);
    const first = Math.floor(wall / DAY_MS);
    const at = (n: number) =>
      instantOfWallTime(advance(first, step, n) * DAY_MS + (wall - first * DAY_MS), timeZone);
    // The anchor is its own boundary even as the second occurrence of a wall time that occurs twice.
    return { at: (n) => (n === 0 ? anchor : at(n)), near: near(first) };
  }

  const anchorDay = civilDayOf(anchor, timeZone);
  const first = billingCycle === 'calendar' ? naturalDayFrom(anchorDay, interval.unit) : anchorDay;
  return { at: (n) => startOfCivilDay(advance(first, step, n), timeZone), near: near(first) };
}

/** An interval is a number of months or a number of days. */
type Step = { months: number; days?: never } | { days: number; months?: never };

const UNIT_STEPS: Record<IntervalUnit, Step> = {
  day: { days: 1 },
  week: { days: 7 },
  month: { months: 1 },
  quarter: { months: 3 },
  half_year: { months: 6 },
  year: { months: 12 },
};

function stepOf({ unit, count }: Interval): Step {
  if (wholeNumber(count, 'count') < 1) throw new RangeError('an interval has a count of at least one');
  const one = UNIT_STEPS[unit];
  return one.months === undefined ? { days: one.days * count } : { months: one.months * count };
}

/** Always from the first day, never from the previous boundary (billing rule 6). */
function advance(first: number, step: Step, n: number): number {
  return step.months === undefined ? first + n * step.days : addMonths(first, n * step.months);
}

function stepsBetween(first: number, day: number, step: Step): number {
  return step.months === undefined
    ? Math.floor((day - first) / step.days)
    : Math.floor((monthIndexOf(day) - monthIndexOf(first)) / step.months);
}

/** The first day from `day` on at which the calendar itself begins a unit: 1st of the month, Monday (billing rule 8). */
function naturalDayFrom(day: number, unit: IntervalUnit): number {
  const { months, days } = UNIT_STEPS[unit];
  if (months === undefined) {
    // Day 4, 5 January 1970, was a Monday.
    return days === 1 ? day : 4 + Math.ceil((day - 4) / 7) * 7;
  }
  const unitStart = firstDayOfMonth(Math.floor(monthIndexOf(day) / months) * months);
  return unitStart === day ? day : firstDayOfMonth(monthIndexOf(unitStart) + months);
}

function firstDayNumbered(start: Date, dayOfMonth: number, stepMonths: number, timeZone: string): number {
  if (wholeNumber(dayOfMonth, 'dayOfMonth') < 1 || dayOfMonth > 31)
    throw new RangeError('days of a month are 1 to 31');
  const startDay = civilDayOf(start, timeZone);
  const month = monthIndexOf(startDay);
  const sameMonth = clampedDay(month, dayOfMonth);
  return sameMonth >= startDay ? sameMonth : clampedDay(month + stepMonths, dayOfMonth);
}

function clampedDay(monthIndex: number, dayOfMonth: number): number {
  return firstDayOfMonth(monthIndex) + Math.min(dayOfMonth, daysInMonth(monthIndex)) - 1;
}

function atWallTimeOf(start: Date, day: number, timeZone: string): Date {
  const wall = wallTimeOf(start, timeZone);
  const startDay = Math.floor(wall / DAY_MS);
  return addCivilDays(start, day - startDay, timeZone);
}

function wholeNumber(value: number, name: string): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${name} is a whole number`);
  return value;
}
