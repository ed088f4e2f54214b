import { readFileSync } from 'node:fs';
import type { RegisterHooksOptions } from 'node:module';

/**
 * Errors that can be planted into the engine while it is loaded, to see that the fuzz finds them. Nothing in `src` knows
 * of this: a module hook changes one place of one file's text.
 */
export type Plant = { name: string; says: string; file: string; from: string; to: string };

export const PLANTS: readonly Plant[] = [
  {
    name: 'half-even',
    says: 'halves are rounded to even instead of away from zero (rule 2)',
    file: 'src/domain/money.ts',
    from: 'minorDigits(currency), Decimal.ROUND_HALF_UP)',
    to: 'minorDigits(currency), Decimal.ROUND_HALF_EVEN)',
  },
  {
    name: 'half-down',
    says: 'halves are rounded toward zero (rule 2)',
    file: 'src/domain/money.ts',
    from: 'minorDigits(currency), Decimal.ROUND_HALF_UP)',
    to: 'minorDigits(currency), Decimal.ROUND_HALF_DOWN)',
  },
  {
    name: 'unit-price-first',
    says: 'the price of a unit is rounded before the line is (rule 2)',
    file: 'src/domain/rating/per-unit.ts',
    from: 'exact: unitAmount.times(quantity)',
    to: 'exact: unitAmount.toDecimalPlaces(2).times(quantity)',
  },
  {
    name: 'denominator-30',
    says: 'every month has 30 days (rule 11)',
    file: 'src/domain/proration.ts',
    from: 'const denominator = length(whole);',
    to: "const denominator = basis === 'day' ? 30 : length(whole);",
  },
  {
    name: 'stub-of-itself',
    says: 'a stub is measured against itself instead of the whole period (rule 8)',
    file: 'src/domain/proration.ts',
    from: 'const denominator = length(whole);',
    to: 'const denominator = length(part) || length(whole);',
  },
  {
    name: 'days-of-24-hours',
    says: 'civil days are counted as 24 hours, whatever the clocks do (rule 9)',
    file: 'src/domain/calendar.ts',
    from: 'return civilDayOf(period.end, timeZone) - civilDayOf(period.start, timeZone);',
    to: 'return Math.floor((period.end.getTime() - period.start.getTime()) / DAY_MS);',
  },
  {
    name: 'days-of-utc',
    says: "days are UTC's instead of the customer's (rule 5)",
    file: 'src/domain/calendar.ts',
    from: 'return civilDayOf(period.end, timeZone) - civilDayOf(period.start, timeZone);',
    to: "return civilDayOf(period.end, 'UTC') - civilDayOf(period.start, 'UTC');",
  },
  {
    name: 'change-day-to-old',
    says: 'the day of a change still belongs to the old price (rule 12)',
    file: 'src/domain/credit-unused.ts',
    from: 'start: from > fee.period.start ? from : fee.period.start',
    to: 'start: new Date(Math.min(from.getTime() + 86_400_000, fee.period.end.getTime()))',
  },
  {
    name: 'previous-boundary',
    says: 'a boundary is counted from the one before instead of from the anchor (rule 6)',
    file: 'src/domain/calendar.ts',
    from: ': addMonths(first, n * step.months);',
    to: ': Array.from({ length: Math.abs(n) }).reduce<number>((day) => addMonths(day, Math.sign(n) * step.months), first);',
  },
  {
    name: 'month-end-overflows',
    says: '31 January plus a month is 3 March (rule 6)',
    file: 'src/domain/zoned-time.ts',
    from: 'Math.min(dayOfMonthOf(day), daysInMonth(index))',
    to: 'dayOfMonthOf(day)',
  },
  {
    name: 'trial-keeps-anchor',
    says: 'the end of a trial does not become the anchor (rule 10)',
    file: 'src/domain/start-billing.ts',
    from: 'subscription.anchorFixed ? subscription.anchorAt : at',
    to: 'subscription.anchorAt',
  },
  {
    name: 'packages-rounded-down',
    says: 'only full packages are paid (rule 19)',
    file: 'src/domain/rating/package.ts',
    from: 'whole.times(size).lt(quantity) ? whole.plus(1) : whole',
    to: 'whole',
  },
  {
    name: 'volume-bound-excluded',
    says: 'a quantity on a bound is in the next tier (rule 20)',
    file: 'src/domain/rating/volume.ts',
    from: 'quantity.lte(upTo)',
    to: 'quantity.lt(upTo)',
  },
  {
    name: 'minimum-not-prorated',
    says: 'a part of a period has the minimum of a whole one',
    file: 'src/domain/rating/limits.ts',
    from: 'const amount = fraction ? prorate(agreed, fraction, currency) : agreed;',
    to: 'const amount = agreed;',
  },
  {
    name: 'commitment-not-prorated',
    says: 'a part of a period has the commitment of a whole one',
    file: 'src/domain/rating/minimum-commitment.ts',
    from: 'part ? prorate(unitAmount, part.fraction, part.currency) : unitAmount',
    to: 'unitAmount',
  },
  {
    name: 'commitment-on-top',
    says: 'a commitment is paid beside everything else',
    file: 'src/domain/rating/minimum-commitment.ts',
    from: 'applied.minus(billed)',
    to: 'applied',
  },
  {
    name: 'balance-unused',
    says: 'what the customer has to his credit pays nothing (rule 28)',
    file: 'src/domain/balance.ts',
    from: 'Decimal.min(total, balance)',
    to: 'new Decimal(0)',
  },
  {
    name: 'instalments-forgotten',
    says: 'the end of a period bills again what a threshold billed (rule 29c)',
    file: 'src/domain/threshold.ts',
    from: 'return itemId === id && !reverses && start?.getTime() === period.start.getTime();',
    to: 'return itemId === id && !reverses && start?.getTime() === period.end.getTime();',
  },
  {
    name: 'threshold-every-period',
    says: 'a threshold that does not recur comes in every period (rule 29c)',
    file: 'src/domain/threshold.ts',
    from: 'reached !== null && (before === null || reached.gt(before))',
    to: 'reached !== null && reached.gt(billed)',
  },
  {
    name: 'late-billed-anew',
    says: 'what comes late is billed with all that was billed of its period (rule 29)',
    file: 'src/domain/late-usage.ts',
    from: 'const amount = total.minus(billed);',
    to: 'const amount = total;',
  },
  {
    name: 'late-billed-twice',
    says: 'what came late once is billed again with what comes after it (rule 29)',
    file: 'src/domain/late-usage.ts',
    from: 'meteredBy(usage, { billed: total, fraction, isLate: true })',
    to: 'meteredBy(usage, { billed, fraction, isLate: true })',
  },
  {
    name: 'late-forgotten',
    says: 'what comes more than a day late is on no invoice (rule 29)',
    file: 'src/domain/simulate/closures.ts',
    from: 'settings.lateWindowDays * DAY_MS',
    to: 'DAY_MS',
  },
  {
    name: 'amended-counts-twice',
    says: 'an event that was amended counts as it was and as it is',
    file: 'src/domain/simulate/events.ts',
    from: 'if (counting) counting.voided = moment;',
    to: '',
  },
  {
    name: 'deprecated-stays-billed',
    says: 'an event that was deprecated behind its period is not taken back',
    file: 'src/domain/simulate/counts.ts',
    from: '(event.seen > since || (event.voided ?? 0) > since)',
    to: 'event.seen > since',
  },
  {
    name: 'threshold-from-zero',
    says: 'a threshold is looked for from what was billed last on (rule 29c)',
    file: 'src/domain/threshold.ts',
    from: 'const rated = billed.plus(sum(lines.map(({ amount }) => amount)));',
    to: 'const rated = sum(lines.map(({ amount }) => amount));',
  },
  {
    name: 'event-without-threshold',
    says: 'what a meter counts comes to no threshold before something is reported (rule 29c)',
    file: 'src/domain/simulate/simulate.ts',
    from: 'noteThresholds(world, takeEvent(world, action, subscription, at), at);',
    to: 'takeEvent(world, action, subscription, at);',
  },
  {
    name: 'version-behind-boundary',
    says: 'a period that begins when a version of its meter does is counted by the one before (rule 19b)',
    file: 'src/domain/meter.ts',
    from: 'effectiveAt <= start',
    to: 'effectiveAt < start',
  },
  {
    name: 'newest-version',
    says: 'every period is counted by the last version of its meter (rule 19b)',
    file: 'src/domain/meter.ts',
    from: 'inOrder.findLast(({ effectiveAt }) => effectiveAt <= start)',
    to: 'inOrder.at(-1)',
  },
  {
    name: 'scope-ignored',
    says: 'whoever counts only what names it counts everything (rule 29b)',
    file: 'src/domain/simulate/counts.ts',
    from: "(id === null && owner.usageScope === 'customer')",
    to: 'id === null',
  },
  {
    name: 'buckets-together',
    says: 'hours and days are not priced alone (rule 19b)',
    file: 'src/domain/rating/rate.ts',
    from: 'if (usage.buckets !== null) return rateBuckets(terms, usage.buckets);',
    to: '',
  },
  {
    name: 'elapsed-not-counted',
    says: 'what was used before a start in the past was asked for is not billed (rule 31d)',
    file: 'src/domain/simulate/simulate.ts',
    from: 'return elapsed.size === 0 ? decision : decideStart({ ...life, elapsed }, at, hasMethod(world));',
    to: 'return decision;',
  },
];

/** Throws when the place to change is not there once: a plant that changes nothing would prove nothing. */
export function hooksOf({ file, from, to, name }: Plant): RegisterHooksOptions {
  return {
    load(url, context, nextLoad) {
      if (!url.endsWith(`/${file}`)) return nextLoad(url, context);
      const loaded = nextLoad(url, context);
      const text = readFileSync(new URL(url), 'utf8');
      if (text.split(from).length !== 2)
        throw new Error(`plant ${name}: its place in ${file} is not there once`);
      return { ...loaded, source: text.replace(from, () => to) };
    },
  };
}
