import { IANAZone } from 'luxon';
import { DomainError } from './errors.ts';

/**
 * The bridge between instants and wall clocks. A wall time is a number here: milliseconds since 1970-01-01T00:00 as a
 * clock on the wall of that zone shows them; a civil day is a whole number of days since 1970-01-01. Both are plain
 * counts, so adding to them is calendar arithmetic without time zones.
 *
 * The conversions are written out instead of left to luxon's `DateTime`, because for a wall time that occurs twice
 * luxon's choice depends on the offset at the moment the process asks, and a bill must not.
 */
export const DAY_MS = 86_400_000;

/** Short names that ICU adds to the IANA list; several are ambiguous (IST is India, Israel or Ireland). */
const NOT_IANA = new Set(
  'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST'.split(
    ' ',
  ),
);

/** Whether `name` is an IANA time zone such as "Europe/Rome"; offsets such as "+02:00" and abbreviations are not. */
export function isTimeZone(name: string): boolean {
  return (
    name.length <= 64 &&
    /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name) &&
    !NOT_IANA.has(name.toUpperCase()) &&
    IANAZone.isValidZone(name)
  );
}

/** What the clock on the wall shows at `instant`. */
export function wallTimeOf(instant: Date, timeZone: string): number {
  const ms = instant.getTime();
  return ms + offsetMs(zoneNamed(timeZone), ms);
}

/**
 * The instant at which the wall shows `wallTime`. A time that occurs twice (clocks go back) is the earlier one; a time
 * that does not occur (clocks go forward) moves forward by the length of the gap: 02:30 becomes 03:30.
 */
export function instantOfWallTime(wallTime: number, timeZone: string): Date {
  const { before, candidates } = candidatesFor(wallTime, timeZone);
  return new Date(candidates[0] ?? wallTime - before);
}

/** The first instant of a civil day: its midnight, or where midnight does not exist the end of the gap around it. */
export function startOfCivilDay(day: number, timeZone: string): Date {
  const midnight = day * DAY_MS;
  const { before, after, candidates } = candidatesFor(midnight, timeZone);
  return new Date(
    candidates[0] ?? firstInstantWithOffset(after, midnight - after, midnight - before, timeZone),
  );
}

/**
 * The civil day an instant belongs to: the latest one that has begun. Where clocks go back over midnight the wall shows
 * yesterday's date once more for a while; the day that began is not un-begun, so days never run backwards.
 */
export function civilDayOf(instant: Date, timeZone: string): number {
  const day = Math.floor(wallTimeOf(instant, timeZone) / DAY_MS);
  return startOfCivilDay(day + 1, timeZone) <= instant ? day + 1 : day;
}

/** The same day of the month `months` later, or that month's last day where it has no such day (billing rule 6). */
export function addMonths(day: number, months: number): number {
  const index = monthIndexOf(day) + months;
  return firstDayOfMonth(index) + Math.min(dayOfMonthOf(day), daysInMonth(index)) - 1;
}

/** Months since January of year 0, as one number. */
export function monthIndexOf(day: number): number {
  const date = new Date(day * DAY_MS);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** 1 to 31. */
export function dayOfMonthOf(day: number): number {
  return new Date(day * DAY_MS).getUTCDate();
}

export function firstDayOfMonth(monthIndex: number): number {
  return Date.UTC(Math.floor(monthIndex / 12), ((monthIndex % 12) + 12) % 12, 1) / DAY_MS;
}

export function daysInMonth(monthIndex: number): number {
  return firstDayOfMonth(monthIndex + 1) - firstDayOfMonth(monthIndex);
}

/** The instants, in order, at which the wall may show `wallTime`, and the offsets on both sides of a change near it. */
function candidatesFor(
  wallTime: number,
  timeZone: string,
): { before: number; after: number; candidates: number[] } {
  const zone = zoneNamed(timeZone);
  // No offset is larger than 14 hours, so a day to either side is safely before and after the instant looked for.
  const before = offsetMs(zone, wallTime - DAY_MS);
  const after = offsetMs(zone, wallTime + DAY_MS);
  if (before === after) return { before, after, candidates: [wallTime - before] };
  const candidates = [wallTime - Math.max(before, after), wallTime - Math.min(before, after)];
  return { before, after, candidates: candidates.filter((ms) => ms + offsetMs(zone, ms) === wallTime) };
}

/** The instant in (`low`, `high`] at which the zone's clocks change to `offset`. */
function firstInstantWithOffset(offset: number, low: number, high: number, timeZone: string): number {
  const zone = zoneNamed(timeZone);
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (offsetMs(zone, middle) === offset) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * Offsets that were asked for, by zone and instant. To ask costs as much as everything else about a line together, and
 * the boundaries of one life are asked for again and again. An offset of an instant never changes, so nothing is stale.
 */
const KNOWN = new Map<string, Map<number, number>>();
const ZONES_MAX = 50;
const INSTANTS_MAX = 5_000;

/** Milliseconds east of UTC. Rounded, because luxon answers in minutes and historical offsets have seconds. */
function offsetMs(zone: IANAZone, ms: number): number {
  const known = knownOf(zone.name);
  const before = known.get(ms);
  if (before !== undefined) return before;
  if (known.size >= INSTANTS_MAX) known.clear();
  const offset = Math.round(zone.offset(ms) * 60_000);
  known.set(ms, offset);
  return offset;
}

function knownOf(name: string): Map<number, number> {
  const known = KNOWN.get(name);
  if (known) return known;
  if (KNOWN.size >= ZONES_MAX) KNOWN.clear();
  const begun = new Map<number, number>();
  KNOWN.set(name, begun);
  return begun;
}

function zoneNamed(timeZone: string): IANAZone {
  const zone = IANAZone.create(timeZone);
  if (zone.isValid) return zone;
  throw new DomainError(
    'time_zone_unknown',
    `"${timeZone.slice(0, 64)}" is not an IANA time zone; write one such as "Europe/Rome".`,
  );
}
