import { z } from 'zod';
import { pathId } from '../../src/contract/common.ts';
import {
  entitlementOut,
  entitlementPath,
  entitlementQuery,
  entitlementsOut,
  overridePut,
  presentEntitlement,
  subscriptionOnly,
} from '../../src/contract/entitlements.ts';
import type { Customer } from '../../src/domain/customer.ts';
import type { Feature } from '../../src/domain/feature.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { entitlementNamed, entitlementsOf, featuresOf } from '../../src/persistence/entitlements.ts';
import { deleteOverride, findFeatureByReference, putOverride } from '../../src/persistence/features.ts';
import {
  findCustomerByReference,
  findSubscriptionByReference,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { limitOf, problemsOfLimit } from '../keep-feature.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const list = route({
  method: 'get',
  path: '/v1/customers/{id}/entitlements',
  operationId: 'listEntitlements',
  summary: "A customer's entitlements",
  description: 'Every feature that a subscription gives the customer, or that was set for him.',
  tag: 'Entitlements',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject({ subscription: subscriptionOnly }),
  response: { description: 'One entry for each feature.', schema: entitlementsOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params, query }) {
    const customer = found(await findCustomerByReference(tx, params.id), 'customer');
    const [features, subscription] = await Promise.all([
      featuresOf(tx, customer.id),
      subscriptionOf(tx, customer, query.subscription),
    ]);
    const facts = await entitlementsOf(tx, customer.id, features, subscription);
    return { object: 'list' as const, data: facts.map((fact) => presentEntitlement(fact, null)) };
  },
});

const get = route({
  method: 'get',
  path: '/v1/customers/{id}/entitlements/{feature}',
  operationId: 'getEntitlement',
  summary: 'May the customer do that?',
  description: `Exact at the moment of the question: what was acknowledged before is counted.

Subscriptions that are trialing, active or past due give what their plans and add-ons say; what several give adds up. Their use is counted together, in the period of the oldest one.`,
  tag: 'Entitlements',
  auth: 'tenant',
  params: entitlementPath,
  query: entitlementQuery,
  response: { description: 'The answer, with everything it follows from.', schema: entitlementOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params, query }) {
    const { id: customer, feature } = params;
    const subscription = query.subscription ?? null;
    const facts = await entitlementNamed(tx, { customer, feature, subscription });
    if (!('missing' in facts)) return presentEntitlement(facts, query.quantity ?? null);
    if (facts.missing === 'subscription') throw noSubscription();
    return found<never>(null, facts.missing);
  },
});

const put = route({
  method: 'put',
  path: '/v1/customers/{id}/entitlements/{feature}',
  operationId: 'overrideEntitlement',
  summary: 'Give one customer more, less or nothing',
  description: 'Takes the place of everything that plans give of the feature, and of what was set before.',
  tag: 'Entitlements',
  auth: 'tenant',
  scope: 'customers:write',
  params: entitlementPath,
  body: overridePut,
  response: { description: 'What the customer has now.', schema: entitlementOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { tenantId, params, body }) {
    const { customer, feature } = await named(tx, params, { lock: true });
    const problems = problemsOfLimit(feature, {
      limit: body.limit ?? (body.enabled ? body.limit : null),
      soft: body.soft,
    });
    if (problems.length > 0) throw invalid(problems);
    const now = await databaseNow(tx);
    await putOverride(tx, {
      customerId: customer.id,
      featureId: feature.id,
      tenantId,
      enabled: body.enabled,
      limitQuantity: limitOf(body.limit),
      soft: body.soft,
      expiresAt: body.expires_at === null ? null : new Date(body.expires_at),
      createdAt: now,
      updatedAt: now,
    });
    return entitlementOf(tx, customer, feature);
  },
});

const remove = route({
  method: 'delete',
  path: '/v1/customers/{id}/entitlements/{feature}',
  operationId: 'restoreEntitlement',
  summary: 'Give a customer what plans give again',
  tag: 'Entitlements',
  auth: 'tenant',
  scope: 'customers:write',
  params: entitlementPath,
  response: { description: 'What the customer has now.', schema: entitlementOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { params }) {
    const { customer, feature } = await named(tx, params, { lock: true });
    const wasThere = await deleteOverride(tx, customer.id, feature.id);
    found(wasThere || null, 'override of this feature');
    return entitlementOf(tx, customer, feature);
  },
});

export const entitlementRoutes: Route[] = [list, get, put, remove];

async function entitlementOf(tx: Tx, customer: Customer, feature: Feature) {
  const [fact] = await entitlementsOf(tx, customer.id, [feature]);
  return presentEntitlement(found(fact ?? null, 'customer'), null);
}

async function named(
  tx: Tx,
  params: z.output<typeof entitlementPath>,
  options: { lock: boolean },
): Promise<{ customer: Customer; feature: Feature }> {
  const [customer, feature] = await Promise.all([
    findCustomerByReference(tx, params.id, options),
    findFeatureByReference(tx, params.feature),
  ]);
  return { customer: found(customer, 'customer'), feature: found(feature, 'feature') };
}

async function subscriptionOf(
  tx: Tx,
  customer: Customer,
  reference: string | undefined,
): Promise<string | null> {
  if (reference === undefined) return null;
  const subscription = await findSubscriptionByReference(tx, reference);
  if (subscription?.customerId === customer.id) return subscription.id;
  throw noSubscription();
}

function noSubscription() {
  const message = 'This customer has no such subscription; look whether the id is right.';
  return invalid([{ path: 'subscription', code: 'not_found', message }]);
}
