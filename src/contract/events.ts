import { z } from 'zod';
import { EVENT_TYPES, type Event, type EventType, OBJECT_TYPES, type ObjectType } from '../domain/event.ts';
import { alertFiringOut } from './alerts.ts';
import { idOut, instantOut, presentInstant } from './common.ts';
import { creditNoteOut } from './credit-notes.ts';
import { customerOut } from './customers.ts';
import { invoiceOut } from './invoices.ts';
import { paymentMethodOut } from './payment-methods.ts';
import { paymentOut } from './payments.ts';
import { planMigrationOut } from './plan-migrations.ts';
import { planOut } from './plans.ts';
import { subscriptionOut } from './subscriptions.ts';
import { usageImportOut } from './usage-imports.ts';
import { webhookEndpointOut } from './webhooks.ts';

/** What each type of object looks like in a payload: as the API answers it. */
const OBJECTS = {
  customer: customerOut,
  payment_method: paymentMethodOut,
  plan: planOut,
  plan_migration: planMigrationOut,
  subscription: subscriptionOut,
  invoice: invoiceOut,
  credit_note: creditNoteOut,
  payment: paymentOut,
  alert: alertFiringOut,
  usage_import: usageImportOut,
  webhook_endpoint: webhookEndpointOut,
} as const satisfies Record<ObjectType, z.ZodType>;

/** The catalogue: which object an event type carries, and when it is sent, for the reader of the API reference. */
export const EVENT_CATALOGUE = {
  'customer.created': ['customer', 'A customer was created.'],
  'customer.updated': ['customer', 'A customer was changed.'],
  'customer.deleted': ['customer', 'A customer was deleted.'],
  'payment_method.attached': ['payment_method', 'A customer got a payment method.'],
  'payment_method.updated': ['payment_method', 'A payment method was changed, or became the default.'],
  'payment_method.detached': ['payment_method', 'A payment method can no longer be charged.'],
  'plan.created': ['plan', 'A plan was created.'],
  'plan.updated': ['plan', 'A plan was changed or got a new version.'],
  'plan.archived': ['plan', 'A plan takes no new subscriptions.'],
  'plan_migration.started': ['plan_migration', 'Subscribers of a plan begin to be moved to a version of it.'],
  'plan_migration.paused': ['plan_migration', 'Nobody else is moved until the migration is resumed.'],
  'plan_migration.resumed': ['plan_migration', 'A paused migration goes on.'],
  'plan_migration.completed': [
    'plan_migration',
    'Every subscriber of a migration has an outcome; `counts` says how many have which.',
  ],
  'plan_migration.canceled': ['plan_migration', 'Whose turn had not come stays where he is.'],
  'subscription.created': ['subscription', 'A subscription was created.'],
  'subscription.trial_started': ['subscription', 'The trial of a subscription began.'],
  'subscription.trial_will_end': [
    'subscription',
    'A trial ends soon, as many days ahead as the tenant wants to know.',
  ],
  'subscription.trial_extended': ['subscription', 'A trial got a later end.'],
  'subscription.activated': ['subscription', 'A subscription became active for the first time.'],
  'subscription.renewed': ['subscription', 'A subscription began its next period.'],
  'subscription.past_due': ['subscription', 'An invoice of a subscription is overdue.'],
  'subscription.recovered': [
    'subscription',
    'A past due or unpaid subscription was paid and is active again.',
  ],
  'subscription.unpaid': ['subscription', 'All retries failed, and the subscription goes on unpaid.'],
  'subscription.paused': ['subscription', 'A subscription was paused.'],
  'subscription.resumed': ['subscription', 'A paused subscription goes on.'],
  'subscription.updated': ['subscription', 'What a subscription consists of was changed.'],
  'subscription.change_scheduled': ['subscription', 'A change of a subscription waits for its instant.'],
  'subscription.change_applied': ['subscription', 'A scheduled change of a subscription took place.'],
  'subscription.change_canceled': ['subscription', 'A scheduled change will not take place.'],
  'subscription.cancel_scheduled': ['subscription', 'A subscription will end at `cancel_at`.'],
  'subscription.uncanceled': ['subscription', 'A scheduled cancellation was taken back.'],
  'subscription.canceled': ['subscription', 'A subscription ended.'],
  'subscription.expired': ['subscription', 'A subscription ended because its first payment never came.'],
  'subscription.blocked': [
    'subscription',
    'A step of a subscription failed several times and waits for an operator.',
  ],
  'subscription.unblocked': ['subscription', 'A blocked subscription goes on.'],
  'billing.cycle.closed': [
    'subscription',
    'A billing period was closed and, where something is owed, invoiced.',
  ],
  'invoice.created': ['invoice', 'An invoice was drawn up.'],
  'invoice.finalized': ['invoice', 'An invoice got its number and can no longer change.'],
  'invoice.paid': ['invoice', 'An invoice was paid in full.'],
  'invoice.payment_failed': ['invoice', 'An attempt to collect an invoice failed.'],
  'invoice.payment_action_required': ['invoice', 'The customer has to confirm a payment.'],
  'invoice.overdue': ['invoice', 'An invoice was not paid by its due date.'],
  'invoice.voided': ['invoice', 'An invoice was voided.'],
  'invoice.marked_uncollectible': ['invoice', 'An invoice was given up.'],
  'credit_note.created': ['credit_note', 'An open invoice was reduced.'],
  'payment.succeeded': ['payment', 'A payment succeeded.'],
  'payment.failed': ['payment', 'A payment was declined.'],
  'payment.pending': ['payment', 'A payment waits for the bank.'],
  'alert.triggered': ['alert', 'Use, or its cost, came to a threshold of an alert.'],
  'alert.resolved': [
    'alert',
    'A threshold of an alert is no longer reached: a correction took use back, or the period is over.',
  ],
  'usage_import.completed': [
    'usage_import',
    'Every row of a file was looked at; `counts` says how many were taken.',
  ],
  'webhook_endpoint.disabled': ['webhook_endpoint', 'An endpoint gets nothing more; sent to the others.'],
  'webhook_endpoint.test': ['webhook_endpoint', 'Somebody asked for a test; sent to this endpoint only.'],
} as const satisfies Record<EventType, readonly [ObjectType, string]>;

const previousAttributes = z
  .record(z.string(), z.unknown())
  .optional()
  .meta({ description: 'What the changed fields were before.' });

/** The body of a webhook of this type. */
export function webhookBodySchema(type: EventType) {
  const [objectType, description] = EVENT_CATALOGUE[type];
  return z
    .object({
      id: idOut('evt').meta({
        description: 'The same at every attempt and resend; keep it to recognise duplicates.',
      }),
      type: z.literal(type),
      api_version: z.string(),
      created_at: instantOut,
      sequence: z
        .int()
        .min(1)
        .meta({ description: 'Strictly increasing per object: drop what is older than what you know.' }),
      data: z.object({ object: OBJECTS[objectType], previous_attributes: previousAttributes }),
      truncated: z
        .literal(true)
        .optional()
        .meta({ description: 'Parts of the object were left out for size; read it from the API.' }),
    })
    .meta({ description });
}

export const eventOut = z
  .object({
    object: z.literal('event'),
    id: idOut('evt'),
    position: z
      .string()
      .nullable()
      .meta({
        description:
          'Place in the feed; send the last one as `after`. Null for the moment before it has one.',
        examples: ['1042'],
      }),
    type: z.enum(EVENT_TYPES),
    object_type: z.enum(OBJECT_TYPES),
    object_id: z.string(),
    sequence: z.int(),
    customer: z.string().nullable(),
    subscription: z.string().nullable(),
    invoice: z.string().nullable(),
    api_version: z.string(),
    correlation_id: z.string().nullable().meta({ description: 'What started it all: a request or a step.' }),
    causation_id: z
      .string()
      .nullable()
      .meta({ description: 'The command, step or event that directly caused it.' }),
    data: z.object({ object: z.record(z.string(), z.unknown()), previous_attributes: previousAttributes }),
    created_at: instantOut,
    recorded_at: instantOut.meta({
      description: 'Wall time, also where `created_at` is the time of a test clock.',
    }),
  })
  .meta({ id: 'Event' });

/** An event as the feed shows it. */
export function presentEvent(event: Event): z.infer<typeof eventOut> {
  return {
    object: 'event',
    id: event.id,
    position: event.position,
    type: event.type,
    object_type: event.objectType,
    object_id: event.objectId,
    sequence: event.sequence,
    customer: event.customerId,
    subscription: event.subscriptionId,
    invoice: event.invoiceId,
    api_version: event.apiVersion,
    correlation_id: event.correlationId,
    causation_id: event.causationId,
    data: event.data,
    created_at: presentInstant(event.createdAt),
    recorded_at: presentInstant(event.recordedAt),
  };
}

/** Bodies above this leave out what is long. In bytes of UTF-8. */
export const WEBHOOK_BODY_BYTES_MAX = 20_000;
/** What is left out, in this order, until the body fits. */
const LEFT_OUT_FIRST = ['lines', 'items', 'metadata'];

/**
 * The text that is signed and sent. Made of nothing but the frozen event, so every attempt and every endpoint gets the
 * same bytes. An invoice with very many lines comes without them and says `truncated: true`.
 */
export function webhookBody(event: Event): string {
  const whole = text(event, event.data);
  if (fits(whole)) return whole;
  let data = event.data;
  let body = whole;
  for (const key of LEFT_OUT_FIRST) {
    data = without(data, key);
    body = text(event, data, true);
    if (fits(body)) break;
  }
  return body;
}

function text(event: Event, data: Event['data'], truncated?: true): string {
  return JSON.stringify({
    id: event.id,
    type: event.type,
    api_version: event.apiVersion,
    created_at: presentInstant(event.createdAt),
    sequence: event.sequence,
    data: { object: data.object, previous_attributes: data.previous_attributes },
    truncated,
  });
}

function fits(body: string): boolean {
  // No unit of a string takes more than three bytes.
  if (body.length * 3 <= WEBHOOK_BODY_BYTES_MAX) return true;
  return new TextEncoder().encode(body).length <= WEBHOOK_BODY_BYTES_MAX;
}

function without(data: Event['data'], key: string): Event['data'] {
  const omit = (fields: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key));
  return {
    object: omit(data.object),
    ...(data.previous_attributes ? { previous_attributes: omit(data.previous_attributes) } : {}),
  };
}
