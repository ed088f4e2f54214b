import { AlertFiringSchema, AlertSchema } from './alerts.ts';
import { BackfillSchema } from './backfills.ts';
import { BalanceEntrySchema, CustomerBalanceSchema } from './balances.ts';
import { CollectorSchema } from './collectors.ts';
import { CommandSchema } from './commands.ts';
import { CreditNoteLineSchema, CreditNoteSchema } from './credit-notes.ts';
import { CustomerSchema, GatewayConnectionSchema, PaymentMethodSchema } from './customers.ts';
import { EventSchema } from './events.ts';
import { EntitlementOverrideSchema, FeatureSchema, PlanFeatureSchema } from './features.ts';
import { InvoiceLineSchema, InvoiceSchema } from './invoices.ts';
import { ItemSchema } from './items.ts';
import { MeterSchema, MeterVersionSchema } from './meters.ts';
import {
  CollectionSchema,
  PaymentAllocationSchema,
  PaymentAttemptSchema,
  PaymentSchema,
} from './payments.ts';
import { PendingItemSchema } from './pending-items.ts';
import { MigrationSubscriberSchema, PlanMigrationSchema } from './plan-migrations.ts';
import { PlanSchema, PlanVersionSchema, PriceSchema } from './plans.ts';
import { UsageRecordSchema } from './reported-usage.ts';
import { ScheduledChangeSchema } from './scheduled-changes.ts';
import {
  BilledPeriodSchema,
  ItemSegmentSchema,
  SubscriptionItemSchema,
  SubscriptionSchema,
} from './subscriptions.ts';
import { AccountSchema, ApiKeySchema, TenantSchema } from './tenants.ts';
import { TestClockSchema } from './test-clocks.ts';
import { UsageImportSchema } from './usage-imports.ts';
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
  ItemSchema,
  PlanSchema,
  PlanVersionSchema,
  PriceSchema,
  MeterSchema,
  MeterVersionSchema,
  FeatureSchema,
  PlanFeatureSchema,
  EntitlementOverrideSchema,
  AlertSchema,
  AlertFiringSchema,
  SubscriptionSchema,
  SubscriptionItemSchema,
  ItemSegmentSchema,
  ScheduledChangeSchema,
  UsageRecordSchema,
  BilledPeriodSchema,
  PendingItemSchema,
  PlanMigrationSchema,
  CollectorSchema,
  UsageImportSchema,
  BackfillSchema,
  CommandSchema,
  MigrationSubscriberSchema,
  InvoiceSchema,
  InvoiceLineSchema,
  CreditNoteSchema,
  CreditNoteLineSchema,
  CustomerBalanceSchema,
  BalanceEntrySchema,
  PaymentAttemptSchema,
  PaymentSchema,
  PaymentAllocationSchema,
  CollectionSchema,
  EventSchema,
  WebhookEndpointSchema,
  WebhookDeliverySchema,
  WebhookAttemptSchema,
];
