import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { InstantString, InvoiceState, SubscriptionState } from '../src/domain/step-answer.ts';

/**
 * Everything both sides of a workflow must agree on: names, ids, inputs, messages. The API imports only this file of
 * the room. Messages carry ids and instants, never facts: the row is the truth.
 */

export const WORKFLOWS = {
  subscription: 'subscription',
  invoice: 'invoice',
  webhookEndpoint: 'webhookEndpoint',
  testClock: 'testClock',
  reconcile: 'reconcile',
  partitions: 'partitions',
  customerWork: 'customerWork',
  migratePlan: 'migratePlan',
  importUsage: 'importUsage',
} as const;

export type Queue = 'billing' | 'gateway' | 'webhooks' | 'bulk';

/** Task queue names; a prefix keeps several installations (or test files) apart on one namespace. */
export function taskQueue(queue: Queue, prefix: string): string {
  return prefix === '' ? queue : `${prefix}-${queue}`;
}

export const workflowId = {
  subscription: (id: string) => `subscription/${id}`,
  invoice: (id: string) => `invoice/${id}`,
  webhookEndpoint: (id: string) => `webhook-endpoint/${id}`,
  testClock: (id: string) => `test-clock/${id}`,
  migratePlan: (id: string) => `migrate-plan/${id}`,
  importUsage: (id: string) => `import-usage/${id}`,
} as const;

export type SubscriptionInput = { tenantId: string; subscriptionId: string; state?: SubscriptionState };
export type InvoiceInput = { tenantId: string; invoiceId: string; state?: InvoiceState };
export type WebhookEndpointInput = { tenantId: string; endpointId: string };
export type TestClockInput = { tenantId: string; clockId: string };
export type PlanMigrationInput = { tenantId: string; migrationId: string };
export type UsageImportInput = { tenantId: string; importId: string };

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
