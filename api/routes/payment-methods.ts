import type { z } from 'zod';
import { listOf, mergeMetadata, metadataFits, pathId } from '../../src/contract/common.ts';
import {
  paymentMethodAttach,
  paymentMethodOut,
  paymentMethodUpdate,
  presentPaymentMethod,
} from '../../src/contract/payment-methods.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import type { Customer, PaymentMethod } from '../../src/domain/customer.ts';
import { DomainError, isDomainError } from '../../src/domain/errors.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { findDefaultMethod } from '../../src/persistence/find.ts';
import {
  findCustomerByReference,
  findPaymentMethodById,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { onPaymentMethodChanged } from '../../src/persistence/invoice-writes.ts';
import {
  attachedMethods,
  hasLiveSubscription,
  insertPaymentMethod,
  isBeingCharged,
  updatePaymentMethod,
} from '../../src/persistence/save-customers.ts';
import { tell, type Write } from '../../src/persistence/write.ts';
import { newId } from '../../src/platform/ids.ts';
import type { ApiDeps, AttachedMethod } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';
import { writeFor } from '../write.ts';
import { lockLive } from './customers.ts';

const attach = route({
  method: 'post',
  path: '/v1/customers/{id}/payment_methods',
  operationId: 'attachPaymentMethod',
  summary: 'Attach a payment method',
  description:
    'Stores at the gateway what its page gave the customer. The first method becomes the default. Open invoices that wait for a method are charged at once.',
  tag: 'Payment methods',
  auth: 'tenant',
  scope: 'customers:write',
  params: pathId,
  body: paymentMethodAttach,
  response: { status: 201, description: 'The payment method.', schema: paymentMethodOut },
  errors: ['not_found', 'customer_deleted', 'gateway_refused', 'gateway_unavailable'],
  kind: 'write',
  async prepare({ deps, tenantId, params, body }) {
    await deps.database.withTenant(tenantId, (tx) => lockLive(tx, params.id));
    const answer = await askGateway(deps, body);
    if (answer.kind === 'attached') return answer;
    throw new DomainError('gateway_refused', answer.message, {
      errors: [{ path: 'token', code: answer.code, message: answer.message }],
    });
  },
  async handler(tx, call, attached) {
    const customer = await lockLive(tx, call.params.id);
    const write = await writeFor(tx, call, customer);
    const former = await findDefaultMethod(tx, customer.id);
    const isDefault = call.body.default === true || former === null;
    if (isDefault && former)
      await save(write, 'payment_method.updated', { ...former, isDefault: false }, former);
    const method = await insertPaymentMethod(tx, {
      id: newId('pm'),
      tenantId: call.tenantId,
      customerId: customer.id,
      gateway: call.body.gateway,
      gatewayRef: attached.methodRef,
      brand: attached.brand,
      last4: attached.last4,
      expMonth: attached.expMonth,
      expYear: attached.expYear,
      isDefault,
      metadata: call.body.metadata ?? {},
      detachedAt: null,
      createdAt: write.at,
      updatedAt: write.at,
    });
    await announce(write, 'payment_method.attached', method);
    if (isDefault) await onPaymentMethodChanged(write, customer.id);
    return presentPaymentMethod(method);
  },
});

const list = route({
  method: 'get',
  path: '/v1/customers/{id}/payment_methods',
  operationId: 'listPaymentMethods',
  summary: "List a customer's payment methods",
  description: 'Those that are attached, newest first, all on one page.',
  tag: 'Payment methods',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The payment methods.', schema: listOf(paymentMethodOut) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    const customer = found(await findCustomerByReference(tx, params.id), 'customer');
    const methods = await attachedMethods(tx, customer.id);
    return {
      object: 'list' as const,
      data: methods.map(presentPaymentMethod),
      has_more: false,
      next_cursor: null,
    };
  },
});

const get = route({
  method: 'get',
  path: '/v1/payment_methods/{id}',
  operationId: 'getPaymentMethod',
  summary: 'Get a payment method',
  tag: 'Payment methods',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The payment method, also when it is detached.', schema: paymentMethodOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentPaymentMethod(found(await findPaymentMethodById(tx, params.id), 'payment method'));
  },
});

const update = route({
  method: 'patch',
  path: '/v1/payment_methods/{id}',
  operationId: 'updatePaymentMethod',
  summary: 'Change a payment method, or make it the default',
  description: 'A new default is charged at once for open invoices that wait for one.',
  tag: 'Payment methods',
  auth: 'tenant',
  scope: 'customers:write',
  params: pathId,
  body: paymentMethodUpdate,
  response: { description: 'The payment method.', schema: paymentMethodOut },
  errors: ['not_found', 'payment_method_not_allowed'],
  kind: 'write',
  async handler(tx, call) {
    const { customer, method: before } = await lockAttached(tx, call.params.id);
    const write = await writeFor(tx, call, customer);
    const metadata = mergeMetadata(before.metadata, call.body.metadata);
    if (!metadataFits(metadata)) {
      throw invalid([
        {
          path: 'metadata',
          code: 'too_many_keys',
          message: 'With these, it has more than 50 keys; remove some.',
        },
      ]);
    }
    const becomesDefault = call.body.default === true && !before.isDefault;
    const former = becomesDefault ? await findDefaultMethod(tx, customer.id) : null;
    if (former) await save(write, 'payment_method.updated', { ...former, isDefault: false }, former);
    const method = await save(
      write,
      'payment_method.updated',
      { ...before, metadata, isDefault: before.isDefault || becomesDefault },
      before,
    );
    if (becomesDefault) await onPaymentMethodChanged(write, customer.id);
    return presentPaymentMethod(method);
  },
});

const detach = route({
  method: 'post',
  path: '/v1/payment_methods/{id}/detach',
  operationId: 'detachPaymentMethod',
  summary: 'Detach a payment method',
  description:
    'It is never charged again. The default method of a customer whose subscriptions are charged cannot be detached: make another one the default first.',
  tag: 'Payment methods',
  auth: 'tenant',
  scope: 'customers:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The payment method.', schema: paymentMethodOut },
  errors: ['not_found', 'payment_method_in_use', 'payment_method_not_allowed'],
  kind: 'write',
  async handler(tx, call) {
    const { customer, method: before } = await lockAttached(tx, call.params.id);
    if (before.isDefault && (await hasLiveSubscription(tx, customer.id, true))) {
      throw new DomainError(
        'payment_method_in_use',
        "The customer's subscriptions are charged to this method. Make another one the default first.",
      );
    }
    if (await isBeingCharged(tx, before.id)) {
      throw new DomainError(
        'payment_method_in_use',
        'A charge with this method has no outcome yet. Wait for it, then try again.',
      );
    }
    const write = await writeFor(tx, call, customer);
    return presentPaymentMethod(
      await save(
        write,
        'payment_method.detached',
        { ...before, isDefault: false, detachedAt: write.at },
        before,
      ),
    );
  },
});

export const paymentMethodRoutes: Route[] = [attach, list, get, update, detach];

async function askGateway(
  deps: ApiDeps,
  { gateway, token }: { gateway: string; token: string },
): Promise<AttachedMethod> {
  try {
    return await deps.gateways.attachMethod(gateway, token);
  } catch (error) {
    if (!isDomainError(error) || !Array.isArray(error.details['configured'])) throw error;
    throw invalid([
      {
        path: 'gateway',
        code: 'unknown_gateway',
        message: `There is no such gateway here; use ${error.details['configured'].join(', ')}.`,
      },
    ]);
  }
}

/** The method and its customer, whose lock keeps two requests from both naming a default. */
async function lockAttached(tx: Tx, id: string): Promise<{ customer: Customer; method: PaymentMethod }> {
  const { customerId } = found(await findPaymentMethodById(tx, id), 'payment method');
  const customer = found(await findCustomerByReference(tx, customerId, { lock: true }), 'customer');
  const method = found(await findPaymentMethodById(tx, id), 'payment method');
  if (method.detachedAt)
    throw new DomainError('payment_method_not_allowed', 'This payment method is detached; attach it anew.');
  return { customer, method };
}

type MethodEvent = 'payment_method.attached' | 'payment_method.updated' | 'payment_method.detached';

async function save(
  write: Write,
  type: MethodEvent,
  changed: PaymentMethod,
  before: PaymentMethod,
): Promise<PaymentMethod> {
  const method = await updatePaymentMethod(write.tx, { ...changed, updatedAt: write.at });
  await announce(write, type, method, before);
  return method;
}

async function announce(
  write: Write,
  type: MethodEvent,
  method: PaymentMethod,
  before?: PaymentMethod,
): Promise<z.infer<typeof paymentMethodOut>> {
  const object = presentPaymentMethod(method);
  await tell(write, type, {
    objectType: 'payment_method',
    objectId: method.id,
    customerId: method.customerId,
    subscriptionId: null,
    invoiceId: null,
    object,
    previous: before ? presentPaymentMethod(before) : null,
  });
  return object;
}
