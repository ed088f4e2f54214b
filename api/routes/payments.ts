import { z } from 'zod';
import { idIn, listOf, listQuery, pathId, reference } from '../../src/contract/common.ts';
import { paymentOut, presentAttempt, presentManualPayment } from '../../src/contract/payments.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import {
  findCustomerByReference,
  findSubscriptionByReference,
  found,
} from '../../src/persistence/find-by-reference.ts';
import {
  type Collected,
  findCollected,
  listCollected,
  type PaymentFilters,
} from '../../src/persistence/list-payments.ts';
import { cursorOf, pageOf } from '../list.ts';
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
    const filters = await filtersOf(tx, query);
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

type Filters = {
  customer?: string | undefined;
  subscription?: string | undefined;
  invoice?: string | undefined;
};

async function filtersOf(tx: Tx, query: Filters): Promise<PaymentFilters | null> {
  const customer =
    query.customer === undefined ? undefined : await findCustomerByReference(tx, query.customer);
  const subscription =
    query.subscription === undefined ? undefined : await findSubscriptionByReference(tx, query.subscription);
  if (customer === null || subscription === null) return null;
  return {
    ...(customer ? { customerId: customer.id } : {}),
    ...(subscription ? { subscriptionId: subscription.id } : {}),
    ...(query.invoice ? { invoiceId: query.invoice } : {}),
  };
}
