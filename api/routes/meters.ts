import { z } from 'zod';
import { listOf, listQuery, mergeMetadata, metadataFits, pathId } from '../../src/contract/common.ts';
import {
  meterCreate,
  meterOut,
  meterUpdate,
  meterVersionCreate,
  presentMeter,
} from '../../src/contract/meters.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { findMeterByReference, MeterSchema, metersOf, updateMeter } from '../../src/persistence/meters.ts';
import { addMeterVersion, createMeter } from '../keep-meter.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const create = route({
  method: 'post',
  path: '/v1/meters',
  operationId: 'createMeter',
  summary: 'Create a meter',
  description:
    'What is counted of the events of one name, and how. Prices name it; what is counted is what they bill.',
  tag: 'Usage',
  auth: 'tenant',
  scope: 'catalog:write',
  body: meterCreate,
  response: { status: 201, description: 'The meter.', schema: meterOut },
  errors: ['external_id_taken'],
  kind: 'write',
  handler: (tx, { tenantId, body }) => createMeter(tx, tenantId, body),
});

const list = route({
  method: 'get',
  path: '/v1/meters',
  operationId: 'listMeters',
  summary: 'List meters',
  tag: 'Usage',
  auth: 'tenant',
  query: z.strictObject({ ...listQuery, archived: z.enum(['true', 'false']).default('false') }),
  response: { description: 'A page of meters, newest first.', schema: listOf(meterOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, archivedAt: query.archived === 'true' ? { $ne: null } : null };
    const page = await listRows(tx, MeterSchema, filters, pageOf(query));
    const meters = await metersOf(
      tx,
      page.rows.map(({ id }) => id),
    );
    return presentList(page, (meter) => presentMeter(meter, meters.get(meter.id)?.versions ?? []));
  },
});

const get = route({
  method: 'get',
  path: '/v1/meters/{id}',
  operationId: 'getMeter',
  summary: 'Get a meter',
  tag: 'Usage',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The meter with all its versions.', schema: meterOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    const meter = found(await findMeterByReference(tx, params.id), 'meter');
    return presentMeter(meter, meter.versions);
  },
});

const update = route({
  method: 'patch',
  path: '/v1/meters/{id}',
  operationId: 'updateMeter',
  summary: 'Change what is said about a meter',
  description: 'Name, external id and metadata. How it counts changes by a new version.',
  tag: 'Usage',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: meterUpdate,
  response: { description: 'The meter.', schema: meterOut },
  errors: ['not_found', 'external_id_taken'],
  kind: 'write',
  async handler(tx, { params, body }) {
    const { versions, ...before } = found(await findMeterByReference(tx, params.id, { lock: true }), 'meter');
    const metadata = mergeMetadata(before.metadata, body.metadata);
    if (!metadataFits(metadata)) {
      const message = 'With these, the meter has more than 50 keys; remove some.';
      throw invalid([{ path: 'metadata', code: 'too_many_keys', message }]);
    }
    const meter = await updateMeter(tx, {
      ...before,
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.external_id === undefined ? {} : { externalId: body.external_id }),
      metadata,
      updatedAt: await databaseNow(tx),
    });
    return presentMeter(meter, versions);
  },
});

const createVersion = route({
  method: 'post',
  path: '/v1/meters/{id}/versions',
  operationId: 'createMeterVersion',
  summary: 'Let a meter count otherwise',
  description:
    'Versions are immutable. The new one counts the periods that begin at or after its effective_at; those that run by then are counted to their end as they began.',
  tag: 'Usage',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: meterVersionCreate,
  response: { status: 201, description: 'The meter with its new version.', schema: meterOut },
  errors: ['not_found'],
  kind: 'write',
  handler: (tx, { params, body, mode }) => addMeterVersion(tx, params.id, mode, body),
});

const archive = route({
  method: 'post',
  path: '/v1/meters/{id}/archive',
  operationId: 'archiveMeter',
  summary: 'Archive a meter',
  description: 'New prices can no longer name it, and its external id becomes free. Prices that do keep it.',
  tag: 'Usage',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The meter.', schema: meterOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { params }) {
    const { versions, ...before } = found(await findMeterByReference(tx, params.id, { lock: true }), 'meter');
    if (before.archivedAt) return presentMeter(before, versions);
    const now = await databaseNow(tx);
    return presentMeter(await updateMeter(tx, { ...before, archivedAt: now, updatedAt: now }), versions);
  },
});

export const meterRoutes: Route[] = [create, list, get, update, createVersion, archive];
