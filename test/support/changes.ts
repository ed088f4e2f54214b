import type { Change } from '../../src/domain/change.ts';
import { decideChange } from '../../src/domain/decide-change.ts';
import type { Decision } from '../../src/domain/decision.ts';
import type { Life } from '../../src/domain/life.ts';
import { Decimal } from '../../src/domain/money.ts';
import { after, aPrice, day, live, type PriceChanges, utc } from './lives.ts';

/** What an item is to be; its price is named by what is different about it, so that two targets never share one by chance. */
export function target(key: string, price: PriceChanges, quantity = '1') {
  const id = `price_${key}_${JSON.stringify(price)}`;
  return { key, price: aPrice({ key, id, ...price }), quantity: new Decimal(quantity) };
}

/** A change of nothing, but for what is said. */
export function aChange(changes: Partial<Change> = {}): Change {
  return {
    plan: null,
    set: [],
    remove: [],
    once: [],
    proration: 'invoice_now',
    anchor: 'keep',
    billingAnchor: null,
    trial: 'keep',
    ...changes,
  };
}

/** Lives until `at`, and changes there. */
export function changing(
  life: Life,
  at: string,
  changes: Partial<Change>,
): { decision: Decision; life: Life } {
  const then = live(life, at).life;
  const decision = decideChange(then, aChange(changes), utc(at), true);
  return { decision, life: after(then, decision) };
}

/** What a decision bills at once and later, one text per line: amount, first and last day. */
export function billed({ invoice, pending }: Decision): { now: string[]; later: string[] } {
  const text = ({ amount, period }: Decision['pending'][number]) =>
    `${amount.toFixed()} ${day(period.start)}..${day(period.end)}`;
  return { now: (invoice?.lines ?? []).map(text), later: pending.map(text) };
}

export const amounts = ({ invoice }: Pick<Decision, 'invoice'>): string[] =>
  (invoice?.lines ?? []).map(({ amount }) => amount.toFixed(2));

/** Cents of the examples as a price, and as an amount is told. */
export const cents = (amount: number): string => new Decimal(amount).div(100).toFixed();
export const inMajor = (amount: number): string => new Decimal(amount).div(100).toFixed(2);

export function totalOf(lines: readonly string[]): string {
  return lines.reduce((total, amount) => total.plus(amount), new Decimal(0)).toFixed(2);
}
