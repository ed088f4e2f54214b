import { z } from 'zod';
import type { CreateCommand } from '../../src/contract/commands.ts';
import { listOf, listQuery, oneOrMore, pathId, reference } from '../../src/contract/common.ts';
import { subscriptionCreate, subscriptionOut } from '../../src/contract/subscriptions.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { SUBSCRIPTION_STATUSES } from '../../src/domain/subscription.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { newId } from '../../src/platform/ids.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { namedRows } from '../named-rows.ts';
import { resolveCreation } from '../resolve-creation.ts';
import { type Call, type Route, route } from '../route.ts';
import { showSubscription, showSubscriptions } from '../show-subscriptions.ts';

const expand = { 'expand[]': oneOrMore(z.enum(['customer'], 'Only "customer" can be expanded.')) };

const create = route({
  method: 'post',
  path: '/v1/subscriptions',
  operationId: 'createSubscription',
  summary: 'Create a subscription',
  description:
    'Answers when it exists and its first charge, if there is one, was tried. Its status says the rest: `trialing`, `active`, `incomplete`, or `scheduled` for a later start.',
  tag: 'Subscriptions',
  auth: 'tenant',
  scope: 'subscriptions:write',
  body: subscriptionCreate,
  response: { status: 201, description: 'The subscription.', schema: subscriptionOut },
  errors: ['external_id_taken', 'first_payment_failed', 'clock_advancing', 'command_expired', 'engine_busy'],
  kind: 'command',
  async command(tx, { body, tenantId }) {
    const subjectId = newId('sub');
    const { command, requestedAt } = await resolveCreation(tx, body, {
      tenantId,
      subscriptionId: subjectId,
    });
    return {
      workflow: 'subscription',
      subjectId,
      kind: 'create',
      body: command satisfies CreateCommand,
      requestedAt,
    };
  },
  answer: showCreated,
});

const list = route({
  method: 'get',
  path: '/v1/subscriptions',
  operationId: 'listSubscriptions',
  summary: 'List subscriptions',
  description: 'Newest first, ended ones included.',
  tag: 'Subscriptions',
  auth: 'tenant',
  query: z.strictObject({
    ...listQuery,
    status: oneOrMore(z.enum(SUBSCRIPTION_STATUSES)),
    customer: reference('cus', 'customer').optional(),
    plan: reference('plan', 'plan').optional(),
    ...expand,
  }),
  response: { description: 'A page of subscriptions.', schema: listOf(subscriptionOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const rows = await namedRows(tx, query);
    const filters = rows && { ...rows, ...(query.status ? { status: { $in: query.status } } : {}) };
    if (!filters) return presentList({ rows: [], hasMore: false }, (none) => none);
    const page = await listRows(tx, SubscriptionSchema, { tenantId, ...filters }, pageOf(query));
    return {
      ...presentList(page, () => null),
      data: await showSubscriptions(tx, page.rows, query['expand[]']),
    };
  },
});

const get = route({
  method: 'get',
  path: '/v1/subscriptions/{id}',
  operationId: 'getSubscription',
  summary: 'Get a subscription',
  tag: 'Subscriptions',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject(expand),
  response: { description: 'The subscription.', schema: subscriptionOut },
  errors: ['not_found'],
  kind: 'read',
  handler: (tx, { params, query }) => showSubscription(tx, params.id, query['expand[]']),
});

export const subscriptionRoutes: Route[] = [create, list, get];

/** With `error_if_incomplete` a declined first payment leaves nothing to go on with: the subscription ended at once. */
async function showCreated(tx: Tx, _call: Call, id: string): Promise<z.infer<typeof subscriptionOut>> {
  const shown = await showSubscription(tx, id);
  if (shown.payment_behavior === 'error_if_incomplete' && shown.status === 'expired') {
    throw new DomainError(
      'first_payment_failed',
      'The first payment failed, so the subscription did not begin. Try again with another payment method.',
      {
        subscription: id,
        invoice: shown.latest_invoice,
      },
    );
  }
  return shown;
}
