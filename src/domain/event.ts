/** Every event type a tenant can subscribe to. Each has a payload schema in `contract/events.ts`. */
export const EVENT_TYPES = [
  'customer.created',
  'customer.updated',
  'customer.deleted',
  'payment_method.attached',
  'payment_method.updated',
  'payment_method.detached',
  'plan.created',
  'plan.updated',
  'plan.archived',
  'plan_migration.started',
  'plan_migration.paused',
  'plan_migration.resumed',
  'plan_migration.completed',
  'plan_migration.canceled',
  'subscription.created',
  'subscription.trial_started',
  'subscription.trial_will_end',
  'subscription.trial_extended',
  'subscription.activated',
  'subscription.renewed',
  'subscription.past_due',
  'subscription.recovered',
  'subscription.unpaid',
  'subscription.paused',
  'subscription.resumed',
  'subscription.updated',
  'subscription.change_scheduled',
  'subscription.change_applied',
  'subscription.change_canceled',
  'subscription.cancel_scheduled',
  'subscription.uncanceled',
  'subscription.canceled',
  'subscription.expired',
  'subscription.blocked',
  'subscription.unblocked',
  'billing.cycle.closed',
  'invoice.created',
  'invoice.finalized',
  'invoice.paid',
  'invoice.payment_failed',
  'invoice.payment_action_required',
  'invoice.overdue',
  'invoice.voided',
  'invoice.marked_uncollectible',
  'credit_note.created',
  'payment.succeeded',
  'payment.failed',
  'payment.pending',
  'alert.triggered',
  'alert.resolved',
  'usage_import.completed',
  'webhook_endpoint.disabled',
  'webhook_endpoint.test',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const OBJECT_TYPES = [
  'customer',
  'payment_method',
  'plan',
  'plan_migration',
  'subscription',
  'invoice',
  'credit_note',
  'payment',
  'alert',
  'usage_import',
  'webhook_endpoint',
] as const;
export type ObjectType = (typeof OBJECT_TYPES)[number];

/** The payload version that new webhook endpoints get. */
export const API_VERSION = '2026-11-21';

/** A fact the world may hear of: written with the fact, frozen, later given its position by the relay. */
export type Event = {
  id: string;
  tenantId: string;
  position: string | null;
  type: EventType;
  objectType: ObjectType;
  objectId: string;
  /** Strictly increasing per object, so that a receiver can drop stale ones. */
  sequence: number;
  customerId: string | null;
  subscriptionId: string | null;
  invoiceId: string | null;
  apiVersion: string;
  data: { object: Record<string, unknown>; previous_attributes?: Record<string, unknown> };
  /** What started it all: a request id, or the step that ran. */
  correlationId: string | null;
  /** The command, step or event that directly caused this one. */
  causationId: string | null;
  createdAt: Date;
  recordedAt: Date;
};
