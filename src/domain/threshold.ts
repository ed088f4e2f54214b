import { feeLine, type LineDraft } from './build-invoice.ts';
import type { Life } from './life.ts';
import { Decimal, sum } from './money.ts';
import { type NextStep, periodsGoBy } from './next-step.ts';
import type { PricedItem, Subscription, SubscriptionItem } from './subscription.ts';

/**
 * An amount of usage at which the running period is billed without waiting for its end (billing rule 29c), in the major
 * unit of its currency. One that is `recurring` stands behind the others and comes again every `amount` beyond the last
 * of them, in every period anew; the others come once in a subscription's life.
 */
export type UsageThreshold = { amount: Decimal; currency: string; recurring: boolean };

/** What a threshold invoice has to bill, and the highest of the thresholds that come once that is behind it then. */
export type Crossing = { lines: LineDraft[]; passed: Decimal | null };

/**
 * Whether what was used in the running periods, as far as `life` knows it at `at`, comes to a threshold that has not been
 * billed yet; null when it does not. All usage prices of the subscription count together, each as it would be rated if its
 * period ended with what is known. A jump over several thresholds is one crossing.
 *
 * Throws `RangeError` for thresholds or usage that were not loaded.
 */
export function crossedThreshold(life: Life, at: Date): Crossing | null {
  const { subscription, priced, thresholds } = life;
  if (!thresholds) throw new RangeError('the thresholds of a subscription were not loaded');
  const own = thresholds.filter(({ currency }) => currency === subscription.currency);
  if (own.length === 0 || !periodsGoBy(subscription)) return null;
  const parts = priced.flatMap((entry) => runningPart(subscription, entry, at) ?? []);
  const billed = sum(parts.map((part) => part.billed));
  const lines = parts.map((part) => part.line).filter(({ amount }) => amount.gt(0));
  const rated = billed.plus(sum(lines.map(({ amount }) => amount)));
  const ladder = new Ladder(own);
  const { thresholdPassed: before } = subscription;
  const reached = ladder.lastOnce(rated);
  const isFirst = reached !== null && (before === null || reached.gt(before));
  if (lines.length === 0 || (!isFirst && ladder.repetitions(rated) <= ladder.repetitions(billed)))
    return null;
  return { lines, passed: isFirst ? reached : before };
}

/**
 * The subscription with the instant at which a crossing that is seen at `at` is billed; null when there is none, or one is
 * waiting already, which will bill this as well. At one instant a threshold invoice is made once.
 */
export function noteCrossing(life: Life, at: Date): Subscription | null {
  const { subscription } = life;
  if (subscription.thresholdAt || !crossedThreshold(life, at)) return null;
  const { thresholdBilledAt: last } = subscription;
  return { ...subscription, thresholdAt: last && last >= at ? new Date(last.getTime() + 1) : at };
}

/**
 * Until when usage counts for a step, exclusive: a threshold is billed with the very usage that reached it, everything
 * else ends before its instant.
 */
export function usageCountsUntil({ step, at }: NextStep): Date {
  return step === 'bill_threshold' ? new Date(at.getTime() + 1) : at;
}

/** Whether a line bills a part of the running period of an item that is billed by usage: that is what such a line is until its period ends. */
export function isInstalment(
  { id, currentPeriodStart: start }: SubscriptionItem,
  { itemId, reverses, period }: Pick<LineDraft, 'itemId' | 'reverses' | 'period'>,
): boolean {
  return itemId === id && !reverses && start?.getTime() === period.start.getTime();
}

/** The thresholds of one currency, by amount. */
class Ladder {
  private readonly once: readonly Decimal[];
  private readonly every: Decimal | null;

  constructor(thresholds: readonly UsageThreshold[]) {
    const amounts = thresholds.filter(({ recurring }) => !recurring).map(({ amount }) => amount);
    this.once = amounts.sort((a, b) => a.cmp(b));
    this.every = thresholds.find(({ recurring }) => recurring)?.amount ?? null;
  }

  /** The highest threshold that comes once and that `rated` reaches. */
  lastOnce(rated: Decimal): Decimal | null {
    return this.once.findLast((amount) => rated.gte(amount)) ?? null;
  }

  /** How often the recurring one was reached on the way to `rated`. */
  repetitions(rated: Decimal): number {
    const beyond = rated.minus(this.once.at(-1) ?? 0);
    return this.every && beyond.gt(0) ? beyond.div(this.every).floor().toNumber() : 0;
  }
}

/**
 * What of an item's running period was billed already and what is to be billed now; null for an item that is not billed by
 * usage or has no running period. A maximum holds for the period as it is planned; a minimum is asked for when it ends.
 */
function runningPart(
  subscription: Subscription,
  entry: PricedItem,
  at: Date,
): { billed: Decimal; line: LineDraft } | null {
  const { item, price } = entry;
  const { currentPeriodStart: start, currentPeriodEnd: end } = item;
  if (price.billing !== 'usage' || !start || !end || start > at) return null;
  const line = feeLine(subscription, { ...entry, price: { ...price, minimum: null } }, { start, end });
  const period = { start, end: usedUntil(entry, at, end) };
  return {
    billed: entry.instalments ?? new Decimal(0),
    line: { ...line, description: `${line.description} (so far)`, period },
  };
}

/** Right behind the last thing that was used, which may be later than the instant at which the threshold was reached. */
function usedUntil({ usage }: PricedItem, at: Date, end: Date): Date {
  const instants = usage?.events.map((event) => event.at?.getTime() ?? 0) ?? [];
  const last = instants.reduce((latest, instant) => Math.max(latest, instant), at.getTime());
  return new Date(Math.min(last + 1, end.getTime()));
}
