import type { LineDraft } from '../build-invoice.ts';
import type { Period } from '../calendar.ts';
import { decideLate } from '../decide-late.ts';
import type { Decision } from '../decision.ts';
import type { InvoiceLine } from '../invoice.ts';
import { type LateUsage, lateLines, ratedAgain } from '../late-usage.ts';
import type { CountingRule } from '../meter.ts';
import type { Decimal } from '../money.ts';
import { withLines } from '../open-invoice.ts';
import type { Price } from '../plan.ts';
import type { Fraction } from '../proration.ts';
import { countFor, hasUnseen } from './counts.ts';
import type { Held, Lived, World } from './world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A metered period that was billed, and until which moment events had been seen by that; as the row of the same name. */
export type Closure = {
  itemId: string;
  price: Price;
  rule: CountingRule;
  period: Period;
  fraction: Fraction | null;
  quantity: Decimal;
  eventCount: number;
  billed: Decimal;
  seen: number;
  revision: number;
  /** Null for one that waited for an invoice, or came to nothing: no draft rates that again. */
  lineId: string | null;
  closedAt: Date;
  lookedAt: Date | null;
  isFinal: boolean;
};

type Metered = Pick<LineDraft, 'itemId' | 'priceId' | 'period' | 'metered'>;

/** Notes what a decision billed of metered periods; `held` is its invoice. */
export function noteClosures(
  world: World,
  lived: Lived,
  { invoice, pending, coverage }: Decision,
  held: Held | null,
  at: Date,
): void {
  const idOf = (n: number) => held?.lines[n]?.id ?? null;
  for (const { side, reason, line, pendingLine } of coverage) {
    if (side !== 'usage' || reason !== 'billed') continue;
    const draft = line === null ? pending[pendingLine ?? 0] : invoice?.lines[line];
    if (draft) noteClosure(world, lived, draft, line === null ? null : idOf(line), at);
  }
  for (const [n, draft] of (invoice?.lines ?? []).entries())
    if (draft.metered?.seen?.isLate) noteClosure(world, lived, draft, idOf(n), at);
  if (!invoice?.lines.some(({ metered }) => metered?.seen)) return;
  for (const closure of openOf(world, lived))
    if (windowEnd(world, closure) <= at && !isUnseen(world, closure)) closure.isFinal = true;
}

function noteClosure(world: World, lived: Lived, draft: Metered, lineId: string | null, at: Date): void {
  const { itemId, priceId, period, metered } = draft;
  if (!metered?.seen || itemId === null) return;
  const before = lived.closures.filter(
    (other) => other.itemId === itemId && other.period.start.getTime() === period.start.getTime(),
  );
  for (const other of before) other.isFinal = true;
  const rule = world.settings.meters
    .get(metered.meterId)
    ?.find(({ version }) => version === metered.meterVersion);
  const price = world.prices.get(priceId);
  if (!rule || !price) throw new RangeError(`a line of item ${itemId} has no price or meter`);
  const { snapshot, quantity, billed, fraction } = metered.seen;
  lived.closures.push({
    itemId,
    price,
    rule,
    period,
    fraction,
    quantity,
    billed,
    lineId,
    eventCount: metered.eventCount,
    seen: Number(snapshot),
    revision: before.length,
    closedAt: at,
    lookedAt: null,
    isFinal: false,
  });
}

/** Nothing older than the late window is taken any more; the hour is the engine's, for what was being taken just then. */
function windowEnd({ settings }: World, { period }: Closure): Date {
  return new Date(period.end.getTime() + settings.lateWindowDays * DAY_MS + HOUR_MS);
}

/** Those that something may come late for, without what is on a draft, which is rated again when it goes out. */
function openOf(world: World, { closures, lines }: Lived): Closure[] {
  return closures.filter(({ isFinal, lineId }) => {
    if (isFinal) return false;
    const line = lineId === null ? undefined : lines.find(({ id }) => id === lineId);
    return !line || world.held(line.invoiceId).invoice.status !== 'draft';
  });
}

const isUnseen = (world: World, { rule, period, seen }: Closure) => hasUnseen(world, rule, period, seen);

/** The billed periods of which more is known now, with what they come to. */
export function lateOf(world: World, lived: Lived): LateUsage[] {
  return recounted(
    world,
    lived,
    openOf(world, lived).filter((closure) => isUnseen(world, closure)),
  );
}

function recounted(
  world: World,
  { life }: Lived,
  closures: readonly Closure[],
): (LateUsage & { closure: Closure })[] {
  return closures
    .toSorted((a, b) => a.period.start.getTime() - b.period.start.getTime() || (a.itemId < b.itemId ? -1 : 1))
    .map((closure) => {
      const { itemId, price, rule, period, fraction, billed, quantity, eventCount } = closure;
      const usage = countFor(world, life.subscription, price, rule, period);
      return { itemId, price, period, fraction, billed, before: { quantity, eventCount }, usage, closure };
    });
}

/** A draft that goes out, with its metered lines rated by what is known then (billing rule 28b). */
export function ratedNow(world: World, held: Held, at: Date): Held {
  const lived = world.ownerOf(held);
  const own = lived.closures.filter(
    (closure) =>
      !closure.isFinal && held.lines.some(({ id }) => id === closure.lineId) && isUnseen(world, closure),
  );
  if (own.length === 0) return held;
  const changed = new Map<string, InvoiceLine>();
  for (const { closure, ...known } of recounted(world, lived, own)) {
    const line = held.lines.find(({ id }) => id === closure.lineId);
    if (!line) continue;
    const again = ratedAgain(lived.life.subscription, known, line, closure.revision === 0);
    changed.set(line.id, again.line);
    const { itemId, price, period } = known;
    const billed = {
      itemId,
      priceId: price.id,
      period,
      ...(again.metered ? { metered: again.metered } : {}),
    };
    noteClosure(world, lived, billed, line.id, at);
  }
  const lines = held.lines.map((line) => changed.get(line.id) ?? line);
  lived.lines = lived.lines.map((line) => {
    const again = changed.get(line.id);
    return again ? { ...line, amount: again.amount, quantity: again.quantity } : line;
  });
  return { ...held, lines, invoice: withLines(held.invoice, lines) };
}

/** When a subscription that makes no invoice any more is looked at for what came late; null: never. */
export function nextLook(world: World, lived: Lived): Date | null {
  const { subscription, priced } = lived.life;
  const closesMore = priced.some(({ item, price }) => !item.endedAt && price.meterId !== null);
  if (!subscription.endedAt && closesMore) return null;
  const looks = openOf(world, lived).map((closure) => {
    const end = windowEnd(world, closure).getTime();
    if (!isUnseen(world, closure)) return end;
    return Math.min(end, (closure.lookedAt ?? closure.closedAt).getTime() + DAY_MS);
  });
  return looks.length > 0 ? new Date(Math.min(...looks)) : null;
}

/** A look: what came late as a decision, or null; what costs nothing is known from then on. */
export function look(world: World, lived: Lived, at: Date): Decision | null {
  const late = lateOf(world, lived);
  const life = { ...lived.life, late };
  const decision = decideLate(life, at);
  if (!decision) for (const line of lateLines(life)) noteClosure(world, lived, line, null, at);
  return decision;
}

/** After a look, whatever became of it. */
export function noteLook(world: World, lived: Lived, at: Date): void {
  for (const closure of openOf(world, lived)) {
    closure.lookedAt = at;
    if (windowEnd(world, closure) <= at) closure.isFinal = true;
  }
}
