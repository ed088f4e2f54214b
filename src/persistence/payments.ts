import { EntitySchema } from '@mikro-orm/core';
import type { Collection } from '../domain/dunning.ts';
import type { Payment, PaymentAllocation, PaymentAttempt } from '../domain/payment.ts';
import {
  amount,
  currency,
  flag,
  id,
  instant,
  integer,
  json,
  optionalFlag,
  optionalInstant,
  optionalText,
  text,
} from './columns.ts';

export const PaymentAttemptSchema = new EntitySchema<PaymentAttempt>({
  name: 'PaymentAttempt',
  tableName: 'payment_attempts',
  properties: {
    id,
    tenantId: text,
    invoiceId: text,
    customerId: text,
    n: integer,
    commandId: optionalText,
    paymentMethodId: text,
    gateway: text,
    gatewayRef: optionalText,
    amount,
    currency,
    status: text,
    hard: optionalFlag,
    code: optionalText,
    message: optionalText,
    actionUrl: optionalText,
    nextCheckAt: optionalInstant,
    checkCount: integer,
    createdAt: instant,
    updatedAt: instant,
    finishedAt: optionalInstant,
  },
});

export const PaymentSchema = new EntitySchema<Payment>({
  name: 'Payment',
  tableName: 'payments',
  properties: {
    id,
    tenantId: text,
    customerId: text,
    attemptId: optionalText,
    gateway: optionalText,
    gatewayRef: optionalText,
    amount,
    currency,
    reference: optionalText,
    paidAt: instant,
    createdAt: instant,
  },
});

export const PaymentAllocationSchema = new EntitySchema<PaymentAllocation>({
  name: 'PaymentAllocation',
  tableName: 'payment_allocations',
  properties: {
    paymentId: { type: 'text', primary: true },
    invoiceId: { type: 'text', primary: true },
    tenantId: text,
    amount,
    createdAt: instant,
  },
});

export const CollectionSchema = new EntitySchema<Collection>({
  name: 'Collection',
  tableName: 'collections',
  properties: {
    invoiceId: { type: 'text', primary: true },
    tenantId: text,
    customerId: text,
    currency,
    policy: json,
    firstFailedAt: instant,
    attempt: integer,
    hardDeclined: flag,
    nextAttemptAt: optionalInstant,
    outcome: optionalText,
    endedAt: optionalInstant,
    createdAt: instant,
    updatedAt: instant,
  },
});
