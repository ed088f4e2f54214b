import { z } from 'zod';
import { listOf, listQuery, oneOrMore, pathId } from '../../src/contract/common.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import {
  DELIVERY_STATUSES,
  deliveryOut,
  deliveryWithAttemptsOut,
  presentDelivery,
  presentDeliveryWithAttempts,
} from '../../src/contract/webhooks.ts';
import { attemptsOf, findDelivery } from '../../src/persistence/deliveries.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { WebhookDeliverySchema } from '../../src/persistence/webhooks.ts';
import { resendDelivery } from '../change-webhook-endpoint.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';

const described = { tag: 'Webhooks', auth: 'tenant' } as const;

const list = route({
  ...described,
  method: 'get',
  path: '/v1/deliveries',
  operationId: 'listDeliveries',
  summary: 'List deliveries',
  query: z.strictObject({
    ...listQuery,
    endpoint: z.string().max(100).optional(),
    event: z.string().max(100).optional(),
    status: oneOrMore(z.enum(DELIVERY_STATUSES)),
  }),
  response: { description: 'A page of deliveries.', schema: listOf(deliveryOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = {
      tenantId,
      ...(query.endpoint === undefined ? {} : { endpointId: query.endpoint }),
      ...(query.event === undefined ? {} : { eventId: query.event }),
      ...(query.status === undefined ? {} : { status: { $in: query.status } }),
    };
    return presentList(await listRows(tx, WebhookDeliverySchema, filters, pageOf(query)), presentDelivery);
  },
});

const get = route({
  ...described,
  method: 'get',
  path: '/v1/deliveries/{id}',
  operationId: 'getDelivery',
  summary: 'Get a delivery with its attempts',
  params: pathId,
  response: { description: 'The delivery and everything that was tried.', schema: deliveryWithAttemptsOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    const delivery = found(await findDelivery(tx, params.id), 'delivery');
    return presentDeliveryWithAttempts(delivery, await attemptsOf(tx, delivery.id));
  },
});

const resend = route({
  ...described,
  method: 'post',
  path: '/v1/deliveries/{id}/resend',
  operationId: 'resendDelivery',
  summary: 'Send a delivery again',
  description: 'The same event with the same id, from the beginning of the schedule; also one that arrived.',
  scope: 'webhooks:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The delivery.', schema: deliveryOut },
  errors: ['not_found', 'webhook_endpoint_disabled', 'delivery_not_resendable'],
  kind: 'write',
  async handler(tx, { params }) {
    return presentDelivery(await resendDelivery(tx, params.id, await databaseNow(tx)));
  },
});

export const deliveryRoutes: Route[] = [list, get, resend];
