import type { Period } from './calendar.ts';
import { minorDigits } from './currency.ts';
import type { Decimal } from './money.ts';
import { accountOf } from './rating/sentences.ts';
import { shown } from './rating/shown.ts';
import type { LimitTrace, PricedTrace } from './rating/trace.ts';
import { civilDayOf, DAY_MS, wallTimeOf } from './zoned-time.ts';

/**
 * What of a line is explained. `unitName` is what its quantity counts, in the plural, such as "seats"; where nobody said
 * so, the name at the beginning of the description serves.
 */
export type ExplainedLine = {
  description: string;
  currency: string;
  amount: Decimal;
  /** Null where only a price was asked about: then no days are named. */
  period: Period | null;
  proration: boolean;
  trace: PricedTrace;
  unitName?: string | null;
};

/**
 * How a line's amount came about, as sentences that a support person can read aloud: one for each tier, group of events
 * or limit, and the rounding last where there was one (billing rules 2 and 22). Days are civil days of the zone, and the
 * last one that is named still belongs to the line.
 */
export function explain(line: ExplainedLine, timeZone: string): string[] {
  const { trace, currency } = line;
  const { steps, formula } = accountOf(trace, {
    name: nameOf(line),
    units: line.unitName ?? asInASentence(nameOf(line)),
    currency,
  });
  // A line of what was billed before in part says what the whole comes to, whatever is left of it.
  const isCredit = line.amount.lt(0) && trace.limits?.alreadyBilled === undefined;
  const beginning = isCredit ? `Given back: ${formula}` : capitalized(formula);
  const comesTo = trace.limits?.rated ?? trace.rounded;
  return [
    ...steps.map(capitalized),
    `${beginning}${partOf(line, timeZone)}: ${shown(comesTo, currency)}`,
    ...limitSentences(trace.limits, currency, line.amount.lt(0)),
    ...roundingSentence(trace, currency),
  ];
}

/** " for 17 of 31 days (15 Mar – 31 Mar)"; without the count where the period is whole. */
function partOf({ period, trace: { fraction } }: ExplainedLine, timeZone: string): string {
  if (!period)
    return fraction ? ` for ${fraction.numerator} of ${fraction.denominator} ${fraction.unit}s` : '';
  if (fraction?.unit === 'second') {
    const { numerator, denominator } = fraction;
    return ` for ${numerator} of ${denominator} seconds (${momentsText(period, timeZone)})`;
  }
  if (!fraction) return ` (${periodText(period, timeZone)})`;
  const first = civilDayOf(period.start, timeZone);
  // Counted from the first day on, because the day of the end is billed after a cancellation and is not after a change.
  const last = first + Math.max(fraction.numerator, 1) - 1;
  return ` for ${fraction.numerator} of ${fraction.denominator} days (${daysText(first, last)})`;
}

function limitSentences(limits: LimitTrace | undefined, currency: string, isTooMuch: boolean): string[] {
  if (!limits) return [];
  const sentences: string[] = [];
  const { reached, alreadyBilled } = limits;
  const limit = reached && limits[reached];
  if (limit) {
    const agreed = shown(limit.agreed, currency);
    const part =
      limit.agreed === limit.applied
        ? agreed
        : `${agreed}, for this part of a period ${shown(limit.applied, currency)}`;
    const sense = reached === 'minimum' ? 'at least' : 'at most';
    sentences.push(`A period costs ${sense} ${part}, so that is what counts.`);
  }
  if (alreadyBilled !== undefined)
    sentences.push(
      isTooMuch
        ? `Before, ${shown(alreadyBilled, currency)} was billed; what that was too much is given back on this line.`
        : `Of this, ${shown(alreadyBilled, currency)} was billed before; what is left is on this line.`,
    );
  return sentences;
}

function roundingSentence({ exact, rounded }: PricedTrace, currency: string): string[] {
  if (exact === rounded) return [];
  const digits = minorDigits(currency);
  const to = digits === 0 ? `whole ${currency}` : `the ${digits} decimals of ${currency}`;
  return [
    `${shown(exact, currency)} is rounded once, half away from zero, to ${to}: ${shown(rounded, currency)}.`,
  ];
}

/** What a description adds to the name of a price: how many units, which part of a period, that it came late. */
const ADDED = /( × [\d.]+)?( \((\d+ of \d+ days|[\d.]+ % of the period|late, [^()]+)\))?$/;

/** "Seats" of "Seats × 10 (17 of 31 days)". */
function nameOf({ description }: ExplainedLine): string {
  // That it is given back is said at the beginning of the sentence.
  return description.replace(/^Unused time: /, '').replace(ADDED, '');
}

/** "seats" of "Seats", but "API calls" as they are. */
function asInASentence(name: string): string {
  return /^\p{Lu}\p{Ll}/u.test(name) ? name.charAt(0).toLowerCase() + name.slice(1) : name;
}

function capitalized(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** "1 Mar – 31 Mar": the civil days of a period; with the time of day where it ends within a day. */
export function periodText(period: Period, timeZone: string): string {
  const { start, end } = period;
  const last = civilDayOf(new Date(end.getTime() - 1), timeZone);
  return civilDayOf(end, timeZone) === last
    ? momentsText(period, timeZone)
    : daysText(civilDayOf(start, timeZone), last);
}

/** The first and the last day that count; years only where there are two. */
function daysText(first: number, last: number): string {
  const [from, until] = [new Date(first * DAY_MS), new Date(last * DAY_MS)];
  const year = (day: Date) =>
    from.getUTCFullYear() === until.getUTCFullYear() ? '' : ` ${day.getUTCFullYear()}`;
  if (first === last) return dayText(from);
  return `${dayText(from)}${year(from)} – ${dayText(until)}${year(until)}`;
}

/** "15 Mar 12:12 – 1 Apr 00:00"; years only where there are two. */
function momentsText({ start, end }: Period, timeZone: string): string {
  const [from, until] = [new Date(wallTimeOf(start, timeZone)), new Date(wallTimeOf(end, timeZone))];
  const years = from.getUTCFullYear() !== until.getUTCFullYear();
  return `${momentText(from, years)} – ${momentText(until, years)}`;
}

/** Seconds only where there are some. */
function momentText(wall: Date, withYear: boolean): string {
  const time = wall.toISOString().slice(11, 19).replace(/:00$/, '');
  return `${dayText(wall)}${withYear ? ` ${wall.getUTCFullYear()}` : ''} ${time}`;
}

function dayText(day: Date): string {
  return `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}`;
}
