import { z } from 'zod';
import {
  collectorCreate,
  collectorOut,
  collectorTest,
  collectorTestOut,
  collectorUpdate,
  collectorWithSecretsOut,
  presentCollector,
  secretRotate,
  tokenRotate,
} from '../../src/contract/collectors.ts';
import { deletedOf, listOf, listQuery, pathId } from '../../src/contract/common.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { COLLECTOR_STATUSES, type Collector } from '../../src/domain/collector.ts';
import { CollectorSchema, changeCollector, findCollector } from '../../src/persistence/collectors.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import {
  changedCollector,
  createCollector,
  lockLiveCollector,
  rotateSecret,
  rotateToken,
  steerCollector,
} from '../change-collector.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { tryMapping } from '../try-mapping.ts';

const described = { tag: 'Usage', auth: 'tenant' } as const;
const changing = { ...described, scope: 'usage:write', errors: ['not_found'] } as const;
const secrets = (description: string) => ({ description, schema: collectorWithSecretsOut });
const presentSecrets = (made: { collector: Collector; url: string | null; secret: string | null }) => ({
  ...presentCollector(made.collector),
  url: made.url,
  secret: made.secret,
});

const create = route({
  ...described,
  method: 'post',
  path: '/v1/collectors',
  operationId: 'createCollector',
  summary: 'Create a collector',
  description:
    "An address for other people's webhooks, and a mapping that makes usage events of what they send. The answer shows the address and the signing secret, and nothing ever shows them again. Try the mapping first: `POST /v1/collectors/test`.",
  scope: 'usage:write',
  body: collectorCreate,
  response: { status: 201, ...secrets('The collector with its address and its secret.') },
  errors: ['too_many_collectors'],
  kind: 'write',
  secretAnswer: true,
  handler: async (tx, call) => presentSecrets(await createCollector(tx, call, await databaseNow(tx))),
});

const tryOut = route({
  ...described,
  method: 'post',
  path: '/v1/collectors/test',
  operationId: 'testCollector',
  summary: 'Test a mapping',
  description:
    'Shows the events that a mapping makes of a body, or where it cannot be read. Nothing is stored.',
  body: collectorTest,
  response: { description: 'The events, or what is wrong with them.', schema: collectorTestOut },
  kind: 'read',
  handler: async (_tx, { body }) => tryMapping(body),
});

const list = route({
  ...described,
  method: 'get',
  path: '/v1/collectors',
  operationId: 'listCollectors',
  summary: 'List collectors',
  query: z.strictObject({ ...listQuery, status: z.enum(COLLECTOR_STATUSES).optional() }),
  response: { description: 'A page of collectors.', schema: listOf(collectorOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, deletedAt: null, ...(query.status ? { status: query.status } : {}) };
    return presentList(await listRows(tx, CollectorSchema, filters, pageOf(query)), presentCollector);
  },
});

const get = route({
  ...described,
  method: 'get',
  path: '/v1/collectors/{id}',
  operationId: 'getCollector',
  summary: 'Get a collector',
  description: 'With how many events came through it, and the last thing that went wrong.',
  params: pathId,
  response: { description: 'The collector.', schema: collectorOut },
  errors: ['not_found'],
  kind: 'read',
  handler: async (tx, { params }) => presentCollector(found(await findCollector(tx, params.id), 'collector')),
});

const update = route({
  ...changing,
  method: 'patch',
  path: '/v1/collectors/{id}',
  operationId: 'updateCollector',
  summary: 'Change a collector',
  description:
    'Fields that are not named stay. A new signature has a new secret, which the answer shows once.',
  params: pathId,
  body: collectorUpdate,
  response: secrets('The collector.'),
  kind: 'write',
  secretAnswer: true,
  handler: async (tx, call) => presentSecrets(await changedCollector(tx, call, await databaseNow(tx))),
});

const remove = route({
  ...changing,
  method: 'delete',
  path: '/v1/collectors/{id}',
  operationId: 'deleteCollector',
  summary: 'Delete a collector',
  description: 'Its address is unknown from now on. The events that came through it stay.',
  params: pathId,
  response: { description: 'What was deleted.', schema: deletedOf('collector', 'col') },
  kind: 'write',
  async handler(tx, { params }) {
    const collector = await lockLiveCollector(tx, params.id);
    const at = await databaseNow(tx);
    await changeCollector(tx, collector, { deletedAt: at, updatedAt: at });
    return { object: 'collector' as const, id: collector.id, deleted: true as const };
  },
});

const steering = (steer: 'enable' | 'disable', summary: string, description: string) =>
  route({
    ...changing,
    method: 'post',
    path: `/v1/collectors/{id}/${steer}`,
    operationId: `${steer}Collector`,
    summary,
    description,
    params: pathId,
    body: emptyBody,
    response: { description: 'The collector.', schema: collectorOut },
    kind: 'write',
    handler: async (tx, { params }) =>
      presentCollector(await steerCollector(tx, params.id, `${steer}d`, await databaseNow(tx))),
  });
const disable = steering(
  'disable',
  'Disable a collector',
  'What is sent to it is answered 409, so that senders who repeat themselves lose nothing meanwhile.',
);
const enable = steering('enable', 'Enable a collector', 'It takes events again.');

const newToken = route({
  ...changing,
  method: 'post',
  path: '/v1/collectors/{id}/rotate_token',
  operationId: 'rotateCollectorToken',
  summary: 'Give a collector a new address',
  description: 'The former one is accepted for a day, or as long as you say.',
  params: pathId,
  body: tokenRotate,
  response: secrets('The collector with its new address.'),
  kind: 'write',
  secretAnswer: true,
  handler: async (tx, call) => presentSecrets(await rotateToken(tx, call, await databaseNow(tx))),
});

const newSecret = route({
  ...changing,
  method: 'post',
  path: '/v1/collectors/{id}/rotate_secret',
  operationId: 'rotateCollectorSecret',
  summary: 'Give a collector a new secret',
  description: 'Requests signed with the former one are accepted for a day, or as long as you say.',
  params: pathId,
  body: secretRotate,
  response: secrets('The collector with its new secret.'),
  errors: ['not_found', 'collector_unsigned'],
  kind: 'write',
  secretAnswer: true,
  handler: async (tx, call) => presentSecrets(await rotateSecret(tx, call, await databaseNow(tx))),
});

export const collectorRoutes: Route[] = [
  create,
  tryOut,
  list,
  get,
  update,
  remove,
  enable,
  disable,
  newToken,
  newSecret,
];
