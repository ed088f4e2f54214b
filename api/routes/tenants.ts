import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { apiKeyCreate, apiKeyCreatedOut } from '../../src/contract/api-keys.ts';
import { listOf, listQuery, pathId } from '../../src/contract/common.ts';
import {
  accountCreate,
  accountOut,
  presentAccount,
  presentTenant,
  tenantCreate,
  tenantOut,
  toDunningPolicy,
} from '../../src/contract/tenants.ts';
import type { Tenant } from '../../src/domain/tenant.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { databaseNow } from '../../src/persistence/find-commands.ts';
import { insertGatewayConnection } from '../../src/persistence/save-customers.ts';
import {
  findAccount,
  findTenantById,
  insertAccount,
  insertTenant,
} from '../../src/persistence/save-tenants.ts';
import { AccountSchema, TenantSchema } from '../../src/persistence/tenants.ts';
import { newId } from '../../src/platform/ids.ts';
import type { Vault } from '../../src/platform/vault.ts';
import { issueApiKey } from '../issue-api-key.ts';
import { listRows, pageOf, presentList } from '../list.ts';
import { type Route, route } from '../route.ts';
import { invalid } from '../validate.ts';

const createAccount = route({
  method: 'post',
  path: '/v1/accounts',
  operationId: 'createAccount',
  summary: 'Create an account',
  description: 'A company that bills with this installation. It has at most one live and one test tenant.',
  tag: 'Accounts',
  auth: 'operator',
  body: accountCreate,
  response: { status: 201, description: 'The account.', schema: accountOut },
  kind: 'write',
  async handler(tx, { body }) {
    const now = await databaseNow(tx);
    const account = {
      id: newId('acc'),
      name: body.name,
      metadata: body.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    };
    return presentAccount(await insertAccount(tx, account));
  },
});

const listAccounts = route({
  method: 'get',
  path: '/v1/accounts',
  operationId: 'listAccounts',
  summary: 'List accounts',
  tag: 'Accounts',
  auth: 'operator',
  query: z.strictObject(listQuery),
  response: { description: 'A page of accounts.', schema: listOf(accountOut) },
  kind: 'read',
  async handler(tx, { query }) {
    return presentList(await listRows(tx, AccountSchema, {}, pageOf(query)), presentAccount);
  },
});

const getAccount = route({
  method: 'get',
  path: '/v1/accounts/{id}',
  operationId: 'getAccount',
  summary: 'Get an account',
  tag: 'Accounts',
  auth: 'operator',
  params: pathId,
  response: { description: 'The account.', schema: accountOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentAccount(found(await findAccount(tx, params.id), 'account'));
  },
});

const create = route({
  method: 'post',
  path: '/v1/tenants',
  operationId: 'createTenant',
  summary: 'Create a tenant',
  description: 'Live or test. A test tenant is connected to the sandbox gateway.',
  tag: 'Accounts',
  auth: 'operator',
  body: tenantCreate,
  response: { status: 201, description: 'The tenant.', schema: tenantOut },
  kind: 'write',
  async handler(tx, { body, deps }) {
    if (!(await findAccount(tx, body.account))) {
      throw invalid([
        { path: 'account', code: 'not_found', message: 'There is no such account; create it first.' },
      ]);
    }
    const now = await databaseNow(tx);
    const tenant = {
      id: newId('ten'),
      accountId: body.account,
      mode: body.mode,
      name: body.name,
      timeZone: body.time_zone,
      invoiceGraceHours: body.invoice_grace_hours,
      trialReminderDays: body.trial_reminder_days,
      backdateDaysMax: body.backdate_days_max,
      lateWindowDays: body.late_window_days,
      usageRetentionDays: body.usage_retention_days,
      dunningPolicy: body.dunning_policy ? toDunningPolicy(body.dunning_policy) : null,
      metadata: body.metadata ?? {},
      createdAt: now,
      updatedAt: now,
    };
    return presentTenant(await openTenant(tx, deps.vault, tenant));
  },
});

const list = route({
  method: 'get',
  path: '/v1/tenants',
  operationId: 'listTenants',
  summary: 'List tenants',
  tag: 'Accounts',
  auth: 'operator',
  query: z.strictObject({ ...listQuery, account: z.string().max(100).optional() }),
  response: { description: 'A page of tenants.', schema: listOf(tenantOut) },
  kind: 'read',
  async handler(tx, { query }) {
    const filters = query.account === undefined ? {} : { accountId: query.account };
    return presentList(await listRows(tx, TenantSchema, filters, pageOf(query)), presentTenant);
  },
});

const get = route({
  method: 'get',
  path: '/v1/tenants/{id}',
  operationId: 'getTenant',
  summary: 'Get a tenant',
  tag: 'Accounts',
  auth: 'operator',
  params: pathId,
  response: { description: 'The tenant.', schema: tenantOut },
  errors: ['not_found'],
  kind: 'read',
  async handler(tx, { params }) {
    return presentTenant(found(await findTenantById(tx, params.id), 'tenant'));
  },
});

const createKey = route({
  method: 'post',
  path: '/v1/tenants/{id}/keys',
  operationId: 'createTenantKey',
  summary: 'Create an API key for a tenant',
  description: 'How a tenant gets its first key. The key is shown in this answer and never again.',
  tag: 'Accounts',
  auth: 'operator',
  params: pathId,
  body: apiKeyCreate,
  response: { status: 201, description: 'The key, shown this once.', schema: apiKeyCreatedOut },
  errors: ['not_found'],
  kind: 'write',
  secretAnswer: true,
  async handler(tx, { params, body, deps }) {
    const tenant = found(await findTenantById(tx, params.id), 'tenant');
    return issueApiKey(tx, { tenantId: tenant.id, mode: tenant.mode, pepper: deps.keyPepper }, body);
  },
});

export const tenantRoutes: Route[] = [createAccount, listAccounts, getAccount, create, list, get, createKey];

/** Writes a tenant; one in test mode gets its connection to the sandbox gateway with it. */
export async function openTenant(tx: Tx, vault: Vault, tenant: Tenant): Promise<Tenant> {
  await insertTenant(tx, tenant);
  if (tenant.mode === 'test') {
    const id = newId('gwc');
    const secret = randomBytes(32).toString('base64url');
    await insertGatewayConnection(tx, {
      id,
      tenantId: tenant.id,
      gateway: 'sandbox',
      callbackToken: randomBytes(24).toString('base64url'),
      secretSealed: vault.seal(secret, {
        tenantId: tenant.id,
        column: 'gateway_connections.secret',
        rowId: id,
      }),
      previousSecretSealed: null,
      previousSecretExpiresAt: null,
      createdAt: tenant.createdAt,
      updatedAt: tenant.createdAt,
    });
  }
  return tenant;
}
