import { EntitySchema } from '@mikro-orm/core';
import type { Customer, GatewayConnection, PaymentMethod } from '../domain/customer.ts';
import {
  flag,
  id,
  instant,
  json,
  optionalCurrency,
  optionalInstant,
  optionalInteger,
  optionalText,
  text,
} from './columns.ts';

export const CustomerSchema = new EntitySchema<Customer>({
  name: 'Customer',
  tableName: 'customers',
  properties: {
    id,
    tenantId: text,
    externalId: optionalText,
    name: text,
    email: optionalText,
    timeZone: optionalText,
    currency: optionalCurrency,
    testClockId: optionalText,
    metadata: json,
    deletedAt: optionalInstant,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const PaymentMethodSchema = new EntitySchema<PaymentMethod>({
  name: 'PaymentMethod',
  tableName: 'payment_methods',
  properties: {
    id,
    tenantId: text,
    customerId: text,
    gateway: text,
    gatewayRef: text,
    brand: text,
    last4: text,
    expMonth: optionalInteger,
    expYear: optionalInteger,
    isDefault: flag,
    metadata: json,
    detachedAt: optionalInstant,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const GatewayConnectionSchema = new EntitySchema<GatewayConnection>({
  name: 'GatewayConnection',
  tableName: 'gateway_connections',
  properties: {
    id,
    tenantId: text,
    gateway: text,
    callbackToken: text,
    secretSealed: text,
    previousSecretSealed: optionalText,
    previousSecretExpiresAt: optionalInstant,
    createdAt: instant,
    updatedAt: instant,
  },
});
