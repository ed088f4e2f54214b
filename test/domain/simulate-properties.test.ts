import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SimulationAnswer } from '../../src/contract/simulations.ts';
import { Decimal } from '../../src/domain/money.ts';
import { isEnded } from '../../src/domain/subscription.ts';
import { timeline } from '../fuzz/timelines.ts';
import { play, type SimulationInput } from '../support/simulations.ts';

/** What holds for every life, whatever happens in it. */

const RUNS = { seed: 20_270_315, numRuns: 60 };
const amount = (money: { amount: string }) => new Decimal(money.amount);
const total = (lines: readonly { amount: { amount: string } }[]) =>
  lines.reduce((sum, line) => sum.plus(amount(line.amount)), new Decimal(0));

function eachLife(holds: (input: SimulationInput, answer: SimulationAnswer) => void): void {
  fc.assert(
    fc.property(timeline, (input) => holds(input, play(input))),
    RUNS,
  );
}

describe('in every simulated life', () => {
  test('the lines of an invoice come to its total, and its total is paid, credited, taken from the balance or due', () => {
    eachLife((_input, { invoices }) => {
      for (const invoice of invoices) {
        expect(total(invoice.lines).toFixed()).toBe(amount(invoice.total).toFixed());
        const settled = amount(invoice.amount_paid)
          .plus(amount(invoice.balance_applied))
          .plus(amount(invoice.amount_credited));
        if (invoice.status === 'paid') expect(settled.toFixed()).toBe(amount(invoice.total).toFixed());
        if (invoice.status === 'open')
          expect(settled.plus(amount(invoice.amount_due)).toFixed()).toBe(amount(invoice.total).toFixed());
      }
    });
  });

  test('the balance is what invoices gave to it less what it paid, and never below zero', () => {
    eachLife((input, { invoices, balances }) => {
      const start = new Decimal(input.customer?.balance ?? 0);
      const kept = invoices
        .filter(({ status, finalized_at }) => finalized_at !== null && status !== 'void')
        .reduce((sum, invoice) => sum.minus(amount(invoice.balance_applied)), start);
      const [balance] = balances;
      expect((balance ? amount(balance) : start).toFixed()).toBe(kept.toFixed());
      expect(kept.gte(0)).toBe(true);
    });
  });

  test('states follow each other without a gap, and whoever has ended has nothing due', () => {
    eachLife((_input, { subscriptions }) => {
      for (const { states, status, next, scheduled } of subscriptions) {
        for (const [n, state] of states.entries()) expect(state.to).toBe(states[n + 1]?.from ?? null);
        expect(states.at(-1)?.status).toBe(status);
        if (isEnded(status)) expect([next, scheduled]).toEqual([null, []]);
      }
    });
  });

  test('whoever looks less far ahead sees the beginning of the same life', () => {
    eachLife((input, answer) => {
      const last = Math.max(...input.timeline.map(({ at }) => Date.parse(at)));
      const middle = new Date((last + Date.parse(answer.until)) / 2).toISOString();
      const shorter = play({ ...input, until: middle });
      const madeBy = ({ invoices }: SimulationAnswer) =>
        invoices
          .filter(({ at }) => at <= middle)
          .map(({ at, subscription, lines }) => ({ at, subscription, lines }));
      expect(madeBy(shorter)).toEqual(madeBy(answer));
    });
  });

  test('the same question has the same answer', () => {
    eachLife((input, answer) => expect(play(input)).toEqual(answer));
  });
});
