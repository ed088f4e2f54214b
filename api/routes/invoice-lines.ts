import { z } from 'zod';
import { pathId } from '../../src/contract/common.ts';
import { explanationOut, invoiceLineOut, presentInvoiceLine } from '../../src/contract/invoices.ts';
import { explain } from '../../src/domain/explain-line.ts';
import { isId } from '../../src/domain/ids.ts';
import type { Invoice, InvoiceLine } from '../../src/domain/invoice.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findTenant } from '../../src/persistence/find.ts';
import {
  findCustomerByReference,
  findInvoiceById,
  findSubscriptionByReference,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { InvoiceLineSchema } from '../../src/persistence/invoices.ts';
import { findRow } from '../../src/persistence/rows.ts';
import { type Route, route } from '../route.ts';

const path = pathId.extend({ line: z.string().min(1).max(100).meta({ description: 'Starts with `il_`.' }) });

const get = route({
  method: 'get',
  path: '/v1/invoices/{id}/lines/{line}',
  operationId: 'getInvoiceLine',
  summary: 'Get a line of an invoice',
  tag: 'Invoices',
  auth: 'tenant',
  params: path,
  response: { description: 'The line, with how its amount came about.', schema: invoiceLineOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    const { invoice, line } = await lineOf(tx, params);
    return presentInvoiceLine(line, invoice.currency);
  },
});

const explanation = route({
  method: 'get',
  path: '/v1/invoices/{id}/lines/{line}/explanation',
  operationId: 'explainInvoiceLine',
  summary: 'Explain a line of an invoice',
  description: 'How its amount came about, in sentences that can be read aloud.',
  tag: 'Invoices',
  auth: 'tenant',
  params: path,
  response: { description: 'The explanation.', schema: explanationOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, params }) {
    const { invoice, line } = await lineOf(tx, params);
    const period = { start: line.periodStart, end: line.periodEnd };
    const { description, amount, proration, trace } = line;
    const sentences = explain(
      { description, amount, proration, trace, period, currency: invoice.currency },
      await timeZoneOf(tx, tenantId, invoice),
    );
    return {
      object: 'explanation' as const,
      invoice: invoice.id,
      line: line.id,
      sentences,
      text: sentences.map((sentence) => (sentence.endsWith('.') ? sentence : `${sentence}.`)).join(' '),
    };
  },
});

export const invoiceLineRoutes: Route[] = [get, explanation];

async function lineOf(
  tx: Tx,
  { id, line: lineId }: { id: string; line: string },
): Promise<{ invoice: Invoice; line: InvoiceLine }> {
  const invoice = found(await findInvoiceById(tx, id), 'invoice');
  const line = isId('il', lineId)
    ? await findRow(tx, InvoiceLineSchema, { id: lineId, invoiceId: invoice.id })
    : null;
  return { invoice, line: found(line, 'line of this invoice') };
}

/** Whose civil days the line counts: those of the subscription, as they were frozen with it. */
async function timeZoneOf(tx: Tx, tenantId: string, invoice: Invoice): Promise<string> {
  if (invoice.subscriptionId)
    return found(await findSubscriptionByReference(tx, invoice.subscriptionId), 'subscription').timeZone;
  const customer = found(await findCustomerByReference(tx, invoice.customerId), 'customer');
  return customer.timeZone ?? (await findTenant(tx, tenantId)).timeZone;
}
