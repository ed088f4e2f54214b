import { z } from 'zod';
import { idIn, listOf, listQuery, pathId, reference } from '../../src/contract/common.ts';
import { paymentOut, presentAttempt, presentManualPayment } from '../../src/contract/payments.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { type Collected, findCollected, listCollected } from '../../src/persistence/list-payments.ts';
import { cursorOf, pageOf } from '../list.ts';
import { namedRows } from '../named-rows.ts';
import { type Route, route } from '../route.ts';

const list = route({
  method: 'get',
  path: '/v1/payments',
  operationId: 'listPayments',
  summary: 'List payments',
  description:
    'Every try to charge, whatever became of it, and every payment received outside a gateway. Newest first.',
  tag: 'Payments',
  auth: 'tenant',
  query: z.strictObject({
    ...listQuery,
    customer: reference('cus', 'customer').optional(),
    subscription: reference('sub', 'subscription').optional(),
    invoice: idIn('inv', 'invoice').optional(),
  }),
  response: { description: 'A page of payments.', schema: listOf(paymentOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const rows = await namedRows(tx, query);
    const filters = rows && { ...rows, ...(query.invoice ? { invoiceId: query.invoice } : {}) };
    const page = filters
      ? await listCollected(tx, tenantId, filters, pageOf(query))
      : { rows: [], lastId: null, hasMore: false };
    return {
      object: 'list' as const,
      data: page.rows.map(present),
      has_more: page.hasMore,
      next_cursor: page.hasMore && page.lastId ? cursorOf(page.lastId) : null,
    };
  },
});

const get = route({
  method: 'get',
  path: '/v1/payments/{id}',
  operationId: 'getPayment',
  summary: 'Get a payment',
  tag: 'Payments',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The payment.', schema: paymentOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return present(found(await findCollected(tx, params.id), 'payment'));
  },
});

export const paymentRoutes: Route[] = [list, get];

function present(collected: Collected): z.infer<typeof paymentOut> {
  return collected.kind === 'attempt'
    ? presentAttempt(collected.attempt)
    : presentManualPayment(collected.payment, collected.invoiceId);
}
