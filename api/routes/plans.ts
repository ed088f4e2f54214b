import { z } from 'zod';
import { listOf, listQuery, mergeMetadata, metadataFits, pathId } from '../../src/contract/common.ts';
import { planCreate, planOut, planUpdate, planVersionCreate, presentPlan } from '../../src/contract/plans.ts';
import { presentPrice, priceOut } from '../../src/contract/prices.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { DomainError } from '../../src/domain/errors.ts';
import type { Plan, Price } from '../../src/domain/plan.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { type Cause, recordEvents } from '../../src/persistence/events.ts';
import { findPlanByReference, found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { PlanSchema } from '../../src/persistence/plans.ts';
import {
  atActiveVersions,
  findPlanAtVersion,
  findPrice,
  insertPlan,
  insertPlanVersion,
  type PlanAtVersion,
  updatePlan,
} from '../../src/persistence/save-plans.ts';
import { newId } from '../../src/platform/ids.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

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
  async handler(tx, { tenantId, body, cause }) {
    const now = await databaseNow(tx);
    const plan = await insertPlan(tx, {
      id: newId('plan'),
      tenantId,
      externalId: body.external_id ?? null,
      name: body.name,
      description: body.description ?? null,
      archivedAt: null,
      metadata: body.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    });
    const published = await publish(tx, plan, 1, body, now);
    return announce(tx, cause, 'plan.created', published, now);
  },
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
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, archivedAt: query.archived === 'true' ? { $ne: null } : null };
    const page = await listRows(tx, PlanSchema, filters, pageOf(query));
    const shown = new Map((await atActiveVersions(tx, page.rows)).map((at) => [at.plan.id, present(at)]));
    return presentList(page, (plan) => found(shown.get(plan.id) ?? null, 'plan'));
  },
});

const get = route({
  method: 'get',
  path: '/v1/plans/{id}',
  operationId: 'getPlan',
  summary: 'Get a plan',
  tag: 'Plans',
  auth: 'tenant',
  params: pathId,
  query: z.strictObject({
    version: z.coerce
      .number('Write a whole number.')
      .int('Write a whole number.')
      .min(1)
      .max(2_147_483_647)
      .optional()
      .meta({ description: 'The version that is sold when absent.' }),
  }),
  response: { description: 'The plan at that version.', schema: planOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params, query }) {
    const plan = found(await findPlanByReference(tx, params.id), 'plan');
    return present(found(await findPlanAtVersion(tx, plan, query.version ?? null), 'version of this plan'));
  },
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
  async handler(tx, { params, body, cause }) {
    const before = found(await findPlanByReference(tx, params.id, { lock: true }), 'plan');
    const metadata = mergeMetadata(before.metadata, body.metadata);
    if (!metadataFits(metadata)) {
      throw invalid([
        {
          path: 'metadata',
          code: 'too_many_keys',
          message: 'With these, the plan has more than 50 keys; remove some.',
        },
      ]);
    }
    const now = await databaseNow(tx);
    const plan = await updatePlan(tx, {
      ...before,
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.description === undefined ? {} : { description: body.description }),
      ...(body.external_id === undefined ? {} : { externalId: body.external_id }),
      metadata,
      updatedAt: now,
    });
    return announce(tx, cause, 'plan.updated', await sold(tx, plan), now);
  },
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
  async handler(tx, { params, body, cause }) {
    const before = found(await findPlanByReference(tx, params.id, { lock: true }), 'plan');
    if (before.archivedAt)
      throw new DomainError('plan_not_active', 'This plan is archived; create another one.');
    const { latestVersion } = await sold(tx, before);
    const now = await databaseNow(tx);
    const plan = await updatePlan(tx, { ...before, updatedAt: now });
    return announce(tx, cause, 'plan.updated', await publish(tx, plan, latestVersion + 1, body, now), now);
  },
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
  async handler(tx, { params, cause }) {
    const before = found(await findPlanByReference(tx, params.id, { lock: true }), 'plan');
    if (before.archivedAt) return present(await sold(tx, before));
    const now = await databaseNow(tx);
    const plan = await updatePlan(tx, { ...before, archivedAt: now, updatedAt: now });
    return announce(tx, cause, 'plan.archived', await sold(tx, plan), now);
  },
});

const getPrice = route({
  method: 'get',
  path: '/v1/prices/{id}',
  operationId: 'getPrice',
  summary: 'Get a price',
  tag: 'Plans',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The price.', schema: priceOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentPrice(found(await findPrice(tx, params.id), 'price'));
  },
});

export const planRoutes: Route[] = [create, list, get, update, createVersion, archive, getPrice];

/** Writes a version and its prices. The caller holds the lock of the plan, or has just made it. */
async function publish(
  tx: Tx,
  plan: Plan,
  version: number,
  asked: z.output<typeof planVersionCreate>,
  now: Date,
): Promise<PlanAtVersion> {
  const prices = asked.prices.map(
    (price): Price => ({
      id: newId('price'),
      tenantId: plan.tenantId,
      planId: plan.id,
      planVersion: version,
      key: price.key,
      name: price.name,
      currency: price.currency,
      subscriptionId: null,
      itemId: price.item,
      terms: price.terms,
      billing: price.billing,
      minimum: price.minimum,
      maximum: price.maximum,
      timing: price.timing,
      intervalUnit: price.interval?.unit ?? null,
      intervalCount: price.interval?.count ?? null,
      createdAt: now,
    }),
  );
  const published = {
    planId: plan.id,
    version,
    tenantId: plan.tenantId,
    active: true,
    trialDays: asked.trial_days ?? null,
    createdAt: now,
  };
  await insertPlanVersion(tx, published, prices);
  return { plan, version: published, latestVersion: version, prices };
}

async function sold(tx: Tx, plan: Plan): Promise<PlanAtVersion> {
  return found(await findPlanAtVersion(tx, plan, null), 'version of this plan');
}

function present({ plan, version, latestVersion, prices }: PlanAtVersion): z.infer<typeof planOut> {
  return presentPlan(plan, version, latestVersion, prices);
}

async function announce(
  tx: Tx,
  cause: Cause,
  type: 'plan.created' | 'plan.updated' | 'plan.archived',
  at: PlanAtVersion,
  now: Date,
): Promise<z.infer<typeof planOut>> {
  const object = present(at);
  await recordEvents(tx, at.plan.tenantId, cause, [
    { type, objectType: 'plan', objectId: at.plan.id, data: { object }, createdAt: now },
  ]);
  return object;
}
