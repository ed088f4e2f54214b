import { expect } from '@jest/globals';
import { sql } from 'kysely';
import { presenters } from '../../src/contract/presenters.ts';
import type { DunningPolicy } from '../../src/domain/dunning.ts';
import { checkInvariants } from '../../src/main/invariants/ask.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { EventSchema } from '../../src/persistence/events.ts';
import { clockOf } from '../../src/persistence/find.ts';
import { onPaymentMethodChanged } from '../../src/persistence/invoice-writes.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { CollectionSchema, PaymentAttemptSchema } from '../../src/persistence/payments.ts';
import { findRow, findRows, query, updateRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { TenantSchema } from '../../src/persistence/tenants.ts';
import type { Write } from '../../src/persistence/write.ts';
import type { World } from './world.ts';

/** The money of a world: what people do about it, and what there is to see of it. */
export function moneyOf(world: World) {
  const { inTenant, tenantId } = world;
  const oldestFirst = { orderBy: { id: 'asc' } } as const;
  const invoicesOf = (where: { subscriptionId: string } | { customerId: string }) =>
    inTenant((tx) => findRows(tx, InvoiceSchema, where, oldestFirst));
  return {
    /** The one subscription's row. */
    async subscription(id: string) {
      const row = await inTenant((tx) => findRow(tx, SubscriptionSchema, { id }));
      if (!row) throw new Error(`there is no subscription ${id}`);
      return row;
    },
    invoices: (subscriptionId: string) => invoicesOf({ subscriptionId }),
    collection: (invoiceId: string) => inTenant((tx) => findRow(tx, CollectionSchema, { invoiceId })),
    attempts: (customerId: string) =>
      inTenant((tx) => findRows(tx, PaymentAttemptSchema, { customerId }, oldestFirst)),
    /** Every charge of a customer as `2026-04-01 12:00 #2 declined`; #2 is its second invoice. */
    async charges(customerId: string): Promise<string[]> {
      const invoices = await invoicesOf({ customerId });
      const attempts = await inTenant((tx) =>
        findRows(tx, PaymentAttemptSchema, { customerId }, oldestFirst),
      );
      return attempts.map((attempt) => {
        const number = invoices.findIndex((invoice) => invoice.id === attempt.invoiceId) + 1;
        return `${minuteOf(attempt.createdAt)} #${number} ${attempt.status}`;
      });
    },
    /** The types of the events about a subscription, an invoice or a charge, oldest first. */
    async events(objectId: string): Promise<string[]> {
      const rows = await inTenant((tx) =>
        findRows(tx, EventSchema, { objectId }, { orderBy: { sequence: 'asc' } }),
      );
      return rows.map((event) => event.type);
    },
    /** What the API does when a customer changes the default method, at the time of the customer's clock. */
    async newMethod(customerId: string, token: string): Promise<string> {
      const id = await world.paymentMethod(customerId, token);
      await inTenant(async (tx) => onPaymentMethodChanged(await writeNow(world, tx, customerId), customerId));
      return id;
    },
    /** A direct write on an invoice (void, write off, out of band), at the time of its customer's clock. */
    async change<T>(customerId: string, work: (write: Write) => Promise<T>): Promise<T> {
      return inTenant(async (tx) => work(await writeNow(world, tx, customerId)));
    },
    /** What each account of the ledger holds of an invoice; debit is positive. */
    async ledger(invoiceId: string): Promise<Record<string, string>> {
      const rows = await inTenant((tx) =>
        query<{ account: string; sum: string }>(
          tx,
          sql`select account, sum(amount)::numeric(20, 2) as sum from ledger_entries where invoice_id = ${invoiceId} group by account`,
        ),
      );
      return Object.fromEntries(rows.map(({ account, sum }) => [account, sum]));
    },
    /** What the customer does on the bank's page about the latest charge. */
    async answerAction(customerId: string, result: 'succeed' | 'fail'): Promise<void> {
      const attempts = await inTenant((tx) =>
        findRows(tx, PaymentAttemptSchema, { customerId }, oldestFirst),
      );
      const response = await fetch(`${world.gatewayUrl}/v1/charges/${attempts.at(-1)?.gatewayRef}/action`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ result }),
      });
      if (!response.ok) throw new Error(await response.text());
    },
    async tenantSetting(changes: {
      dunningPolicy?: DunningPolicy | null;
      invoiceGraceHours?: number;
    }): Promise<void> {
      await world.database.asSystem('test', (tx) => updateRows(tx, TenantSchema, { id: tenantId }, changes));
    },
    /** Every promise holds: the ledger balances, receivables are what is owed, the gateway's own log says the same. */
    async audit(): Promise<void> {
      const { broken } = await checkInvariants(world.database, { gatewayUrl: world.gatewayUrl });
      expect(broken).toEqual([]);
    },
  };
}

export async function writeNow(world: World, tx: Tx, customerId: string): Promise<Write> {
  const wallNow = new Date();
  const at = (await clockOf(tx, customerId))?.now ?? wallNow;
  const cause = { correlationId: 'test', causationId: 'test' };
  return { tx, tenantId: world.tenantId, at, wallNow, cause, present: presenters };
}

export function minuteOf(instant: Date): string {
  return instant.toISOString().slice(0, 16).replace('T', ' ');
}

/** Looks again and again until `look` answers something, for what happens in real time. */
export async function eventually<T>(
  look: () => Promise<T | null | undefined | false>,
  withinMs = 120_000,
): Promise<T> {
  const endsAt = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > endsAt) throw new Error(`it did not happen within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
