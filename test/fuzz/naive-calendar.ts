/**
 * Days and boundaries the slow way (billing rules 5–9). Instants are milliseconds since 1970, civil days are counted
 * from 1970-01-01. Nothing here is shared with the engine.
 */

export type Unit = 'day' | 'week' | 'month' | 'quarter' | 'half_year' | 'year';
export type Interval = { unit: Unit; count: number };
/** Half-open. */
export type Stretch = { start: number; end: number };

export const DAY = 86_400_000;
const QUARTER_HOUR = 900_000;

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, Map<number, number>>();

/** What the clocks of `zone` show at `t`, as if it were UTC. */
export function wallTime(t: number, zone: string): number {
  return t + offset(t, zone);
}

/** Clocks change only at full quarters of an hour, so that one answer serves fifteen minutes. */
function offset(t: number, zone: string): number {
  const known = offsets.get(zone) ?? new Map<number, number>();
  offsets.set(zone, known);
  const quarter = Math.floor(t / QUARTER_HOUR);
  const answer = known.get(quarter) ?? askOffset(quarter * QUARTER_HOUR, zone);
  known.set(quarter, answer);
  return answer;
}

function askOffset(t: number, zone: string): number {
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  formats.set(zone, format);
  const part = Object.fromEntries(format.formatToParts(t).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - t;
}

/** The civil day at `t`. */
export const dayOf = (t: number, zone: string): number => Math.floor(wallTime(t, zone) / DAY);

const starts = new Map<string, number>();

/** The first instant of a civil day: where clocks skip midnight it begins later, where they repeat it the first counts. */
export function startOfDay(day: number, zone: string): number {
  const name = `${zone} ${day}`;
  const start = starts.get(name) ?? findStart(day, zone);
  starts.set(name, start);
  return start;
}

function findStart(day: number, zone: string): number {
  let before = day * DAY - 16 * 3_600_000;
  let within = day * DAY + 16 * 3_600_000;
  while (within - before > 1) {
    const middle = Math.floor((before + within) / 2);
    if (dayOf(middle, zone) >= day) within = middle;
    else before = middle;
  }
  return within;
}

/** The instant at which clocks show `wall`; the first of two, and as much later as the clocks jump when they skip it. */
export function atWallTime(wall: number, zone: string): number {
  const [before, after] = [offset(wall - DAY, zone), offset(wall + DAY, zone)];
  const shown = [wall - before, wall - after].filter((t) => wallTime(t, zone) === wall);
  return shown.length > 0 ? Math.min(...shown) : wall - before;
}

const MONTHS: Partial<Record<Unit, number>> = { month: 1, quarter: 3, half_year: 6, year: 12 };

/** The civil day `n` intervals after `day`; a month that is too short ends it on its last day (billing rule 6). */
export function dayAfter(day: number, interval: Interval, n: number): number {
  if (interval.unit === 'day') return day + n * interval.count;
  if (interval.unit === 'week') return day + 7 * n * interval.count;
  const date = new Date(day * DAY);
  const months = (MONTHS[interval.unit] ?? 1) * interval.count * n;
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth() + months;
  const lastOfMonth = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(date.getUTCDate(), lastOfMonth)) / DAY;
}

/** The first day of the calendar's own period of this unit that `day` lies in: Monday, the 1st, 1 January, … */
function startOfCalendarPeriod(day: number, unit: Unit): number {
  if (unit === 'day') return day;
  // 1970-01-05 was a Monday.
  if (unit === 'week') return day - ((((day - 4) % 7) + 7) % 7);
  const date = new Date(day * DAY);
  const months = MONTHS[unit] ?? 1;
  const month = Math.floor(date.getUTCMonth() / months) * months;
  return Date.UTC(date.getUTCFullYear(), month, 1) / DAY;
}

/** What a subscription's boundaries depend on. */
export type Grid = { zone: string; basis: 'day' | 'second'; calendar: boolean; anchor: number };

function boundary(grid: Grid, interval: Interval, n: number): number {
  const { zone, basis, calendar, anchor } = grid;
  const anchorDay = dayOf(anchor, zone);
  const first = calendar ? startOfCalendarPeriod(anchorDay, interval.unit) : anchorDay;
  const day = dayAfter(first, interval, n);
  if (calendar || basis === 'day') return startOfDay(day, zone);
  const timeOfDay = wallTime(anchor, zone) - anchorDay * DAY;
  return n === 0 ? anchor : atWallTime(day * DAY + timeOfDay, zone);
}

/** The whole contractual period that `t` lies in, found by walking from the anchor. */
export function periodAround(grid: Grid, interval: Interval, t: number): Stretch {
  let n = 0;
  while (boundary(grid, interval, n) > t) n -= 1;
  while (boundary(grid, interval, n + 1) <= t) n += 1;
  return { start: boundary(grid, interval, n), end: boundary(grid, interval, n + 1) };
}

/** Civil days, or milliseconds where the basis is the second (billing rule 9). */
export function unitsOf(grid: Grid, { start, end }: Stretch): number {
  if (grid.basis === 'second') return end - start;
  return dayOf(end, grid.zone) - dayOf(start, grid.zone);
}
