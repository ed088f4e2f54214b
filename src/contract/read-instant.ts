const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/;
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const YEAR_MIN = 1970;
const YEAR_MAX = 2199;

/** The same instants as `instantIn` of `common.ts` takes, without zod; null for anything else. Cut to milliseconds. */
export function readInstant(text: string): Date | null {
  const match = RFC_3339.exec(text);
  if (!match) return null;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHours, offsetMinutes] = match;
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  const isDay = m >= 1 && m <= 12 && d >= 1 && d <= (DAYS_OF_MONTH[m - 1] ?? 0);
  if (y < YEAR_MIN - 1 || !isDay || (m === 2 && d === 29 && !isLeap(y))) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  let offset = 0;
  if (sign !== undefined) {
    if (Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null;
    offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -60_000 : 60_000);
  }
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const date = new Date(Date.UTC(y, m - 1, d, Number(hour), Number(minute), Number(second), ms) - offset);
  const inYear = date.getUTCFullYear();
  return inYear >= YEAR_MIN && inYear <= YEAR_MAX ? date : null;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
