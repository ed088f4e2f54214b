import { z } from 'zod';
import { listOf, listQuery, mergeMetadata, metadataFits, pathId } from '../../src/contract/common.ts';
import { featureCreate, featureOut, featureUpdate, presentFeature } from '../../src/contract/features.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { FeatureSchema, findFeatureByReference, updateFeature } from '../../src/persistence/features.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { createFeature } from '../keep-feature.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const create = route({
  method: 'post',
  path: '/v1/features',
  operationId: 'createFeature',
  summary: 'Create a feature',
  description:
    'What can be had or used: plans and add-ons name it in `features` with how much they give of it. Its external id is the key to ask by.',
  tag: 'Entitlements',
  auth: 'tenant',
  scope: 'catalog:write',
  body: featureCreate,
  response: { status: 201, description: 'The feature.', schema: featureOut },
  errors: ['external_id_taken'],
  kind: 'write',
  handler: async (tx, { tenantId, body }) => presentFeature(await createFeature(tx, tenantId, body)),
});

const list = route({
  method: 'get',
  path: '/v1/features',
  operationId: 'listFeatures',
  summary: 'List features',
  tag: 'Entitlements',
  auth: 'tenant',
  query: z.strictObject({ ...listQuery, archived: z.enum(['true', 'false']).default('false') }),
  response: { description: 'A page of features, newest first.', schema: listOf(featureOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, archivedAt: query.archived === 'true' ? { $ne: null } : null };
    return presentList(await listRows(tx, FeatureSchema, filters, pageOf(query)), presentFeature);
  },
});

const get = route({
  method: 'get',
  path: '/v1/features/{id}',
  operationId: 'getFeature',
  summary: 'Get a feature',
  tag: 'Entitlements',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The feature.', schema: featureOut },
  errors: ['not_found'],
  kind: 'read',
  handler: async (tx, { params }) =>
    presentFeature(found(await findFeatureByReference(tx, params.id), 'feature')),
});

const update = route({
  method: 'patch',
  path: '/v1/features/{id}',
  operationId: 'updateFeature',
  summary: 'Change a feature',
  description: 'Its kind, meter and reset stay as they are: plans rely on them.',
  tag: 'Entitlements',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: featureUpdate,
  response: { description: 'The feature.', schema: featureOut },
  errors: ['not_found', 'external_id_taken'],
  kind: 'write',
  async handler(tx, { params, body }) {
    const before = found(await findFeatureByReference(tx, params.id, { lock: true }), 'feature');
    const metadata = mergeMetadata(before.metadata, body.metadata);
    if (!metadataFits(metadata)) {
      const message = 'With these, the feature has more than 50 keys; remove some.';
      throw invalid([{ path: 'metadata', code: 'too_many_keys', message }]);
    }
    const feature = await updateFeature(tx, {
      ...before,
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.external_id === undefined ? {} : { externalId: body.external_id }),
      metadata,
      updatedAt: await databaseNow(tx),
    });
    return presentFeature(feature);
  },
});

const archive = route({
  method: 'post',
  path: '/v1/features/{id}/archive',
  operationId: 'archiveFeature',
  summary: 'Archive a feature',
  description:
    'New versions of plans can no longer name it, and its external id becomes free. Whoever has it keeps it.',
  tag: 'Entitlements',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The feature.', schema: featureOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { params }) {
    const before = found(await findFeatureByReference(tx, params.id, { lock: true }), 'feature');
    if (before.archivedAt) return presentFeature(before);
    const now = await databaseNow(tx);
    return presentFeature(await updateFeature(tx, { ...before, archivedAt: now, updatedAt: now }));
  },
});

export const featureRoutes: Route[] = [create, list, get, update, archive];
