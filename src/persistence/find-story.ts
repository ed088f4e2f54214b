import type { EntityName, FilterQuery } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { Command } from '../domain/command.ts';
import type { Customer } from '../domain/customer.ts';
import type { Collection } from '../domain/dunning.ts';
import type { Event } from '../domain/event.ts';
import type { Invoice, InvoiceLine } from '../domain/invoice.ts';
import { type NextInvoiceStep, nextInvoiceStep } from '../domain/invoice-step.ts';
import type { PaymentAttempt } from '../domain/payment.ts';
import type { PricedItem, Subscription } from '../domain/subscription.ts';
import type { Tenant } from '../domain/tenant.ts';
import { CommandSchema } from './commands.ts';
import { CustomerSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { EventSchema } from './events.ts';
import { clockOf, findTenant } from './find.ts';
import { findInvoiceFacts, linesOf } from './invoice-facts.ts';
import { InvoiceSchema } from './invoices.ts';
import { PaymentAttemptSchema } from './payments.ts';
import { findRow, findRows, query } from './rows.ts';
import { pricedItems } from './subscription-facts.ts';
import { SubscriptionSchema } from './subscriptions.ts';

/** How much of each kind a story tells, newest last. */
const LATEST = { events: 10, attempts: 5, commands: 5, invoices: 20 };

/** News that its workflow has not heard yet. */
export type OwedNudge = { since: Date; attempts: number; lastError: string | null };

type Shared = {
  tenant: Tenant;
  customer: Customer;
  /** What time it is for the customer, where that is a test clock's. */
  clock: { id: string; now: Date } | null;
  attempts: PaymentAttempt[];
  commands: Command[];
  events: Event[];
  nudge: OwedNudge | null;
};

export type SubscriptionStory = Shared & {
  subscription: Subscription;
  priced: PricedItem[];
  /** Drafts and open ones, oldest first, with what each waits for. */
  unfinished: { invoice: Invoice; next: NextInvoiceStep | null }[];
};

export type InvoiceStory = Shared & {
  invoice: Invoice;
  lines: InvoiceLine[];
  collection: Collection | null;
  next: NextInvoiceStep | null;
};

/** Everything that explains where a subscription stands, through its tenant's door. The caller knows that the row is there. */
export async function findSubscriptionStory(tx: Tx, id: string): Promise<SubscriptionStory> {
  const subscription = await there(findRow(tx, SubscriptionSchema, { id }), id);
  const open = await findRows(
    tx,
    InvoiceSchema,
    { subscriptionId: id, status: { $in: ['draft', 'open'] } },
    { orderBy: { id: 'asc' }, limit: LATEST.invoices },
  );
  const unfinished = [];
  for (const { id: invoiceId } of open) {
    const facts = await there(findInvoiceFacts(tx, invoiceId), invoiceId);
    const next = nextInvoiceStep(facts.invoice, facts.attempt, facts.collection);
    unfinished.push({ invoice: facts.invoice, next });
  }
  const billed = sql`select id from invoices where subscription_id = ${id}`;
  return {
    subscription,
    priced: await pricedItems(tx, id),
    unfinished,
    ...(await shared(tx, subscription, billed, sql`subscription_id = ${id}`)),
    nudge: await nudgeOwed(tx, `subscription/${id}`),
  };
}

/** Everything that explains where an invoice stands, through its tenant's door. The caller knows that the row is there. */
export async function findInvoiceStory(tx: Tx, id: string): Promise<InvoiceStory> {
  const { invoice, attempt, collection } = await there(findInvoiceFacts(tx, id), id);
  // There is an index on the subscription, and one on the object.
  const happened = invoice.subscriptionId
    ? sql`subscription_id = ${invoice.subscriptionId} and invoice_id = ${id}`
    : sql`object_id = ${id}`;
  return {
    invoice,
    lines: await linesOf(tx, id),
    collection,
    next: nextInvoiceStep(invoice, attempt, collection),
    ...(await shared(tx, invoice, sql`select ${id}::text as id`, happened)),
    nudge: await nudgeOwed(tx, `invoice/${id}`),
  };
}

type Subject = { id: string; tenantId: string; customerId: string };

async function shared(
  tx: Tx,
  { id, tenantId, customerId }: Subject,
  invoices: ReturnType<typeof sql>,
  happened: ReturnType<typeof sql>,
): Promise<Omit<Shared, 'nudge'>> {
  const commands = await findRows(
    tx,
    CommandSchema,
    { tenantId, subjectId: id },
    { orderBy: { id: 'desc' }, limit: LATEST.commands },
  );
  return {
    tenant: await findTenant(tx, tenantId),
    customer: await there(findRow(tx, CustomerSchema, { id: customerId }), customerId),
    clock: await clockOf(tx, customerId),
    attempts: await byIds(
      tx,
      PaymentAttemptSchema,
      sql`select id from payment_attempts where invoice_id in (${invoices}) order by id desc limit ${LATEST.attempts}`,
    ),
    commands: commands.reverse(),
    events: await byIds(
      tx,
      EventSchema,
      sql`select id from events where ${happened} order by recorded desc limit ${LATEST.events}`,
    ),
  };
}

/** The rows whose ids a query answers newest first, oldest first. */
async function byIds<T extends { id: string }>(
  tx: Tx,
  entity: EntityName<T>,
  latest: ReturnType<typeof sql>,
): Promise<T[]> {
  const ids = (await query<{ id: string }>(tx, latest)).map((row) => row.id).reverse();
  const where: Record<string, unknown> = { id: { $in: ids } };
  const rows = await findRows<T>(tx, entity, where as FilterQuery<T>);
  return ids.flatMap((id) => rows.find((row) => row.id === id) ?? []);
}

/** What the workflow of this id has still to be told, or null. */
export async function nudgeOwed(tx: Tx, workflowId: string): Promise<OwedNudge | null> {
  const [row] = await query<{ created_at: string; attempts: number; last_error: string | null }>(
    tx,
    sql`select created_at, attempts, last_error from nudges where workflow_id = ${workflowId}`,
  );
  return row ? { since: new Date(row.created_at), attempts: row.attempts, lastError: row.last_error } : null;
}

async function there<T>(row: Promise<T | null>, id: string): Promise<T> {
  const found = await row;
  if (found === null) throw new Error(`${id} has no row`);
  return found;
}
