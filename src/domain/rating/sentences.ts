import { Decimal, sum } from '../money.ts';
import { shown } from './shown.ts';
import type {
  BucketsTrace,
  Group,
  MatrixTrace,
  PercentageTrace,
  RateTierTrace,
  RatingTrace,
  TierTrace,
} from './trace.ts';

/** `name` is what the price is called, `units` what is counted, such as "seats". */
export type Wording = { name: string; units: string; currency: string };

/** `steps` are whole sentences; `formula` is the beginning of the last one, which ends with what it comes to. */
export type Account = { steps: string[]; formula: string };

/** Longer lists are not read aloud: what lies behind is one sentence. */
const READ_MAX = 20;

/** How a quantity became an amount, in words (billing rule 22). */
export function accountOf(trace: RatingTrace, wording: Wording): Account {
  const { name, units, currency } = wording;
  const money = (text: string) => shown(text, currency);
  switch (trace.model) {
    case 'flat':
      return { steps: [], formula: `${name} at ${money(trace.unitAmount)}` };
    case 'per_unit':
      return { steps: [], formula: `${counted(trace.quantity, units)} × ${money(trace.unitAmount)}` };
    case 'package':
      return {
        steps:
          trace.packages === '0'
            ? ['Nothing was used.']
            : [
                `${counted(trace.quantity, units)} in packages of ${trace.size}: ${packages(trace.packages)}, because one that is begun is paid whole.`,
              ],
        formula: `${packages(trace.packages)} × ${money(trace.unitAmount)}`,
      };
    case 'graduated':
      return together(trace.tiers.map((tier) => tierStep(tier, wording)));
    case 'volume':
      return {
        steps: [`All ${units} are priced by the tier ${rangeOf(trace.tier)}.`],
        formula: `${counted(trace.quantity, units)} × ${money(trace.tier.unitAmount)}${plusFlat(trace.tier, wording)}`,
      };
    case 'percentage':
      return percentage(trace, wording);
    case 'graduated_percentage':
      return together(trace.tiers.map((tier) => rateTierStep(tier, wording)));
    case 'dynamic':
      return { steps: [], formula: `${money(trace.quantity)} × ${trace.multiplier}` };
    case 'matrix':
      return matrix(trace, wording);
    case 'minimum_commitment':
      return commitment(trace, wording);
    case 'buckets':
      return buckets(trace, wording);
  }
}

function commitment(
  { unitAmount, applied, quantity }: Extract<RatingTrace, { model: 'minimum_commitment' }>,
  { currency }: Wording,
): Account {
  const [agreed, asked, spent] = [unitAmount, applied, quantity].map((text) => shown(text, currency));
  return {
    steps:
      applied === unitAmount
        ? []
        : [`Of the ${agreed} agreed for a whole period, ${asked} are for this part of one.`],
    formula: new Decimal(quantity).gte(applied)
      ? `${asked} agreed at least, and the other lines come to ${spent}, so nothing is added`
      : `${asked} agreed at least, less ${spent} on the other lines`,
  };
}

function tierStep(tier: TierTrace, { units, currency }: Wording): string {
  const price = `${counted(tier.quantity, units)} × ${shown(tier.unitAmount, currency)}`;
  return `Tier ${rangeOf(tier)}: ${price}${plusFlat(tier, { currency })}: ${shown(tier.amount, currency)}`;
}

function rateTierStep(tier: RateTierTrace, { currency }: Wording): string {
  const price = `${tier.rate} % of ${shown(tier.quantity, currency)}`;
  return `Tier ${rangeOf(tier)}: ${price}${plusFlat(tier, { currency })}: ${shown(tier.amount, currency)}`;
}

function rangeOf({ from, upTo }: { from: string; upTo: string | null }): string {
  if (upTo === null) return `above ${from}`;
  return from === '0' ? `up to ${upTo}` : `above ${from} up to ${upTo}`;
}

function plusFlat({ flatAmount }: { flatAmount: string }, { currency }: { currency: string }): string {
  return flatAmount === '0' ? '' : ` plus ${shown(flatAmount, currency)} for the tier`;
}

function percentage(trace: PercentageTrace, { currency }: Wording): Account {
  const money = (text: string) => shown(text, currency);
  const { free, priced, atMinimum, atMaximum } = trace;
  const steps: string[] = [];
  if (free.count > 0)
    steps.push(`Free of charge: ${money(free.quantity)}, which covers ${events(free.count)}.`);
  else if (free.quantity !== '0') steps.push(`Free of charge: ${money(free.quantity)} of the first event.`);
  if (priced.count > 0) {
    const fixed = trace.fixedPerEvent === '0' ? '' : ` plus ${priced.count} × ${money(trace.fixedPerEvent)}`;
    steps.push(
      `${events(priced.count)}: ${trace.rate} % of ${money(priced.quantity)}${fixed}: ${money(priced.amount)}`,
    );
  }
  const limited = (group: Group | undefined, limit: string | null, which: string) => {
    if (group && limit !== null)
      steps.push(
        `${events(group.count)} at the ${which} of ${money(limit)} per event: ${money(group.amount)}`,
      );
  };
  limited(atMinimum, trace.eventMinimum, 'minimum');
  limited(atMaximum, trace.eventMaximum, 'maximum');
  return together(steps.length > 0 ? steps : ['There were no events.']);
}

function matrix(trace: MatrixTrace, { units, currency }: Wording): Account {
  const { read, rest } = readable(trace.cells, trace.moreCells);
  const steps = read.map(({ values, quantity, unitAmount, amount }) => {
    const where = values === null ? 'Everything else' : `For ${values.join(', ')}`;
    return unitAmount === null
      ? `${where}: ${counted(quantity, units)}, for which there is no price: ${shown(amount, currency)}`
      : `${where}: ${counted(quantity, units)} × ${shown(unitAmount, currency)}: ${shown(amount, currency)}`;
  });
  if (rest)
    steps.push(
      `${rest.count} more combinations, ${counted(rest.quantity, units)}: ${shown(rest.amount, currency)}`,
    );
  return together(steps.length > 0 ? steps : ['Nothing was used.']);
}

function buckets(trace: BucketsTrace, wording: Wording): Account {
  const { units, currency } = wording;
  const { read, rest } = readable(trace.buckets, trace.moreBuckets);
  const steps = read.flatMap((bucket, index) => {
    const account = accountOf(bucket.trace, wording);
    return [...account.steps, `Part ${index + 1}: ${account.formula}: ${shown(bucket.amount, currency)}`];
  });
  if (rest)
    steps.push(`${rest.count} more parts, ${counted(rest.quantity, units)}: ${shown(rest.amount, currency)}`);
  return {
    steps: [`The period is priced in ${trace.count} parts, each for itself.`, ...steps],
    formula: 'Together',
  };
}

/** The first rows of a list, and the others as one. */
function readable<T extends { quantity: string; amount: string }>(
  rows: readonly T[],
  more: Group | undefined,
): { read: readonly T[]; rest: Group | null } {
  const unread = rows.slice(READ_MAX);
  if (unread.length === 0 && !more) return { read: rows, rest: null };
  const total = (of: (row: { quantity: string; amount: string }) => string) =>
    sum([...unread, ...(more ? [more] : [])].map((row) => new Decimal(of(row)))).toFixed();
  return {
    read: rows.slice(0, READ_MAX),
    rest: {
      count: unread.length + (more?.count ?? 0),
      quantity: total((row) => row.quantity),
      amount: total((row) => row.amount),
    },
  };
}

function together(steps: string[]): Account {
  return { steps, formula: 'Together' };
}

function packages(count: string): string {
  return count === '1' ? '1 package' : `${count} packages`;
}

function events(count: number): string {
  return count === 1 ? '1 event' : `${count} events`;
}

/** Names of units come in the plural, in any language; beside a one they stand as a heading. */
function counted(quantity: string, units: string): string {
  return quantity === '1' ? `${units}: 1` : `${quantity} ${units}`;
}
