import { z } from 'zod';
import {
  balanceEntryOut,
  customerBalanceOut,
  presentBalance,
  presentBalanceEntry,
} from '../../src/contract/balances.ts';
import { listOf, listQuery, pathId } from '../../src/contract/common.ts';
import { BalanceEntrySchema, balancesOf } from '../../src/persistence/balances.ts';
import { findCustomerByReference, found } from '../../src/persistence/find-by-reference.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';

const get = route({
  method: 'get',
  path: '/v1/customers/{id}/balance',
  operationId: 'getCustomerBalance',
  summary: "Get a customer's balance",
  tag: 'Customers',
  auth: 'tenant',
  params: pathId,
  response: { description: 'What the customer has to his credit.', schema: customerBalanceOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    const { id } = found(await findCustomerByReference(tx, params.id), 'customer');
    return presentBalance(id, await balancesOf(tx, id));
  },
});

const entries = route({
  method: 'get',
  path: '/v1/customers/{id}/balance/entries',
  operationId: 'listBalanceEntries',
  summary: "List what moved a customer's balance",
  tag: 'Customers',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject(listQuery),
  response: { description: 'A page of entries, newest first.', schema: listOf(balanceEntryOut) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { tenantId, params, query }) {
    const { id } = found(await findCustomerByReference(tx, params.id), 'customer');
    const page = await listRows(tx, BalanceEntrySchema, { tenantId, customerId: id }, pageOf(query));
    return presentList(page, presentBalanceEntry);
  },
});

export const balanceRoutes: Route[] = [get, entries];
