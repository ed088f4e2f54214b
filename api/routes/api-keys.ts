import { z } from 'zod';
import { apiKeyCreate, apiKeyCreatedOut, apiKeyOut, presentApiKey } from '../../src/contract/api-keys.ts';
import { listOf, listQuery, pathId } from '../../src/contract/common.ts';
import { emptyBody } from '../../src/contract/subscriptions.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { findApiKey, revokeApiKey } from '../../src/persistence/save-tenants.ts';
import { ApiKeySchema } from '../../src/persistence/tenants.ts';
import { issueApiKey } from '../issue-api-key.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';

const create = route({
  method: 'post',
  path: '/v1/api_keys',
  operationId: 'createApiKey',
  summary: 'Create an API key',
  description:
    'The key is shown in this answer and never again. A key without the scope "*" can only give scopes it has itself.',
  tag: 'API keys',
  auth: 'tenant',
  scope: 'keys:write',
  body: apiKeyCreate,
  response: { status: 201, description: 'The key, shown this once.', schema: apiKeyCreatedOut },
  kind: 'write',
  secretAnswer: true,
  async handler(tx, call) {
    if (!call.scopes.includes('*')) {
      const beyond = call.body.scopes.filter((scope) => !call.scopes.includes(scope));
      if (beyond.length > 0)
        throw new DomainError(
          'insufficient_scope',
          `This key cannot give what it does not have: ${beyond.join(', ')}.`,
        );
    }
    return issueApiKey(
      tx,
      { tenantId: call.tenantId, mode: call.mode ?? 'live', pepper: call.deps.keyPepper },
      call.body,
    );
  },
});

const list = route({
  method: 'get',
  path: '/v1/api_keys',
  operationId: 'listApiKeys',
  summary: 'List API keys',
  tag: 'API keys',
  auth: 'tenant',
  scope: 'keys:write',
  query: z.strictObject(listQuery),
  response: { description: 'A page of keys, revoked ones included.', schema: listOf(apiKeyOut) },
  kind: 'read',
  async handler(tx, { tenantId, query }) {
    return presentList(await listRows(tx, ApiKeySchema, { tenantId }, pageOf(query)), presentApiKey);
  },
});

const get = route({
  method: 'get',
  path: '/v1/api_keys/{id}',
  operationId: 'getApiKey',
  summary: 'Get an API key',
  tag: 'API keys',
  auth: 'tenant',
  scope: 'keys:write',
  params: pathId,
  response: { description: 'What is known of the key.', schema: apiKeyOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentApiKey(found(await findApiKey(tx, params.id), 'API key'));
  },
});

const revoke = route({
  method: 'post',
  path: '/v1/api_keys/{id}/revoke',
  operationId: 'revokeApiKey',
  summary: 'Revoke an API key',
  description: 'For good. Every process refuses it within 5 seconds, the one that answers this at once.',
  tag: 'API keys',
  auth: 'tenant',
  scope: 'keys:write',
  params: pathId,
  body: emptyBody,
  response: { description: 'The key.', schema: apiKeyOut },
  errors: ['not_found'],
  kind: 'write',
  async handler(tx, call) {
    const key = found(await revokeApiKey(tx, call.params.id, await databaseNow(tx)), 'API key');
    call.afterCommit(() => call.forgetKey(key.id));
    return presentApiKey(key);
  },
});

export const apiKeyRoutes: Route[] = [create, list, get, revoke];
