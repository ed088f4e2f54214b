import { z } from 'zod';
import { listOf, listQuery, mergeMetadata, metadataFits, pathId } from '../../src/contract/common.ts';
import { itemCreate, itemOut, itemUpdate, presentItem } from '../../src/contract/items.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { findItemByReference, found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { ItemSchema } from '../../src/persistence/items.ts';
import { insertItem, updateItem } from '../../src/persistence/save-items.ts';
import { newId } from '../../src/platform/ids.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const create = route({
  method: 'post',
  path: '/v1/items',
  operationId: 'createItem',
  summary: 'Create an item',
  description: 'Prices of different plans that name the same item are counted together in reports.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  body: itemCreate,
  response: { status: 201, description: 'The item.', schema: itemOut },
  errors: ['external_id_taken'],
  kind: 'write',
  async handler(tx, { tenantId, body }) {
    const now = await databaseNow(tx);
    const item = await insertItem(tx, {
      id: newId('item'),
      tenantId,
      externalId: body.external_id ?? null,
      name: body.name,
      description: body.description ?? null,
      archivedAt: null,
      metadata: body.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    });
    return presentItem(item);
  },
});

const list = route({
  method: 'get',
  path: '/v1/items',
  operationId: 'listItems',
  summary: 'List items',
  tag: 'Plans',
  auth: 'tenant',
  query: z.strictObject({ ...listQuery, archived: z.enum(['true', 'false']).default('false') }),
  response: { description: 'A page of items, newest first.', schema: listOf(itemOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    const filters = { tenantId, archivedAt: query.archived === 'true' ? { $ne: null } : null };
    return presentList(await listRows(tx, ItemSchema, filters, pageOf(query)), presentItem);
  },
});

const get = route({
  method: 'get',
  path: '/v1/items/{id}',
  operationId: 'getItem',
  summary: 'Get an item',
  tag: 'Plans',
  auth: 'tenant',
  params: pathId,
  response: { description: 'The item.', schema: itemOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentItem(found(await findItemByReference(tx, params.id), 'item'));
  },
});

const update = route({
  method: 'patch',
  path: '/v1/items/{id}',
  operationId: 'updateItem',
  summary: 'Change an item',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: itemUpdate,
  response: { description: 'The item.', schema: itemOut },
  errors: ['not_found', 'external_id_taken'],
  kind: 'write',
  async handler(tx, { params, body }) {
    const before = found(await findItemByReference(tx, params.id, { lock: true }), 'item');
    const metadata = mergeMetadata(before.metadata, body.metadata);
    if (!metadataFits(metadata)) {
      const message = 'With these, the item has more than 50 keys; remove some.';
      throw invalid([{ path: 'metadata', code: 'too_many_keys', message }]);
    }
    const item = await updateItem(tx, {
      ...before,
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.description === undefined ? {} : { description: body.description }),
      ...(body.external_id === undefined ? {} : { externalId: body.external_id }),
      metadata,
      updatedAt: await databaseNow(tx),
    });
    return presentItem(item);
  },
});

const archive = route({
  method: 'post',
  path: '/v1/items/{id}/archive',
  operationId: 'archiveItem',
  summary: 'Archive an item',
  description: 'New prices can no longer name it, and its external id becomes free. Prices that do keep it.',
  tag: 'Plans',
  auth: 'tenant',
  scope: 'catalog:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The item.', schema: itemOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, { params }) {
    const before = found(await findItemByReference(tx, params.id, { lock: true }), 'item');
    if (before.archivedAt) return presentItem(before);
    const now = await databaseNow(tx);
    return presentItem(await updateItem(tx, { ...before, archivedAt: now, updatedAt: now }));
  },
});

export const itemRoutes: Route[] = [create, list, get, update, archive];
