import type { Period } from './calendar.ts';
import {
  civilDayOf,
  firstDayOfMonth,
  instantOfWallTime,
  monthIndexOf,
  startOfCivilDay,
  wallTimeOf,
} from './zoned-time.ts';

/** What usage can be shown by. */
export const GRANULARITIES = ['hour', 'day', 'month', 'total'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

const HOUR_MS = 3_600_000;

/**
 * The instants at which the buckets of a stretch of time begin, as the clocks of the zone divide it: the first is the
 * start itself, each ends where the next begins, the last at the end. Hours are those of the wall, so in a zone at :30
 * they begin at half past; days and months begin as billing's do.
 */
export function bucketStarts({ start, end }: Period, granularity: Granularity, timeZone: string): Date[] {
  const starts = [start];
  if (granularity === 'total') return starts;
  for (let at = nextStart(start, granularity, timeZone); at < end; at = nextStart(at, granularity, timeZone))
    starts.push(at);
  return starts;
}

/** How many there are at most, without making them: to refuse a question before it costs something. */
export function bucketsMax({ start, end }: Period, granularity: Granularity): number {
  if (granularity === 'total') return 1;
  const ms = { hour: HOUR_MS, day: 23 * HOUR_MS, month: 28 * 23 * HOUR_MS }[granularity];
  return Math.ceil((end.getTime() - start.getTime()) / ms) + 2;
}

function nextStart(at: Date, granularity: 'hour' | 'day' | 'month', timeZone: string): Date {
  if (granularity === 'hour') return nextHour(at, timeZone);
  const day = civilDayOf(at, timeZone);
  if (granularity === 'day') return startOfCivilDay(day + 1, timeZone);
  return startOfCivilDay(firstDayOfMonth(monthIndexOf(day) + 1), timeZone);
}

/** The next full hour on the wall. Where clocks are set meanwhile by half an hour, it is looked for from there. */
function nextHour(at: Date, timeZone: string): Date {
  const wall = wallTimeOf(at, timeZone);
  const next = new Date(at.getTime() + HOUR_MS - (((wall % HOUR_MS) + HOUR_MS) % HOUR_MS));
  if (wallTimeOf(next, timeZone) % HOUR_MS === 0) return next;
  const again = instantOfWallTime(Math.ceil(wallTimeOf(next, timeZone) / HOUR_MS) * HOUR_MS, timeZone);
  return again > at ? again : next;
}
