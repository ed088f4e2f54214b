import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Collection } from '../../src/domain/dunning.ts';
import { INVOICE_STATUSES, type Invoice } from '../../src/domain/invoice.ts';
import { type NextInvoiceStep, nextInvoiceStep } from '../../src/domain/invoice-step.ts';
import type { PaymentAttempt } from '../../src/domain/payment.ts';
import { aCollection, anAttempt, anInvoice, day } from '../support/payment-facts.ts';

const soon = day('2026-03-02');
const later = day('2026-03-20');
const draft = anInvoice({ status: 'draft', number: null, finalizedAt: null });
const declined = anAttempt({ status: 'declined', hard: false, nextCheckAt: null, finishedAt: soon });
const pending = anAttempt({ status: 'pending', nextCheckAt: soon });
const retried = aCollection('inv_1', { nextAttemptAt: soon });
const over = aCollection('inv_1', { outcome: 'exhausted', endedAt: soon });

test.each<[string, Invoice, PaymentAttempt | null, Collection | null, NextInvoiceStep | null]>([
  [
    'a draft waits for the end of its grace period',
    { ...draft, finalizeAt: soon },
    null,
    null,
    { step: 'finalize', at: soon },
  ],
  ['a draft of an unpaid subscription waits for nobody knows what', draft, null, null, null],
  [
    'an open invoice waits for its first charge',
    anInvoice({ collectAt: soon }),
    null,
    null,
    { step: 'collect', at: soon },
  ],
  [
    'a charge without an outcome is asked about',
    anInvoice({ collectAt: soon }),
    pending,
    null,
    { step: 'check_payment', at: soon },
  ],
  ['also one of an invoice in dunning', anInvoice(), pending, retried, { step: 'check_payment', at: soon }],
  [
    'also one of an invoice that was written off',
    anInvoice({ status: 'uncollectible' }),
    pending,
    over,
    { step: 'check_payment', at: soon },
  ],
  [
    'a failed invoice waits for its retry',
    anInvoice({ overdueSince: soon }),
    declined,
    retried,
    { step: 'retry', at: soon },
  ],
  [
    'one behind an older invoice waits for its turn',
    anInvoice({ overdueSince: soon }),
    declined,
    aCollection(),
    null,
  ],
  [
    'one whose retries are used up waits for a new method',
    anInvoice({ overdueSince: soon, collectAt: soon }),
    declined,
    over,
    null,
  ],
  ['a first payment that was declined waits for the customer', anInvoice(), declined, null, null],
  [
    'a sent invoice waits for its due date',
    anInvoice({ collectionMethod: 'send_invoice', dueAt: later }),
    null,
    null,
    { step: 'mark_overdue', at: later },
  ],
  [
    'a sent invoice that is overdue waits for money',
    anInvoice({ dueAt: soon, overdueSince: soon }),
    null,
    null,
    null,
  ],
  [
    'a sent invoice that somebody charges waits for the outcome',
    anInvoice({ dueAt: later }),
    pending,
    null,
    { step: 'check_payment', at: soon },
  ],
  [
    'a paid invoice waits for nothing',
    anInvoice({ status: 'paid' }),
    anAttempt({ status: 'settled', nextCheckAt: null }),
    over,
    null,
  ],
  ['a voided invoice waits for nothing', anInvoice({ status: 'void', dueAt: later }), null, null, null],
])('%s', (_sentence, invoice, attempt, collection, expected) => {
  expect(nextInvoiceStep(invoice, attempt, collection)).toEqual(expected);
});

test('an unfinished charge is never joined by a second one, whatever else the rows say', () => {
  const instants = fc.option(fc.constantFrom(soon, later));
  fc.assert(
    fc.property(
      fc.constantFrom(...INVOICE_STATUSES),
      instants,
      instants,
      fc.boolean(),
      (status, collectAt, dueAt, dunned) => {
        const invoice = anInvoice({ status, collectAt, dueAt });
        const next = nextInvoiceStep(invoice, pending, dunned ? retried : null);
        expect(next?.step).not.toBe('collect');
        expect(next?.step).not.toBe('retry');
        if (status !== 'draft') expect(next).toEqual({ step: 'check_payment', at: soon });
      },
    ),
  );
});
