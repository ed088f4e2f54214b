import { z } from 'zod';
import type { PayCommand } from '../../src/contract/commands.ts';
import { listOf, listQuery, oneOrMore, pathId, reference } from '../../src/contract/common.ts';
import { invoiceOut, invoicePay, presentInvoice } from '../../src/contract/invoices.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { INVOICE_STATUSES, type Invoice } from '../../src/domain/invoice.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findDefaultMethod } from '../../src/persistence/find.ts';
import {
  findCustomerByReference,
  findInvoiceById,
  findPaymentMethodById,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { linesOf } from '../../src/persistence/invoice-facts.ts';
import { markUncollectible, payOutOfBand, voidInvoice } from '../../src/persistence/invoice-writes.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import type { Write } from '../../src/persistence/write.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { namedRows } from '../named-rows.ts';
import { type Call, type Route, route } from '../route.ts';
import { expandCustomers } from '../show-subscriptions.ts';
import { invalid } from '../validate.ts';
import { assertRevision, timeFor, writeFor } from '../write.ts';

const expand = { 'expand[]': oneOrMore(z.enum(['customer'], 'Only "customer" can be expanded.')) };

const list = route({
  method: 'get',
  path: '/v1/invoices',
  operationId: 'listInvoices',
  summary: 'List invoices',
  description: 'Newest first, without their lines.',
  tag: 'Invoices',
  auth: 'tenant',
  query: z.strictObject({
    ...listQuery,
    status: oneOrMore(z.enum(INVOICE_STATUSES)),
    customer: reference('cus', 'customer').optional(),
    subscription: reference('sub', 'subscription').optional(),
    ...expand,
  }),
  response: { description: 'A page of invoices.', schema: listOf(invoiceOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const rows = await namedRows(tx, query);
    const filters = rows && { ...rows, ...(query.status ? { status: { $in: query.status } } : {}) };
    const page = filters
      ? await listRows(tx, InvoiceSchema, { tenantId, ...filters }, pageOf(query))
      : { rows: [], hasMore: false };
    const data = page.rows.map((invoice) => presentInvoice(invoice));
    return { ...presentList(page, () => null), data: await expandCustomers(tx, data, query['expand[]']) };
  },
});

const get = route({
  method: 'get',
  path: '/v1/invoices/{id}',
  operationId: 'getInvoice',
  summary: 'Get an invoice with its lines',
  tag: 'Invoices',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject(expand),
  response: { description: 'The invoice. Each line says how its amount came about.', schema: invoiceOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params, query }) {
    const [shown] = await expandCustomers(tx, [await show(tx, params.id)], query['expand[]']);
    return found(shown ?? null, 'invoice');
  },
});

const pay = route({
  method: 'post',
  path: '/v1/invoices/{id}/pay',
  operationId: 'payInvoice',
  summary: 'Pay an invoice',
  description:
    'Charges it now, or with `paid_out_of_band` notes that the money came otherwise. A charge that needs the customer, or has no outcome yet, leaves the invoice open: look at its payments.',
  tag: 'Invoices',
  auth: 'tenant',
  scope: 'invoices:write',
  params: pathId,
  revisioned: true,
  body: invoicePay,
  response: { description: 'The invoice afterwards.', schema: invoiceOut },
  errors: [
    'not_found',
    'invoice_not_open',
    'payment_method_missing',
    'payment_in_flight',
    'payment_declined',
    'clock_advancing',
    'command_expired',
    'engine_busy',
  ],
  kind: 'command',
  async command(tx, call) {
    const { params, body } = call;
    const invoice = found(await findInvoiceById(tx, params.id), 'invoice');
    assertRevision(call, invoice);
    if (body.paid_out_of_band) {
      await payOutOfBand(await writeTo(tx, call, invoice), invoice.id, body.reference ?? null);
      return { workflow: null, subjectId: invoice.id };
    }
    if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
      throw new DomainError(
        'invoice_not_open',
        `This invoice is ${invoice.status}; only an open one can be paid.`,
      );
    }
    const command: PayCommand = { payment_method: await chargeable(tx, invoice, body.payment_method) };
    const customer = found(await findCustomerByReference(tx, invoice.customerId), 'customer');
    const { at } = await timeFor(tx, customer);
    return { workflow: 'invoice', subjectId: invoice.id, kind: 'pay', body: command, requestedAt: at };
  },
  answer: (tx, _call, id) => show(tx, id),
});

const voiding = route({
  method: 'post',
  path: '/v1/invoices/{id}/void',
  operationId: 'voidInvoice',
  summary: 'Void an invoice',
  description:
    'Takes an open invoice back, for good. Its number stays taken. What it billed is waived: the subscription goes on with what it has, nothing bills that time again, and what a change gave back on the invoice is not given back any more.',
  tag: 'Invoices',
  auth: 'tenant',
  scope: 'invoices:write',
  params: pathId,
  revisioned: true,
  body: emptyBody,
  response: { description: 'The invoice.', schema: invoiceOut },
  errors: ['not_found', 'invoice_not_open', 'payment_in_flight', 'clock_advancing'],
  kind: 'write',
  async handler(tx, call) {
    const invoice = found(await findInvoiceById(tx, call.params.id), 'invoice');
    assertRevision(call, invoice);
    await voidInvoice(await writeTo(tx, call, invoice), invoice.id);
    return show(tx, invoice.id);
  },
});

const givingUp = route({
  method: 'post',
  path: '/v1/invoices/{id}/mark_uncollectible',
  operationId: 'markInvoiceUncollectible',
  summary: 'Give up on an invoice',
  description: 'Writes an open invoice off. It can still be paid later.',
  tag: 'Invoices',
  auth: 'tenant',
  scope: 'invoices:write',
  params: pathId,
  revisioned: true,
  body: emptyBody,
  response: { description: 'The invoice.', schema: invoiceOut },
  errors: ['not_found', 'invoice_not_open', 'payment_in_flight', 'clock_advancing'],
  kind: 'write',
  async handler(tx, call) {
    const invoice = found(await findInvoiceById(tx, call.params.id), 'invoice');
    assertRevision(call, invoice);
    await markUncollectible(await writeTo(tx, call, invoice), invoice.id);
    return show(tx, invoice.id);
  },
});

export const invoiceRoutes: Route[] = [list, get, pay, voiding, givingUp];

async function show(tx: Tx, id: string): Promise<z.infer<typeof invoiceOut>> {
  const [invoice, lines] = await Promise.all([findInvoiceById(tx, id), linesOf(tx, id)]);
  return presentInvoice(found(invoice, 'invoice'), lines);
}

async function writeTo(tx: Tx, call: Call, invoice: Invoice): Promise<Write> {
  return writeFor(tx, call, found(await findCustomerByReference(tx, invoice.customerId), 'customer'));
}

/** The method that was named, once it is known to be this customer's; null for the default, once there is one. */
async function chargeable(tx: Tx, invoice: Invoice, methodId: string | undefined): Promise<string | null> {
  if (methodId === undefined) {
    if (await findDefaultMethod(tx, invoice.customerId)) return null;
    throw new DomainError('payment_method_missing', 'The customer has no payment method; attach one first.');
  }
  const method = await findPaymentMethodById(tx, methodId);
  if (method?.customerId === invoice.customerId && method.detachedAt === null) return method.id;
  throw invalid([
    {
      path: 'payment_method',
      code: 'not_found',
      message: 'The customer of this invoice has no such payment method; attach it first.',
    },
  ]);
}
