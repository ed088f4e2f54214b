import type { Collection } from '../../src/domain/dunning.ts';
import { DEFAULT_DUNNING_POLICY } from '../../src/domain/dunning.ts';
import type { Invoice } from '../../src/domain/invoice.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { PaymentAttempt } from '../../src/domain/payment.ts';

/** Plausible facts of the money side, for tables in which only what a case names matters. */
export const day = (date: string, time = '12:00:00'): Date => new Date(`${date}T${time}.000Z`);

const SINCE = day('2026-03-01');

export function anInvoice(changes: Partial<Invoice> = {}): Invoice {
  return {
    id: 'inv_1',
    tenantId: 'ten_1',
    customerId: 'cus_1',
    subscriptionId: 'sub_1',
    originKey: 'sub_1:2026-03-01T12:00:00.000Z',
    number: 'INV-000001',
    status: 'open',
    billingReason: 'subscription_cycle',
    currency: 'USD',
    subtotal: new Decimal('19.99'),
    total: new Decimal('19.99'),
    amountPaid: new Decimal(0),
    balanceApplied: new Decimal(0),
    amountCredited: new Decimal(0),
    collectionMethod: 'charge_automatically',
    netDays: null,
    dueAt: null,
    finalizeAt: null,
    finalizedAt: SINCE,
    collectAt: null,
    overdueSince: null,
    paidAt: null,
    paidOutOfBand: false,
    voidedAt: null,
    markedUncollectibleAt: null,
    periodStart: SINCE,
    periodEnd: day('2026-04-01'),
    revision: 1,
    metadata: {},
    createdAt: SINCE,
    updatedAt: SINCE,
    ...changes,
  };
}

export function anAttempt(changes: Partial<PaymentAttempt> = {}): PaymentAttempt {
  return {
    id: 'att_1',
    tenantId: 'ten_1',
    invoiceId: 'inv_1',
    customerId: 'cus_1',
    n: 1,
    commandId: null,
    paymentMethodId: 'pm_1',
    gateway: 'sandbox',
    gatewayRef: 'ch_1',
    amount: new Decimal('19.99'),
    currency: 'USD',
    status: 'in_flight',
    hard: null,
    code: null,
    message: null,
    actionUrl: null,
    nextCheckAt: SINCE,
    checkCount: 0,
    createdAt: SINCE,
    updatedAt: SINCE,
    finishedAt: null,
    ...changes,
  };
}

/** The dunning of `invoiceId`, which failed first on 1 March at noon UTC. */
export function aCollection(invoiceId = 'inv_1', changes: Partial<Collection> = {}): Collection {
  return {
    invoiceId,
    tenantId: 'ten_1',
    customerId: 'cus_1',
    currency: 'USD',
    policy: DEFAULT_DUNNING_POLICY,
    firstFailedAt: SINCE,
    attempt: 1,
    hardDeclined: false,
    nextAttemptAt: null,
    outcome: null,
    endedAt: null,
    createdAt: SINCE,
    updatedAt: SINCE,
    ...changes,
  };
}
