import { z } from 'zod';
import {
  deletedOf,
  listOf,
  listQuery,
  mergeMetadata,
  metadataFits,
  pathId,
} from '../../src/contract/common.ts';
import {
  customerCreate,
  customerOut,
  customerUpdate,
  presentCustomer,
} from '../../src/contract/customers.ts';
import type { Customer } from '../../src/domain/customer.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { CustomerSchema } from '../../src/persistence/customers.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findCustomerByReference, found } from '../../src/persistence/find-by-reference.ts';
import {
  findTestClock,
  hasLiveSubscription,
  insertCustomer,
  updateCustomer,
} from '../../src/persistence/save-customers.ts';
import { tell } from '../../src/persistence/write.ts';
import { newId } from '../../src/platform/ids.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Call, type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';
import { timeFor, writeFor } from '../write.ts';

const create = route({
  method: 'post',
  path: '/v1/customers',
  operationId: 'createCustomer',
  summary: 'Create a customer',
  tag: 'Customers',
  auth: 'tenant',
  scope: 'customers:write',
  body: customerCreate,
  response: { status: 201, description: 'The customer.', schema: customerOut },
  errors: ['external_id_taken', 'test_mode_only'],
  kind: 'write',
  async handler(tx, call) {
    const { body } = call;
    const testClockId = body.test_clock === undefined ? null : await usableClock(tx, call, body.test_clock);
    const write = await writeFor(tx, call, { testClockId });
    const customer = await insertCustomer(tx, {
      id: newId('cus'),
      tenantId: call.tenantId,
      externalId: body.external_id ?? null,
      name: body.name,
      email: body.email ?? null,
      timeZone: body.time_zone ?? null,
      currency: body.currency ?? null,
      testClockId,
      metadata: body.metadata ?? {},
      deletedAt: null,
      createdAt: write.at,
      updatedAt: write.at,
    });
    return announce(write, 'customer.created', customer);
  },
});

const list = route({
  method: 'get',
  path: '/v1/customers',
  operationId: 'listCustomers',
  summary: 'List customers',
  description: 'Newest first, without those that are deleted.',
  tag: 'Customers',
  auth: 'tenant',
  query: z.strictObject({
    ...listQuery,
    email: z.string().max(320).optional(),
    test_clock: z.string().max(100).optional(),
  }),
  response: { description: 'A page of customers.', schema: listOf(customerOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = {
      tenantId,
      deletedAt: null,
      ...(query.email === undefined ? {} : { email: query.email }),
      ...(query.test_clock === undefined ? {} : { testClockId: query.test_clock }),
    };
    return presentList(await listRows(tx, CustomerSchema, filters, pageOf(query)), presentCustomer);
  },
});

const get = route({
  method: 'get',
  path: '/v1/customers/{id}',
  operationId: 'getCustomer',
  summary: 'Get a customer',
  tag: 'Customers',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The customer, also when it is deleted.', schema: customerOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentCustomer(found(await findCustomerByReference(tx, params.id), 'customer'));
  },
});

const update = route({
  method: 'patch',
  path: '/v1/customers/{id}',
  operationId: 'updateCustomer',
  summary: 'Change a customer',
  description:
    'Fields that are not named stay. Running subscriptions keep the time zone and currency they began with.',
  tag: 'Customers',
  auth: 'tenant',
  scope: 'customers:write',
  params: pathId,
  body: customerUpdate,
  response: { description: 'The customer.', schema: customerOut },
  errors: ['not_found', 'customer_deleted', 'external_id_taken'],
  kind: 'write',
  async handler(tx, call) {
    const before = await lockLive(tx, call.params.id);
    const write = await writeFor(tx, call, before);
    const customer = await updateCustomer(tx, { ...changed(before, call.body), updatedAt: write.at });
    return announce(write, 'customer.updated', customer, before);
  },
});

const remove = route({
  method: 'delete',
  path: '/v1/customers/{id}',
  operationId: 'deleteCustomer',
  summary: 'Delete a customer',
  description: 'Only without live subscriptions. Invoices and payments stay; the external id becomes free.',
  tag: 'Customers',
  auth: 'tenant',
  scope: 'customers:write',
  params: pathId,
  response: { description: 'What was deleted.', schema: deletedOf('customer', 'cus') },
  errors: ['not_found', 'customer_deleted', 'customer_has_subscriptions'],
  kind: 'write',
  async handler(tx, call) {
    const before = await lockLive(tx, call.params.id);
    if (await hasLiveSubscription(tx, before.id)) {
      throw new DomainError('customer_has_subscriptions', 'Cancel the subscriptions of this customer first.');
    }
    const write = await writeFor(tx, call, before);
    const customer = await updateCustomer(tx, { ...before, deletedAt: write.at, updatedAt: write.at });
    await announce(write, 'customer.deleted', customer);
    return { object: 'customer' as const, id: customer.id, deleted: true as const };
  },
});

export const customerRoutes: Route[] = [create, list, get, update, remove];

/** The customer, locked. Throws `not_found`, `customer_deleted`. */
export async function lockLive(tx: Tx, reference: string): Promise<Customer> {
  const customer = found(await findCustomerByReference(tx, reference, { lock: true }), 'customer');
  if (customer.deletedAt)
    throw new DomainError('customer_deleted', 'This customer is deleted; create another one.');
  return customer;
}

async function announce(
  write: Awaited<ReturnType<typeof writeFor>>,
  type: 'customer.created' | 'customer.updated' | 'customer.deleted',
  customer: Customer,
  before?: Customer,
): Promise<z.infer<typeof customerOut>> {
  const object = presentCustomer(customer);
  await tell(write, type, {
    objectType: 'customer',
    objectId: customer.id,
    customerId: customer.id,
    subscriptionId: null,
    invoiceId: null,
    object,
    previous: before ? presentCustomer(before) : null,
  });
  return object;
}

function changed(before: Customer, body: z.output<typeof customerUpdate>): Customer {
  const metadata = mergeMetadata(before.metadata, body.metadata);
  if (!metadataFits(metadata)) {
    throw invalid([
      {
        path: 'metadata',
        code: 'too_many_keys',
        message: 'With these, the customer has more than 50 keys; remove some.',
      },
    ]);
  }
  return {
    ...before,
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.external_id === undefined ? {} : { externalId: body.external_id }),
    ...(body.email === undefined ? {} : { email: body.email }),
    ...(body.time_zone === undefined ? {} : { timeZone: body.time_zone }),
    ...(body.currency === undefined ? {} : { currency: body.currency }),
    metadata,
  };
}

/** A clock that a new customer can be attached to. */
async function usableClock(tx: Tx, call: Call, id: string): Promise<string> {
  if (call.mode !== 'test')
    throw new DomainError('test_mode_only', 'Test clocks exist in test mode only; leave test_clock out.');
  const clock = await findTestClock(tx, id);
  if (!clock || clock.status === 'deleted') {
    throw invalid([
      { path: 'test_clock', code: 'not_found', message: 'There is no such test clock; create one first.' },
    ]);
  }
  await timeFor(tx, { testClockId: id });
  return id;
}
