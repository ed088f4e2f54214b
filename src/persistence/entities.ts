import { CommandSchema } from './commands.ts';
import { CustomerSchema, GatewayConnectionSchema, PaymentMethodSchema } from './customers.ts';
import { EventSchema } from './events.ts';
import { InvoiceLineSchema, InvoiceSchema } from './invoices.ts';
import {
  CollectionSchema,
  PaymentAllocationSchema,
  PaymentAttemptSchema,
  PaymentSchema,
} from './payments.ts';
import { PlanSchema, PlanVersionSchema, PriceSchema } from './plans.ts';
import {
  BilledPeriodSchema,
  ItemSegmentSchema,
  SubscriptionItemSchema,
  SubscriptionSchema,
} from './subscriptions.ts';
import { AccountSchema, ApiKeySchema, TenantSchema } from './tenants.ts';
import { TestClockSchema } from './test-clocks.ts';
import { WebhookAttemptSchema, WebhookDeliverySchema, WebhookEndpointSchema } from './webhooks.ts';

/** Every mapped table, listed by hand: nothing is discovered from files. */
export const ENTITIES = [
  AccountSchema,
  TenantSchema,
  ApiKeySchema,
  CustomerSchema,
  PaymentMethodSchema,
  GatewayConnectionSchema,
  TestClockSchema,
  PlanSchema,
  PlanVersionSchema,
  PriceSchema,
  SubscriptionSchema,
  SubscriptionItemSchema,
  ItemSegmentSchema,
  BilledPeriodSchema,
  CommandSchema,
  InvoiceSchema,
  InvoiceLineSchema,
  PaymentAttemptSchema,
  PaymentSchema,
  PaymentAllocationSchema,
  CollectionSchema,
  EventSchema,
  WebhookEndpointSchema,
  WebhookDeliverySchema,
  WebhookAttemptSchema,
];
