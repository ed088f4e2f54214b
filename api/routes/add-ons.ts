import { z } from 'zod';
import { listOf, listQuery, pathId } from '../../src/contract/common.ts';
import {
  addOnCreate,
  addOnVersionCreate,
  planOut,
  planUpdate,
  planVersionQuery,
} from '../../src/contract/plans.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { type Route, route } from '../route.ts';
import { archiveSold, createSold, getSold, listSold, publishVersion, updateSold } from '../sell-plans.ts';

const create = route({
  method: 'post',
  path: '/v1/add_ons',
  operationId: 'createAddOn',
  summary: 'Create an add-on',
  description:
    'What joins a subscription that is there: recurring prices, which are prorated when it joins and leaves, or prices that are charged once.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  body: addOnCreate,
  response: { status: 201, description: 'The add-on.', schema: planOut },
  errors: ['external_id_taken'],
  kind: 'write',
  handler: (tx, call) => createSold(tx, 'add_on', call, call.body),
});

const list = route({
  method: 'get',
  path: '/v1/add_ons',
  operationId: 'listAddOns',
  summary: 'List add-ons',
  description: 'Newest first, each at the version that is sold.',
  tag: 'Plans',
  auth: 'tenant',
  query: z.strictObject({ ...listQuery, archived: z.enum(['true', 'false']).default('false') }),
  response: { description: 'A page of add-ons.', schema: listOf(planOut) },
  kind: 'read',
  handler: (tx, { tenantId, query }) => listSold(tx, 'add_on', tenantId, query),
});

const get = route({
  method: 'get',
  path: '/v1/add_ons/{id}',
  operationId: 'getAddOn',
  summary: 'Get an add-on',
  tag: 'Plans',
  auth: 'tenant',
  params: pathId,
  query: planVersionQuery,
  response: { description: 'The add-on at that version.', schema: planOut },
  errors: ['not_found'],
  kind: 'read',
  handler: (tx, { params, query }) => getSold(tx, 'add_on', params.id, query.version ?? null),
});

const update = route({
  method: 'patch',
  path: '/v1/add_ons/{id}',
  operationId: 'updateAddOn',
  summary: 'Change what is said about an add-on',
  description: 'Name, description, external id and metadata. Prices change by a new version.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: planUpdate,
  response: { description: 'The add-on.', schema: planOut },
  errors: ['not_found', 'external_id_taken'],
  kind: 'write',
  handler: (tx, { params, body, cause }) => updateSold(tx, 'add_on', params.id, cause, body),
});

const createVersion = route({
  method: 'post',
  path: '/v1/add_ons/{id}/versions',
  operationId: 'createAddOnVersion',
  summary: 'Publish a new version of an add-on',
  description: 'Subscriptions that join it from now on get it; the others keep the version they have.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: addOnVersionCreate,
  response: { status: 201, description: 'The add-on at its new version.', schema: planOut },
  errors: ['not_found', 'plan_not_active'],
  kind: 'write',
  handler: (tx, { params, body, cause }) => publishVersion(tx, 'add_on', params.id, cause, body),
});

const archive = route({
  method: 'post',
  path: '/v1/add_ons/{id}/archive',
  operationId: 'archiveAddOn',
  summary: 'Archive an add-on',
  description: 'It is no longer sold, and its external id becomes free. Subscriptions that have it keep it.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The add-on.', schema: planOut },
  errors: ['not_found'],
  kind: 'write',
  handler: (tx, { params, cause }) => archiveSold(tx, 'add_on', params.id, cause),
});

export const addOnRoutes: Route[] = [create, list, get, update, createVersion, archive];
