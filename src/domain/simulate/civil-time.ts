import { DAY_MS, instantOfWallTime, startOfCivilDay } from '../zoned-time.ts';

/** A date and perhaps a time without an offset, as numbers of `zoned-time.ts`. */
export type CivilTime = { day: number; wallTime: number | null };

const CIVIL = /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?$/;

/** "2027-01-31" or "2027-01-31T09:00[:00[.000]]"; null for anything else, and for a date that no calendar has. */
export function civilTimeOf(text: string): CivilTime | null {
  const match = CIVIL.exec(text);
  if (!match) return null;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const midnight = Date.UTC(year, month - 1, date);
  const isDate = new Date(midnight).toISOString().startsWith(text.slice(0, 10));
  if (!isDate || year < 1970 || year > 2199) return null;
  const day = midnight / DAY_MS;
  if (match[4] === undefined) return { day, wallTime: null };
  if (hour > 23 || minute > 59 || second > 59) return null;
  const ms = Number((match[7] ?? '').padEnd(3, '0'));
  return { day, wallTime: midnight + ((hour * 60 + minute) * 60 + (second || 0)) * 1_000 + ms };
}

/**
 * The instant a text means where the customer is: an instant with an offset is itself, a date is its local midnight, and
 * a local time that daylight saving skips or repeats is read as `instantOfWallTime` does.
 */
export function instantWhere(text: string, timeZone: string): Date {
  const civil = civilTimeOf(text);
  if (!civil) return new Date(text);
  return civil.wallTime === null
    ? startOfCivilDay(civil.day, timeZone)
    : instantOfWallTime(civil.wallTime, timeZone);
}
