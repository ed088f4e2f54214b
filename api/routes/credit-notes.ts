import { z } from 'zod';
import { idIn, listOf, listQuery, pathId, reference } from '../../src/contract/common.ts';
import { creditNoteOut, presentCreditNote } from '../../src/contract/credit-notes.ts';
import { isId } from '../../src/domain/ids.ts';
import { CreditNoteSchema, creditNoteLinesOf } from '../../src/persistence/credit-notes.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { findRow } from '../../src/persistence/rows.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { namedRows } from '../named-rows.ts';
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
    const rows = await namedRows(tx, query);
    const filters = rows && { ...rows, ...(query.invoice ? { invoiceId: query.invoice } : {}) };
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
