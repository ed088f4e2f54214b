import { Decimal } from '../money.ts';
import type { Group } from './trace.ts';

const ZERO = new Decimal(0);

/** Counts things that were used, how much of it, and what it costs. */
export class Tally {
  count = 0;
  quantity: Decimal = ZERO;
  amount: Decimal = ZERO;

  add(quantity: Decimal, amount?: Decimal): void {
    this.count += 1;
    this.quantity = this.quantity.plus(quantity);
    if (amount) this.amount = this.amount.plus(amount);
  }

  /** A part of a thing that is counted elsewhere. */
  addPart(quantity: Decimal): void {
    this.quantity = this.quantity.plus(quantity);
  }

  trace(): Group {
    return { count: this.count, quantity: this.quantity.toFixed(), amount: this.amount.toFixed() };
  }
}
