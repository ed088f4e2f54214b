import { Decimal } from '../../src/domain/money.ts';
import type { Stretch } from './naive-calendar.ts';
import { unitsOf } from './naive-calendar.ts';
import { bill } from './naive-invoices.ts';
import { type Counted, type Item, type Lines, newFee, type Sub, Unclear, zero } from './naive-life.ts';
import { amountOf, usedIn } from './naive-prices.ts';
import type { World } from './naive-world.ts';

/** Whether the usage of the running periods has come to a threshold, and the invoice that follows (rule 29c). */
export function billThreshold(world: World, sub: Sub, at: number): void {
  const plan = world.body.catalogue.plans.find(({ id }) => id === sub.plan);
  const steps = plan?.usage_thresholds ?? [];
  const parts = sub.items.flatMap((item) => soFar(sub, item, at) ?? []);
  const before = parts.reduce((sum, { item }) => sum.plus(item.instalments), zero);
  const now = parts.reduce((sum, { amount }) => sum.plus(amount), before);
  if (steps.length === 0 || now.lte(before)) return;
  const once = steps.filter(({ recurring }) => !recurring).map(({ amount }) => new Decimal(amount));
  const reached = once.filter((amount) => amount.lte(now));
  const highest = reached.at(-1) ?? zero;
  const every = steps.find(({ recurring }) => recurring)?.amount;
  if (highest.lte(sub.passed) && (!every || rungs(once, every, now) <= rungs(once, every, before))) return;
  if (sub.thresholdAt === at) throw new Unclear('two thresholds at one instant');
  sub.thresholdAt = at;
  sub.passed = Decimal.max(sub.passed, highest);
  const lines: Lines = parts
    .filter(({ amount }) => amount.gt(0))
    .map(({ item, amount, stretch, wholeUnits, metered }) => {
      item.instalments = item.instalments.plus(amount);
      return { line: newFee(sub, item, amount, stretch, wholeUnits, metered).line, fee: null };
    });
  // What is late waits for an invoice that ends something (decision 19).
  bill(world.books, sub, at, lines, 'without what is late');
}

/** The recurring threshold comes again and again above the last of the others. */
function rungs(once: readonly Decimal[], every: string, amount: Decimal): number {
  const above = amount.minus(once.at(-1) ?? zero);
  return above.lt(every) ? 0 : above.minus(above.mod(every)).div(every).toNumber();
}

/** What an item's usage so far comes to beyond what was billed of it, at most what the whole period may cost. */
function soFar(
  sub: Sub,
  item: Item,
  at: number,
): { item: Item; amount: Decimal; stretch: Stretch; wholeUnits: number; metered: Counted | null } | null {
  const { from, whole, end, price } = item;
  if (price.billing !== 'usage' || from === null || whole === null || end === null) return null;
  const stretch = { start: from, end: Math.min(at + 1, end) };
  const wholeUnits = unitsOf(sub, whole);
  const part = { units: unitsOf(sub, { start: from, end }), whole: wholeUnits };
  const metered = sub.counts(item, stretch);
  const used = metered?.used ?? usedIn(sub.used.get(item.key) ?? [], stretch);
  const cost = amountOf({ ...price, minimum: null }, item.quantity, used, part, metered?.apart);
  return { item, amount: Decimal.max(0, cost.minus(item.instalments)), stretch, wholeUnits, metered };
}
