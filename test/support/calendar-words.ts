import { DateTime } from 'luxon';
import type { Cadence, Interval, IntervalUnit } from '../../src/domain/calendar.ts';
import { boundaryAfter } from '../../src/domain/calendar.ts';

/** `every('month', 2)` reads as a sentence in a table. */
export const every = (unit: IntervalUnit, count = 1): Interval => ({ unit, count });

/** An anniversary cadence in days, unless told otherwise, anchored at a local date or wall time. */
export function cadence(anchor: string, timeZone = 'UTC', more: Partial<Cadence> = {}): Cadence {
  const instant = DateTime.fromISO(anchor, { zone: timeZone }).toJSDate();
  return { billingCycle: 'anniversary', prorationBasis: 'day', timeZone, anchor: instant, ...more };
}

/** An instant as a wall time, by luxon: a second opinion beside our own conversion. */
export function local(instant: Date, timeZone = 'UTC'): string {
  return DateTime.fromJSDate(instant, { zone: timeZone }).toFormat("yyyy-MM-dd'T'HH:mm");
}

/** The next boundaries after an instant, as local wall times. */
export function following(c: Cadence, interval: Interval, count: number, after: Date = c.anchor): string[] {
  const found: string[] = [];
  for (let instant = after; found.length < count; ) {
    instant = boundaryAfter(c, interval, instant);
    found.push(local(instant, c.timeZone));
  }
  return found;
}

/** The dates of wall times. */
export const dates = (walls: string[]) => walls.map((wall) => wall.slice(0, 10));
