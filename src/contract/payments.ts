import { z } from 'zod';
import type { AttemptStatus, Payment, PaymentAttempt } from '../domain/payment.ts';
import {
  idOut,
  instantOut,
  moneyOut,
  presentInstant,
  presentMoney,
  presentOptionalInstant,
} from './common.ts';

export const PAYMENT_STATUSES = ['processing', 'pending', 'requires_action', 'succeeded', 'failed'] as const;

/**
 * One try to collect an invoice, whatever became of it, or money received outside any gateway. A try keeps its id
 * (`att_…`) from the first moment to the last, so that its events are about one object; manual payments are `pay_…`.
 */
export const paymentOut = z
  .object({
    object: z.literal('payment'),
    id: z.string().meta({
      description: '`att_…` for a charge through a gateway, `pay_…` for a payment received outside any.',
    }),
    status: z.enum(PAYMENT_STATUSES),
    amount: moneyOut,
    customer: idOut('cus'),
    invoice: z.string().nullable(),
    attempt: z
      .int()
      .nullable()
      .meta({ description: 'Which try at this invoice it was, from 1; null for a manual payment.' }),
    payment_method: z.string().nullable(),
    gateway: z.string().nullable(),
    gateway_ref: z.string().nullable(),
    failure: z
      .object({ code: z.string().nullable(), message: z.string().nullable(), hard: z.boolean() })
      .nullable(),
    action_url: z
      .string()
      .nullable()
      .meta({ description: 'Where the customer has to go, for requires_action.' }),
    reference: z.string().nullable(),
    paid_at: instantOut.nullable(),
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Payment' });

const STATUS_OF: Record<AttemptStatus, (typeof PAYMENT_STATUSES)[number]> = {
  in_flight: 'processing',
  unknown: 'processing',
  pending: 'pending',
  requires_action: 'requires_action',
  settled: 'succeeded',
  declined: 'failed',
};

/** A try to charge as the world sees it. */
export function presentAttempt(attempt: PaymentAttempt): z.infer<typeof paymentOut> {
  return {
    object: 'payment',
    id: attempt.id,
    status: STATUS_OF[attempt.status],
    amount: presentMoney(attempt.amount, attempt.currency),
    customer: attempt.customerId,
    invoice: attempt.invoiceId,
    attempt: attempt.n,
    payment_method: attempt.paymentMethodId,
    gateway: attempt.gateway,
    gateway_ref: attempt.gatewayRef,
    failure:
      attempt.status === 'declined'
        ? { code: attempt.code, message: attempt.message, hard: attempt.hard === true }
        : null,
    action_url: attempt.status === 'requires_action' ? attempt.actionUrl : null,
    reference: null,
    paid_at: attempt.status === 'settled' ? presentOptionalInstant(attempt.finishedAt) : null,
    created_at: presentInstant(attempt.createdAt),
    updated_at: presentInstant(attempt.updatedAt),
  };
}

/** Money received outside any gateway as the world sees it. `invoiceId` is the invoice it paid. */
export function presentManualPayment(payment: Payment, invoiceId: string | null): z.infer<typeof paymentOut> {
  return {
    object: 'payment',
    id: payment.id,
    status: 'succeeded',
    amount: presentMoney(payment.amount, payment.currency),
    customer: payment.customerId,
    invoice: invoiceId,
    attempt: null,
    payment_method: null,
    gateway: null,
    gateway_ref: null,
    failure: null,
    action_url: null,
    reference: payment.reference,
    paid_at: presentInstant(payment.paidAt),
    created_at: presentInstant(payment.createdAt),
    updated_at: presentInstant(payment.createdAt),
  };
}
