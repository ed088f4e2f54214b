import { z } from 'zod';
import {
  alertCreate,
  alertFiringOut,
  alertOut,
  alertUpdate,
  presentAlert,
  presentFiring,
} from '../../src/contract/alerts.ts';
import {
  listOf,
  listQuery,
  mergeMetadata,
  metadataFits,
  pathId,
  reference,
} from '../../src/contract/common.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import type { Alert } from '../../src/domain/alert.ts';
import {
  AlertFiringSchema,
  AlertSchema,
  findAlert,
  insertAlert,
  updateAlert,
} from '../../src/persistence/alerts.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import {
  findCustomerByReference,
  findSubscriptionByReference,
  found,
} from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { newId } from '../../src/platform/ids.ts';
import { meterToCount } from '../keep-feature.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const create = route({
  method: 'post',
  path: '/v1/alerts',
  operationId: 'createAlert',
  summary: 'Create an alert',
  description: `Sends \`alert.triggered\` within seconds when use, or its cost, comes to a threshold, once per threshold and period, and \`alert.resolved\` when a correction takes it back or the period is over.

One of a customer or a subscription looks at once at what was used already; one of all customers looks at each when he uses something next.`,
  tag: 'Alerts',
  auth: 'tenant',
  scope: 'catalog:write',
  body: alertCreate,
  response: { status: 201, description: 'The alert.', schema: alertOut },
  kind: 'write',
  async handler(tx, { tenantId, body }) {
    const now = await databaseNow(tx);
    const alert = await insertAlert(tx, {
      id: newId('alrt'),
      tenantId,
      name: body.name,
      kind: body.kind,
      meterId: body.meter === undefined ? null : await meterToCount(tx, body.meter),
      ...(await subjectOf(tx, body)),
      reset: body.reset ?? 'billing_period',
      currency: body.currency ?? null,
      thresholds: body.thresholds,
      archivedAt: null,
      metadata: body.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    });
    return presentAlert(alert);
  },
});

const list = route({
  method: 'get',
  path: '/v1/alerts',
  operationId: 'listAlerts',
  summary: 'List alerts',
  tag: 'Alerts',
  auth: 'tenant',
  query: z.strictObject({
    ...listQuery,
    customer: reference('cus', 'customer').optional(),
    archived: z.enum(['true', 'false']).default('false'),
  }),
  response: { description: 'A page of alerts, newest first.', schema: listOf(alertOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = {
      tenantId,
      archivedAt: query.archived === 'true' ? { $ne: null } : null,
      ...(await customerFilter(tx, query.customer)),
    };
    return presentList(await listRows(tx, AlertSchema, filters, pageOf(query)), presentAlert);
  },
});

const get = route({
  method: 'get',
  path: '/v1/alerts/{id}',
  operationId: 'getAlert',
  summary: 'Get an alert',
  tag: 'Alerts',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The alert.', schema: alertOut },
  errors: ['not_found'],
  kind: 'read',
  handler: async (tx, { params }) => presentAlert(found(await findAlert(tx, params.id), 'alert')),
});

const update = route({
  method: 'patch',
  path: '/v1/alerts/{id}',
  operationId: 'updateAlert',
  summary: 'Change an alert',
  description: 'What it looks at stays. A threshold that was told in a period is not told again in it.',
  tag: 'Alerts',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: alertUpdate,
  response: { description: 'The alert.', schema: alertOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { params, body }) {
    const before = found(await findAlert(tx, params.id, { lock: true }), 'alert');
    const metadata = mergeMetadata(before.metadata, body.metadata);
    if (!metadataFits(metadata)) {
      const message = 'With these, the alert has more than 50 keys; remove some.';
      throw invalid([{ path: 'metadata', code: 'too_many_keys', message }]);
    }
    const alert = await updateAlert(tx, {
      ...before,
      name: body.name ?? before.name,
      thresholds: body.thresholds ?? before.thresholds,
      metadata,
      updatedAt: await databaseNow(tx),
    });
    return presentAlert(alert);
  },
});

const archive = route({
  method: 'post',
  path: '/v1/alerts/{id}/archive',
  operationId: 'archiveAlert',
  summary: 'Archive an alert',
  description: 'Nothing triggers it any more. What it said of a period is resolved when that is over.',
  tag: 'Alerts',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The alert.', schema: alertOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { params }) {
    const before = found(await findAlert(tx, params.id, { lock: true }), 'alert');
    if (before.archivedAt) return presentAlert(before);
    const now = await databaseNow(tx);
    return presentAlert(await updateAlert(tx, { ...before, archivedAt: now, updatedAt: now }));
  },
});

const firings = route({
  method: 'get',
  path: '/v1/alerts/{id}/firings',
  operationId: 'listAlertFirings',
  summary: 'What an alert has said',
  tag: 'Alerts',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject({
    ...listQuery,
    customer: reference('cus', 'customer').optional(),
    resolved: z.enum(['true', 'false']).optional(),
  }),
  response: { description: 'A page of firings, newest first.', schema: listOf(alertFiringOut) },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params, query }) {
    const alert = found(await findAlert(tx, params.id), 'alert');
    const filters = {
      alertId: alert.id,
      ...(query.resolved === undefined
        ? {}
        : { resolvedAt: query.resolved === 'true' ? { $ne: null } : null }),
      ...(await customerFilter(tx, query.customer)),
    };
    const page = await listRows(tx, AlertFiringSchema, filters, pageOf(query));
    return presentList(page, (firing) => presentFiring(alert, firing));
  },
});

export const alertRoutes: Route[] = [create, list, get, update, archive, firings];

type Subject = Pick<Alert, 'customerId' | 'subscriptionId'>;

async function subjectOf(tx: Tx, body: z.output<typeof alertCreate>): Promise<Subject> {
  const missing = (path: string) =>
    invalid([
      { path, code: 'not_found', message: `There is no such ${path}; look whether the id is right.` },
    ]);
  if (body.subscription !== undefined) {
    const subscription = await findSubscriptionByReference(tx, body.subscription);
    if (!subscription) throw missing('subscription');
    return { customerId: subscription.customerId, subscriptionId: subscription.id };
  }
  if (body.customer === undefined) return { customerId: null, subscriptionId: null };
  const customer = await findCustomerByReference(tx, body.customer);
  if (!customer) throw missing('customer');
  return { customerId: customer.id, subscriptionId: null };
}

/** Nobody's id finds nothing. */
async function customerFilter(tx: Tx, reference: string | undefined): Promise<{ customerId?: string }> {
  if (reference === undefined) return {};
  return { customerId: (await findCustomerByReference(tx, reference))?.id ?? '' };
}
