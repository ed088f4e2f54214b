import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { applyOutcome, type ChargeOutcome, outcomeOf, payInvoice } from '../../src/domain/decide-payment.ts';
import { Decimal, sum } from '../../src/domain/money.ts';
import { isFinished, type PaymentAttempt } from '../../src/domain/payment.ts';
import { anAttempt, anInvoice, day } from '../support/payment-facts.ts';

const at = day('2026-03-01', '12:00:05');
const msLater = (ms: number) => new Date(at.getTime() + ms);
const DAY_MS = 86_400_000;

const settled: ChargeOutcome = { kind: 'settled' };
const declined: ChargeOutcome = {
  kind: 'declined',
  hard: false,
  code: 'insufficient_funds',
  message: 'Too little money.',
};
const stolen: ChargeOutcome = { kind: 'declined', hard: true, code: 'stolen_card', message: 'Stolen.' };
const pending: ChargeOutcome = { kind: 'pending' };
const action: ChargeOutcome = { kind: 'requires_action', url: 'https://bank.example/confirm' };
const unknown: ChargeOutcome = { kind: 'unknown', reason: 'no answer within 6 s' };

describe('what the gateway said of a charge', () => {
  test.each<[string, Partial<PaymentAttempt>, ChargeOutcome, Partial<PaymentAttempt>]>([
    ['settled is final', {}, settled, { status: 'settled', hard: null, finishedAt: at, nextCheckAt: null }],
    [
      'declined is final, with its reason',
      {},
      declined,
      { status: 'declined', hard: false, code: 'insufficient_funds', finishedAt: at, nextCheckAt: null },
    ],
    ['a hard decline says so', {}, stolen, { status: 'declined', hard: true, code: 'stolen_card' }],
    [
      'pending is asked about a day later',
      {},
      pending,
      { status: 'pending', nextCheckAt: msLater(DAY_MS), finishedAt: null },
    ],
    [
      'what needs the customer has a page, and is asked about an hour later',
      {},
      action,
      {
        status: 'requires_action',
        actionUrl: 'https://bank.example/confirm',
        nextCheckAt: msLater(3_600_000),
      },
    ],
    [
      'no answer is asked about 5 s later',
      {},
      unknown,
      { status: 'unknown', message: 'no answer within 6 s', nextCheckAt: msLater(5_000), checkCount: 0 },
    ],
    [
      'no answer again: 30 s',
      { status: 'unknown', checkCount: 0 },
      unknown,
      { checkCount: 1, nextCheckAt: msLater(30_000) },
    ],
    [
      'no answer for long: once a day, for ever',
      { status: 'unknown', checkCount: 90 },
      unknown,
      { checkCount: 91, nextCheckAt: msLater(DAY_MS) },
    ],
    [
      'no answer, and the gateway asks for a minute: a minute',
      {},
      { ...unknown, retryAfterMs: 60_000 },
      { nextCheckAt: msLater(60_000) },
    ],
    [
      'no answer again, and the gateway asks for less than we wait anyway: as ever',
      { status: 'unknown', checkCount: 0 },
      { ...unknown, retryAfterMs: 1_000 },
      { nextCheckAt: msLater(30_000) },
    ],
    [
      'a gateway that asks for a year gets a day',
      {},
      { ...unknown, retryAfterMs: 365 * DAY_MS },
      { nextCheckAt: msLater(DAY_MS) },
    ],
    [
      'an answer after none begins to count anew',
      { status: 'unknown', checkCount: 4 },
      pending,
      { status: 'pending', checkCount: 0, message: null },
    ],
    [
      'silence about a pending charge leaves it pending',
      { status: 'pending' },
      unknown,
      { status: 'pending', checkCount: 1, nextCheckAt: msLater(DAY_MS) },
    ],
    [
      'silence about one that needs the customer keeps its page',
      { status: 'requires_action', actionUrl: 'https://bank.example/a' },
      unknown,
      { status: 'requires_action', actionUrl: 'https://bank.example/a' },
    ],
    [
      'once confirmed the page is gone',
      { status: 'requires_action', actionUrl: 'https://bank.example/a' },
      settled,
      { status: 'settled', actionUrl: null },
    ],
  ])('%s', (_sentence, before, outcome, expected) => {
    expect(applyOutcome(anAttempt(before), outcome, at)).toMatchObject(expected);
  });

  test.each([
    ['settled', settled, declined],
    ['declined', declined, settled],
  ])('the first final answer counts: %s stays', (_status, first, second) => {
    const finished = applyOutcome(anAttempt(), first, at);
    expect(applyOutcome(finished, second, msLater(1_000))).toEqual(finished);
  });

  test('whatever the gateway says in whatever order, what is unfinished is asked about again and what is finished never', () => {
    const outcomes = fc.array(fc.constantFrom(settled, declined, stolen, pending, action, unknown), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(outcomes, (answers) => {
        let attempt = anAttempt();
        for (const [index, answer] of answers.entries())
          attempt = applyOutcome(attempt, answer, msLater(index * 1_000));
        const first = answers.find(({ kind }) => kind === 'settled' || kind === 'declined');
        expect(isFinished(attempt.status)).toBe(first !== undefined);
        if (first) expect(outcomeOf(attempt)).toEqual(first);
        expect(attempt.nextCheckAt === null).toBe(isFinished(attempt.status));
        expect(attempt.finishedAt !== null).toBe(isFinished(attempt.status));
        expect(attempt.hard !== null).toBe(attempt.status === 'declined');
      }),
    );
  });
});

describe('an invoice that is paid', () => {
  test('owes nothing more, and cash takes the place of the debt', () => {
    const { invoice, movements, events } = payInvoice(
      anInvoice({ overdueSince: day('2026-03-02') }),
      'pay_1',
      at,
      false,
    );
    expect(invoice).toMatchObject({
      status: 'paid',
      paidAt: at,
      paidOutOfBand: false,
      overdueSince: null,
      collectAt: null,
    });
    expect(invoice.amountPaid).toEqual(invoice.total);
    expect(movements).toEqual([
      {
        kind: 'payment_received',
        source: 'pay_1',
        debit: 'cash',
        credit: 'receivable',
        amount: new Decimal('19.99'),
      },
    ]);
    expect(events).toEqual(['invoice.paid']);
  });

  test('after it was written off: the loss is taken back first', () => {
    const lost = anInvoice({ status: 'uncollectible', markedUncollectibleAt: day('2026-03-08') });
    const { invoice, movements } = payInvoice(lost, 'pay_1', at, true);
    expect(invoice).toMatchObject({ status: 'paid', markedUncollectibleAt: null, paidOutOfBand: true });
    expect(movements.map(({ kind, debit, credit }) => `${kind}: ${debit} from ${credit}`)).toEqual([
      'write_off_recovered: receivable from bad_debt',
      'payment_received: cash from receivable',
    ]);
  });

  test('the receivable moves by exactly what was owed: all of it, or nothing once it was written off', () => {
    const cents = fc.integer({ min: 1, max: 10_000_000 });
    fc.assert(
      fc.property(cents, fc.constantFrom('open' as const, 'uncollectible' as const), (amount, status) => {
        const total = new Decimal(amount).div(100);
        const { movements } = payInvoice(anInvoice({ status, total, subtotal: total }), 'pay_1', at, false);
        const receivable = movements.map((movement) =>
          movement.debit === 'receivable'
            ? movement.amount
            : movement.credit === 'receivable'
              ? movement.amount.neg()
              : new Decimal(0),
        );
        expect(sum(receivable).toFixed()).toBe(status === 'open' ? total.neg().toFixed() : '0');
      }),
    );
  });
});
