import { z } from 'zod';
import { listOf, listQuery, pathId } from '../../src/contract/common.ts';
import {
  planCreate,
  planOut,
  planUpdate,
  planVersionCreate,
  planVersionQuery,
} from '../../src/contract/plans.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { type Route, route } from '../route.ts';
import { archiveSold, createSold, getSold, listSold, publishVersion, updateSold } from '../sell-plans.ts';

const create = route({
  method: 'post',
  path: '/v1/plans',
  operationId: 'createPlan',
  summary: 'Create a plan',
  description: 'With its first version of prices. Prices never change; a new price list is a new version.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  body: planCreate,
  response: { status: 201, description: 'The plan.', schema: planOut },
  errors: ['external_id_taken'],
  kind: 'write',
  handler: (tx, call) => createSold(tx, 'plan', call, call.body),
});

const list = route({
  method: 'get',
  path: '/v1/plans',
  operationId: 'listPlans',
  summary: 'List plans',
  description: 'Newest first, each at the version that is sold.',
  tag: 'Plans',
  auth: 'tenant',
  query: z.strictObject({ ...listQuery, archived: z.enum(['true', 'false']).default('false') }),
  response: { description: 'A page of plans.', schema: listOf(planOut) },
  kind: 'read',
  handler: (tx, { tenantId, query }) => listSold(tx, 'plan', tenantId, query),
});

const get = route({
  method: 'get',
  path: '/v1/plans/{id}',
  operationId: 'getPlan',
  summary: 'Get a plan',
  tag: 'Plans',
  auth: 'tenant',
  params: pathId,
  query: planVersionQuery,
  response: { description: 'The plan at that version.', schema: planOut },
  errors: ['not_found'],
  kind: 'read',
  handler: (tx, { params, query }) => getSold(tx, 'plan', params.id, query.version ?? null),
});

const update = route({
  method: 'patch',
  path: '/v1/plans/{id}',
  operationId: 'updatePlan',
  summary: 'Change what is said about a plan',
  description: 'Name, description, external id and metadata. Prices change by a new version.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: planUpdate,
  response: { description: 'The plan.', schema: planOut },
  errors: ['not_found', 'external_id_taken'],
  kind: 'write',
  handler: (tx, { params, body, cause }) => updateSold(tx, 'plan', params.id, cause, body),
});

const createVersion = route({
  method: 'post',
  path: '/v1/plans/{id}/versions',
  operationId: 'createPlanVersion',
  summary: 'Publish a new version of a plan',
  description: 'New subscriptions get it from now on; those of earlier versions stay where they are.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: planVersionCreate,
  response: { status: 201, description: 'The plan at its new version.', schema: planOut },
  errors: ['not_found', 'plan_not_active'],
  kind: 'write',
  handler: (tx, { params, body, cause }) => publishVersion(tx, 'plan', params.id, cause, body),
});

const archive = route({
  method: 'post',
  path: '/v1/plans/{id}/archive',
  operationId: 'archivePlan',
  summary: 'Archive a plan',
  description: 'It is no longer sold, and its external id becomes free. Its subscriptions go on.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The plan.', schema: planOut },
  errors: ['not_found'],
  kind: 'write',
  handler: (tx, { params, cause }) => archiveSold(tx, 'plan', params.id, cause),
});

export const planRoutes: Route[] = [create, list, get, update, createVersion, archive];
