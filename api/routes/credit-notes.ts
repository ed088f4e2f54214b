import { z } from 'zod';
import { idIn, listOf, listQuery, pathId, reference } from '../../src/contract/common.ts';
import { creditNoteOut, presentCreditNote } from '../../src/contract/credit-notes.ts';
import { isId } from '../../src/domain/ids.ts';
import { CreditNoteSchema, creditNoteLinesOf } from '../../src/persistence/credit-notes.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import {
  findCustomerByReference,
  findSubscriptionByReference,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { findRow } from '../../src/persistence/rows.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';

const list = route({
  method: 'get',
  path: '/v1/credit_notes',
  operationId: 'listCreditNotes',
  summary: 'List credit notes',
  tag: 'Invoices',
  auth: 'tenant',
  query: z.strictObject({
    ...listQuery,
    invoice: idIn('inv', 'invoice').optional(),
    customer: reference('cus', 'customer').optional(),
    subscription: reference('sub', 'subscription').optional(),
  }),
  response: { description: 'A page of credit notes, newest first.', schema: listOf(creditNoteOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = await filtersOf(tx, query);
    const page = filters
      ? await listRows(tx, CreditNoteSchema, { tenantId, ...filters }, pageOf(query))
      : { rows: [], hasMore: false };
    const lines = await creditNoteLinesOf(
      tx,
      page.rows.map((note) => note.id),
    );
    return presentList(page, (note) =>
      presentCreditNote(
        note,
        lines.filter(({ creditNoteId }) => creditNoteId === note.id),
      ),
    );
  },
});

const get = route({
  method: 'get',
  path: '/v1/credit_notes/{id}',
  operationId: 'getCreditNote',
  summary: 'Get a credit note',
  tag: 'Invoices',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The credit note.', schema: creditNoteOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    const { id } = params;
    const note = found(isId('cn', id) ? await findRow(tx, CreditNoteSchema, { id }) : null, 'credit note');
    return presentCreditNote(note, await creditNoteLinesOf(tx, [note.id]));
  },
});

export const creditNoteRoutes: Route[] = [list, get];

type Filters = {
  invoice?: string | undefined;
  customer?: string | undefined;
  subscription?: string | undefined;
};

/** The filters in the words of the table; null when they name something that does not exist. */
async function filtersOf(tx: Tx, query: Filters): Promise<Record<string, unknown> | null> {
  const customer =
    query.customer === undefined ? undefined : await findCustomerByReference(tx, query.customer);
  const subscription =
    query.subscription === undefined ? undefined : await findSubscriptionByReference(tx, query.subscription);
  if (customer === null || subscription === null) return null;
  return {
    ...(query.invoice ? { invoiceId: query.invoice } : {}),
    ...(customer ? { customerId: customer.id } : {}),
    ...(subscription ? { subscriptionId: subscription.id } : {}),
  };
}
