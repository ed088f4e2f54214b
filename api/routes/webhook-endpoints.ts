import { z } from 'zod';
import { deletedOf, listOf, listQuery, pathId } from '../../src/contract/common.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import {
  deliveryOut,
  ENDPOINT_STATUSES,
  presentDelivery,
  presentWebhookEndpoint,
  webhookEndpointCreate,
  webhookEndpointEnable,
  webhookEndpointOut,
  webhookEndpointRotate,
  webhookEndpointUpdate,
  webhookEndpointWithSecretOut,
} from '../../src/contract/webhooks.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { holdRelay } from '../../src/persistence/relay.ts';
import {
  changeEndpoint,
  deadLetterPending,
  findEndpoint,
  WebhookEndpointSchema,
} from '../../src/persistence/webhooks.ts';
import {
  changedEndpoint,
  createEndpoint,
  disableByHand,
  enableEndpoint,
  lockLiveEndpoint,
  rotateSecret,
  sendTest,
} from '../change-webhook-endpoint.ts';
import { assertUrlAllowed } from '../check-webhook-url.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';

const described = { tag: 'Webhooks', auth: 'tenant' } as const;
const changing = { ...described, scope: 'webhooks:write', errors: ['not_found'] } as const;

const create = route({
  ...described,
  method: 'post',
  path: '/v1/webhook_endpoints',
  operationId: 'createWebhookEndpoint',
  summary: 'Create a webhook endpoint',
  description: 'The answer shows the signing secret, and nothing ever shows it again. At most 16 endpoints.',
  scope: 'webhooks:write',
  body: webhookEndpointCreate,
  response: {
    status: 201,
    description: 'The endpoint with its secret.',
    schema: webhookEndpointWithSecretOut,
  },
  errors: ['webhook_url_not_allowed', 'too_many_endpoints'],
  kind: 'write',
  secretAnswer: true,
  prepare: ({ body, deps }) => assertUrlAllowed(body.url, deps),
  async handler(tx, call) {
    const { endpoint, secret } = await createEndpoint(tx, call, await databaseNow(tx));
    return { ...presentWebhookEndpoint(endpoint), secret };
  },
});

const list = route({
  ...described,
  method: 'get',
  path: '/v1/webhook_endpoints',
  operationId: 'listWebhookEndpoints',
  summary: 'List webhook endpoints',
  query: z.strictObject({ ...listQuery, status: z.enum(ENDPOINT_STATUSES).optional() }),
  response: { description: 'A page of endpoints.', schema: listOf(webhookEndpointOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, deletedAt: null, ...(query.status ? { status: query.status } : {}) };
    return presentList(
      await listRows(tx, WebhookEndpointSchema, filters, pageOf(query)),
      presentWebhookEndpoint,
    );
  },
});

const get = route({
  ...described,
  method: 'get',
  path: '/v1/webhook_endpoints/{id}',
  operationId: 'getWebhookEndpoint',
  summary: 'Get a webhook endpoint',
  params: pathId,
  response: { description: 'The endpoint.', schema: webhookEndpointOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentWebhookEndpoint(found(await findEndpoint(tx, params.id), 'webhook endpoint'));
  },
});

const update = route({
  ...changing,
  method: 'patch',
  path: '/v1/webhook_endpoints/{id}',
  operationId: 'updateWebhookEndpoint',
  summary: 'Change a webhook endpoint',
  description: 'Fields that are not named stay. What is pending goes to the new URL.',
  params: pathId,
  body: webhookEndpointUpdate,
  response: { description: 'The endpoint.', schema: webhookEndpointOut },
  errors: ['not_found', 'webhook_url_not_allowed'],
  kind: 'write',
  prepare: async ({ body, deps }) => {
    if (body.url !== undefined) await assertUrlAllowed(body.url, deps);
  },
  async handler(tx, { params, body }) {
    const endpoint = await lockLiveEndpoint(tx, params.id);
    return presentWebhookEndpoint(await changedEndpoint(tx, endpoint, body, await databaseNow(tx)));
  },
});

const remove = route({
  ...changing,
  method: 'delete',
  path: '/v1/webhook_endpoints/{id}',
  operationId: 'deleteWebhookEndpoint',
  summary: 'Delete a webhook endpoint',
  description: 'What is pending becomes a dead letter. Deliveries and attempts stay readable.',
  params: pathId,
  response: { description: 'What was deleted.', schema: deletedOf('webhook_endpoint', 'we') },
  kind: 'write',
  async handler(tx, { params }) {
    const endpoint = await lockLiveEndpoint(tx, params.id);
    const at = await databaseNow(tx);
    await deadLetterPending(tx, endpoint.id, 'The endpoint was deleted.', at);
    await changeEndpoint(tx, endpoint, { deletedAt: at, updatedAt: at });
    return { object: 'webhook_endpoint' as const, id: endpoint.id, deleted: true as const };
  },
});

const disable = route({
  ...changing,
  method: 'post',
  path: '/v1/webhook_endpoints/{id}/disable',
  operationId: 'disableWebhookEndpoint',
  summary: 'Disable a webhook endpoint',
  description:
    'It gets nothing more, and what is pending becomes a dead letter. The other endpoints hear of it.',
  params: pathId,
  body: emptyBody,
  response: { description: 'The endpoint.', schema: webhookEndpointOut },
  kind: 'write',
  async handler(tx, call) {
    return presentWebhookEndpoint(await disableByHand(tx, call, await databaseNow(tx)));
  },
});

const enable = route({
  ...changing,
  method: 'post',
  path: '/v1/webhook_endpoints/{id}/enable',
  operationId: 'enableWebhookEndpoint',
  summary: 'Enable a webhook endpoint',
  description:
    'With `replay_from` it also gets what happened since then and did not arrive; at most 10,000 events.',
  params: pathId,
  body: webhookEndpointEnable,
  response: { description: 'The endpoint.', schema: webhookEndpointOut },
  kind: 'write',
  async handler(tx, call) {
    // Before any row: the relay, too, takes its lock first.
    if (call.body.replay_from !== undefined) await holdRelay(tx);
    return presentWebhookEndpoint(await enableEndpoint(tx, call, await databaseNow(tx)));
  },
});

const rotate = route({
  ...changing,
  method: 'post',
  path: '/v1/webhook_endpoints/{id}/rotate_secret',
  operationId: 'rotateWebhookSecret',
  summary: 'Give a webhook endpoint a new secret',
  description: 'For a day, or as long as you say, every webhook is signed with both secrets.',
  params: pathId,
  body: webhookEndpointRotate,
  response: { description: 'The endpoint with its new secret.', schema: webhookEndpointWithSecretOut },
  kind: 'write',
  secretAnswer: true,
  async handler(tx, call) {
    const { endpoint, secret } = await rotateSecret(tx, call, await databaseNow(tx));
    return { ...presentWebhookEndpoint(endpoint), secret };
  },
});

const test = route({
  ...changing,
  method: 'post',
  path: '/v1/webhook_endpoints/{id}/test',
  operationId: 'testWebhookEndpoint',
  summary: 'Send a test webhook',
  description: 'A `webhook_endpoint.test` event for this endpoint only. Its delivery tells how it went.',
  params: pathId,
  body: emptyBody,
  response: { status: 201, description: 'The delivery.', schema: deliveryOut },
  errors: ['not_found', 'webhook_endpoint_disabled'],
  kind: 'write',
  async handler(tx, call) {
    return presentDelivery(await sendTest(tx, call, await databaseNow(tx)));
  },
});

export const webhookEndpointRoutes: Route[] = [
  create,
  list,
  get,
  update,
  remove,
  disable,
  enable,
  rotate,
  test,
];
