import { z } from 'zod';
import { pathId } from '../../src/contract/common.ts';
import { asCsv, asJson, lineEventsOut, lineEventsQuery } from '../../src/contract/line-events.ts';
import { presentUpcoming, upcomingInvoiceOut, upcomingQuery } from '../../src/contract/upcoming-invoices.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { isId } from '../../src/domain/ids.ts';
import {
  findInvoiceById,
  findSubscriptionByReference,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { InvoiceLineSchema } from '../../src/persistence/invoices.ts';
import { lineEvents, seenByLine } from '../../src/persistence/line-events.ts';
import { findRow } from '../../src/persistence/rows.ts';
import { upcomingInvoice } from '../../src/persistence/upcoming-invoice.ts';
import { type Route, rawRoute, route } from '../route.ts';

const upcoming = route({
  method: 'get',
  path: '/v1/invoices/upcoming',
  operationId: 'getUpcomingInvoice',
  summary: 'Get the next invoice of a subscription as it stands now',
  description:
    'With everything that was used until now: the same calculation as when it is made. Answers 404 when no invoice is coming, because the subscription rests or has ended.',
  tag: 'Invoices',
  auth: 'tenant',
  query: upcomingQuery,
  response: { description: 'The invoice to come.', schema: upcomingInvoiceOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { query }) {
    const { id } = found(await findSubscriptionByReference(tx, query.subscription), 'subscription');
    const coming = await upcomingInvoice(tx, id);
    if (!coming)
      throw new DomainError(
        'not_found',
        'No invoice of this subscription is coming: it rests or has ended. Look at its status.',
      );
    return presentUpcoming(coming);
  },
});

const events = rawRoute({
  method: 'get',
  path: '/v1/invoices/{id}/lines/{line}/events',
  operationId: 'listInvoiceLineEvents',
  summary: 'The very events behind a line',
  description:
    'Every event that a metered line bills, the oldest first, however many they are. A line for what came late shows those that were not billed before, and those that were and count no more. In CSV, a cell that a spreadsheet would take for a formula begins with an apostrophe.',
  tag: 'Invoices',
  auth: 'tenant',
  params: pathId.extend({
    line: z.string().min(1).max(100).meta({ description: 'Starts with `il_`.' }),
  }),
  query: lineEventsQuery,
  response: {
    description: 'The events; with `format=csv` as text/csv.',
    schema: lineEventsOut,
    contentType: 'application/json',
  },
  errors: ['not_found'],
  async handler({ deps, tenantId, params, query }) {
    const seen = await deps.database.withTenant(tenantId, async (tx) => {
      const invoice = found(await findInvoiceById(tx, params.id), 'invoice');
      const line = isId('il', params.line)
        ? await findRow(tx, InvoiceLineSchema, { id: params.line, invoiceId: invoice.id })
        : null;
      return seenByLine(tx, found(line, 'line of this invoice').id);
    });
    if (!seen)
      throw new DomainError(
        'not_found',
        'No events stand behind this line: no meter counted for it, or it bills a part of a period that runs on; then ask the line that closes the period.',
      );
    const batches = lineEvents(deps.database, tenantId, seen);
    return query.format === 'csv'
      ? { status: 200, contentType: 'text/csv; charset=utf-8', body: asCsv(batches) }
      : { status: 200, contentType: 'application/json; charset=utf-8', body: asJson(batches) };
  },
});

/** `upcoming` stands before the routes of an id: it is none. */
export const invoiceUsageRoutes: Route[] = [upcoming, events];
