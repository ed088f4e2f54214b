import type { Life } from '../life.ts';
import { Decimal, sum } from '../money.ts';
import { reducible } from '../open-invoice.ts';
import { mayHaveInstalments, type PricedItem, type SubscriptionItem } from '../subscription.ts';
import { isInstalment } from '../threshold.ts';
import { usageOf } from '../usage-record.ts';
import { lateOf } from './closures.ts';
import { countedOf } from './counts.ts';
import type { Lived, World } from './world.ts';

/**
 * A subscription with everything that a decision at `at` may look at: what is still owed on its fees, what was used and,
 * where there is a minimum commitment, what was spent.
 */
export function lifeAt(world: World, lived: Lived, at: Date): Life {
  forgetUsed(lived);
  forgetFees(lived);
  const { life } = lived;
  return {
    ...life,
    thresholds: world.settings.thresholdsOf(life.subscription),
    ...(life.priced.some(({ price }) => price.meterId !== null) ? { late: lateOf(world, lived) } : {}),
    priced: life.priced.map((entry) => withFacts(world, lived, entry, at)),
  };
}

function withFacts(world: World, lived: Lived, entry: PricedItem, at: Date): PricedItem {
  const { item, price } = entry;
  const fees = (entry.fees ?? []).flatMap((fee) => {
    if (fee.period.end <= at || fee.period.end <= fee.period.start) return [];
    if (fee.invoiceId === null) return [fee];
    const { invoice } = world.held(fee.invoiceId);
    if (invoice.status === 'void') return [];
    return [{ ...fee, owed: reducible(invoice) }];
  });
  return {
    ...entry,
    fees,
    ...(price.billing === 'usage'
      ? { ...usedOf(world, lived, entry, at), instalments: instalmentsOf(world, lived, item) }
      : {}),
    ...(price.terms.model === 'minimum_commitment' ? { spent: spentOn(world, lived, entry, at) } : {}),
  };
}

/** What was used of an item in its running period: what was reported, or what its meter counted. */
function usedOf(world: World, { life, used }: Lived, entry: PricedItem, at: Date): Pick<PricedItem, 'usage'> {
  if (entry.price.meterId === null)
    return {
      usage: usageOf(
        used.filter((one) => one.at < at),
        entry.item,
      ),
    };
  const usage = countedOf(world, life.subscription, entry, at);
  return usage ? { usage } : {};
}

/** Nothing is given back any more of what ended before the period that runs. */
function forgetFees(lived: Lived): void {
  const { life } = lived;
  const priced = life.priced.map((entry) => {
    const start = entry.item.currentPeriodStart;
    const fees = entry.fees?.filter(({ period }) => start === null || period.end > start);
    return fees && fees.length < (entry.fees?.length ?? 0) ? { ...entry, fees } : entry;
  });
  lived.life = { ...life, priced };
}

/** What was used before every running period has been billed, or was free. */
function forgetUsed(lived: Lived): void {
  const first = lived.used[0];
  if (!first) return;
  const starts = lived.life.priced.flatMap(({ item, price }) =>
    price.billing === 'usage' && item.currentPeriodStart ? [item.currentPeriodStart.getTime()] : [],
  );
  const earliest = Math.min(...starts);
  if (starts.length > 0 && first.at.getTime() < earliest)
    lived.used = lived.used.filter(({ at }) => at.getTime() >= earliest);
}

/** What threshold invoices billed of the item's running period. */
function instalmentsOf(world: World, { life, lines }: Lived, item: SubscriptionItem): Decimal {
  if (!mayHaveInstalments(life.subscription, item)) return NOTHING;
  const own = lines.filter(
    (line) => isInstalment(item, line) && world.held(line.invoiceId).invoice.status !== 'void',
  );
  return sum(own.map(({ amount }) => amount));
}

/** What the subscription's other lines of a commitment's running period come to, net of credits, pending ones too. */
function spentOn(world: World, lived: Lived, { item }: PricedItem, at: Date): Decimal {
  const { currentPeriodStart: start, currentPeriodEnd: end } = item;
  if (!start || !end) return NOTHING;
  const liesIn = (from: Date, to: Date) => from >= start && from < at && to <= end;
  const billed = lived.lines.flatMap(({ id, invoiceId, itemId, reverses, amount, period }) => {
    if (itemId === item.id || reverses || !liesIn(period.start, period.end)) return [];
    if (world.invoices.get(invoiceId)?.invoice.status === 'void') return [];
    return [amount.minus(world.creditedOf(id))];
  });
  const waiting = lived.life.pending.flatMap(({ id, line: { itemId, reverses, amount, period } }) =>
    itemId === item.id || reverses || !liesIn(period.start, period.end)
      ? []
      : [amount.minus(world.creditedOf(id))],
  );
  return sum([...billed, ...waiting]);
}

const NOTHING = new Decimal(0);
