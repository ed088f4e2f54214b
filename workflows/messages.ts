import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { StepName, SubscriptionStatus } from '../src/domain/subscription.ts';

/**
 * Everything both sides of a workflow must agree on: names, ids, inputs, messages. The API imports only this file of
 * the room. Messages carry ids and instants, never facts: the row is the truth.
 */

export const WORKFLOWS = {
  subscription: 'subscription',
  invoice: 'invoice',
  webhookEndpoint: 'webhookEndpoint',
  testClock: 'testClock',
} as const;

export type Queue = 'billing' | 'gateway' | 'webhooks';

/** Task queue names; a prefix keeps several installations (or test files) apart on one namespace. */
export function taskQueue(queue: Queue, prefix: string): string {
  return prefix === '' ? queue : `${prefix}-${queue}`;
}

export const workflowId = {
  subscription: (id: string) => `subscription/${id}`,
  invoice: (id: string) => `invoice/${id}`,
  webhookEndpoint: (id: string) => `webhook-endpoint/${id}`,
  testClock: (id: string) => `test-clock/${id}`,
} as const;

/** Instants travel as RFC 3339 UTC strings with milliseconds, which sort as they are. */
export type InstantString = string;

export type SubscriptionInput = { tenantId: string; subscriptionId: string; state?: SubscriptionState };

/** What a subscription workflow carries from run to run. All of it can be read again from the row. */
export type SubscriptionState = {
  v: 1;
  tenantId: string;
  subscriptionId: string;
  customerId: string;
  planId: string;
  currency: string;
  clockId: string | null;
  revision: number;
  status: SubscriptionStatus;
  next: { step: StepName; at: InstantString } | null;
  /** Minutes after `next.at` at which this subscription is served, to spread a stampede; amounts do not move. */
  jitterMinutes: number;
  pastDueSince: InstantString | null;
  dunningAttempt: number;
  openInvoiceId: string | null;
  blockedReason: string | null;
  period: { start: InstantString; end: InstantString } | null;
};

export const INVOICE_STEPS = ['finalize', 'collect', 'check_payment', 'retry', 'mark_overdue'] as const;
export type InvoiceStep = (typeof INVOICE_STEPS)[number];
export type InvoiceInput = { tenantId: string; invoiceId: string };
export type InvoiceState = {
  v: 1;
  tenantId: string;
  invoiceId: string;
  customerId: string;
  clockId: string | null;
  status: 'draft' | 'open' | 'paid' | 'void' | 'uncollectible';
  next: { step: InvoiceStep; at: InstantString } | null;
  dunningAttempt: number;
};

export type WebhookEndpointInput = { tenantId: string; endpointId: string };
export type TestClockInput = { tenantId: string; clockId: string };

export type CommandMessage = { commandId: string; requestedAt: InstantString };
export type CommandOutcome = { outcome: 'applied' | 'refused' | 'expired' };
/** Runs one lifecycle command, after the steps that were due before it. The answer is in the command's row. */
export const commandUpdate = defineUpdate<CommandOutcome, [CommandMessage]>('command');

export type TickMessage = { until: InstantString };
/** `more`: stop here and ask again, because something else of the customer may be due first. */
export type TickOutcome = { more: boolean; steps: number; failure: string | null };
/** A test clock's turn: run everything due up to `until`, at its own instants. */
export const tickUpdate = defineUpdate<TickOutcome, [TickMessage]>('tick');

/** The row changed: read it again. Carries nothing, so order, duplicates and loss do not matter. */
export const recheckSignal = defineSignal('recheck');

export type WaitingFor = {
  state: SubscriptionState | InvoiceState | null;
  waitingFor: string;
  until: InstantString | null;
  commandsWaiting: number;
  runId: string;
};
export const waitingForQuery = defineQuery<WaitingFor>('waiting_for');
