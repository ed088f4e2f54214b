import type { Invoice, InvoiceLine } from '../../src/domain/invoice.ts';
import { Decimal } from '../../src/domain/money.ts';
import { CustomerSchema } from '../../src/persistence/customers.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { InvoiceLineSchema, InvoiceSchema } from '../../src/persistence/invoices.ts';
import { insertRow, insertRows, updateRows } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';

const BATCH = 250;
const LINES = 3;
const DAY_MS = 86_400_000;

/** Finalized invoices of one customer with three lines each, as a busy tenant has them. */
export async function plantInvoices(database: Database, tenantId: string, count: number): Promise<string[]> {
  const at = new Date('2026-11-01T10:00:00.123Z');
  const customerId = newId('cus');
  await database.withTenant(tenantId, (tx) =>
    insertRow(tx, CustomerSchema, {
      id: customerId,
      tenantId,
      externalId: null,
      name: 'Ada Lovelace',
      email: 'ada@example.com',
      timeZone: null,
      currency: 'EUR',
      testClockId: null,
      metadata: {},
      deletedAt: null,
      createdAt: at,
      updatedAt: at,
    }),
  );
  const ids: string[] = [];
  while (ids.length < count) {
    const invoices = Array.from({ length: Math.min(BATCH, count - ids.length) }, (_, index) =>
      draft(tenantId, customerId, ids.length + index, at),
    );
    await database.withTenant(tenantId, async (tx) => {
      await insertRows(tx, InvoiceSchema, invoices);
      await insertRows(tx, InvoiceLineSchema, invoices.flatMap(linesOf));
      for (const [index, { id }] of invoices.entries()) {
        const number = `INV-${String(ids.length + index + 1).padStart(6, '0')}`;
        await updateRows(tx, InvoiceSchema, { id }, { status: 'open', number, finalizedAt: at, dueAt: at });
      }
    });
    ids.push(...invoices.map(({ id }) => id));
  }
  return ids;
}

function draft(tenantId: string, customerId: string, n: number, at: Date): Invoice {
  const total = lineAmount(n).times(LINES);
  return {
    id: newId('inv'),
    tenantId,
    customerId,
    subscriptionId: null,
    originKey: `bench:${n}`,
    number: null,
    status: 'draft',
    billingReason: 'subscription_cycle',
    currency: 'EUR',
    subtotal: total,
    total,
    amountPaid: new Decimal(0),
    balanceApplied: new Decimal(0),
    amountCredited: new Decimal(0),
    collectionMethod: 'send_invoice',
    netDays: 14,
    dueAt: null,
    finalizeAt: at,
    finalizedAt: null,
    collectAt: null,
    overdueSince: null,
    paidAt: null,
    paidOutOfBand: false,
    voidedAt: null,
    markedUncollectibleAt: null,
    periodStart: at,
    periodEnd: new Date(at.getTime() + 30 * DAY_MS),
    revision: 1,
    metadata: { order: `A-${n}`, desk: 'Berlin' },
    createdAt: new Date(at.getTime() + n),
    updatedAt: new Date(at.getTime() + n),
  };
}

function linesOf(invoice: Invoice, n: number): InvoiceLine[] {
  const amount = invoice.total.dividedBy(LINES);
  return Array.from({ length: LINES }, (_, index) => ({
    id: newId('il'),
    tenantId: invoice.tenantId,
    invoiceId: invoice.id,
    n: index + 1,
    itemId: null,
    priceId: null,
    description: `Seat ${index + 1} of order ${n}, monthly`,
    quantity: new Decimal(3),
    unitAmount: amount.dividedBy(3).toDecimalPlaces(12),
    amount,
    periodStart: invoice.periodStart,
    periodEnd: invoice.periodEnd,
    proration: false,
    trace: {
      model: 'per_unit',
      unitAmount: amount.dividedBy(3).toDecimalPlaces(12).toFixed(),
      quantity: '3',
      exact: amount.toFixed(),
      rounded: amount.toFixed(),
    },
    reversesLineId: null,
    meterId: null,
    meterVersion: null,
    eventCount: null,
  }));
}

function lineAmount(n: number): Decimal {
  return new Decimal((n % 9000) + 1000).dividedBy(100);
}
