import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { createApp } from '../../api/app.ts';
import type { ApiDeps, GatewayPort } from '../../api/deps.ts';
import type { Route } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/index.ts';
import { listen } from '../../api/server.ts';
import { connect } from '../../src/persistence/database.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createVault } from '../../src/platform/vault.ts';
import { createTestDatabase } from './database.ts';

export type Reply = { status: number; headers: Headers; body: Record<string, unknown>; text: string };

export type TestApi = AsyncDisposable & {
  url: string;
  database: Database;
  ownerUrl: string;
  deps: ApiDeps;
  operatorKey: string;
  /** Sends a request; `key` null sends none, a string body goes out as it is. */
  send(
    method: string,
    path: string,
    options?: { key?: string | null; body?: unknown; headers?: Record<string, string> },
  ): Promise<Reply>;
  /** An account with a tenant and a key that may do everything. */
  tenant(mode?: 'live' | 'test'): Promise<{ tenantId: string; key: string }>;
};

const OPERATOR_KEY = `prn_operator_${randomBytes(16).toString('hex')}`;

/** Nothing listens there: commands are answered 503. */
const NOWHERE = '127.0.0.1:1';

/** The real application on a real port with a database of its own. */
export async function startTestApi(
  options: {
    temporal?: { address: string; namespace: string };
    gateways?: GatewayPort;
    routes?: readonly Route[];
    overrides?: Partial<ApiDeps>;
  } = {},
): Promise<TestApi> {
  const testDatabase = await createTestDatabase();
  const database = await connect({ url: testDatabase.url, poolSize: 10, applicationName: 'test api' });
  const connection = Connection.lazy({
    address: options.temporal?.address ?? NOWHERE,
    connectTimeout: 1_000,
  });
  const namespace = options.temporal?.namespace ?? 'default';
  const deps: ApiDeps = {
    database,
    temporal: new Client({ connection, namespace }),
    taskQueuePrefix: '',
    temporalNamespace: namespace,
    temporalUiUrl: 'http://temporal.example',
    vault: createVault([randomBytes(32)]),
    logger: createLogger({ logLevel: 'error' }),
    metrics: createMetrics(),
    publicUrl: 'http://api.example',
    operatorKey: OPERATOR_KEY,
    keyPepper: 'a pepper for tests only',
    rateLimitPerMinute: 100_000,
    webhookAllow: ['127.0.0.0/8'],
    commandDeadlineMs: 20_000,
    checkAnswers: true,
    gateways: options.gateways ?? everyTokenWorks(),
    ...options.overrides,
  };
  const server = await listen(createApp(deps, options.routes ?? ROUTES), { host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${server.port}`;
  const send = sender(url);
  return {
    url,
    database,
    ownerUrl: testDatabase.ownerUrl,
    deps,
    operatorKey: OPERATOR_KEY,
    send,
    tenant: (mode = 'test') => makeTenant(send, mode),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await connection.close();
      await database.close();
      await testDatabase[Symbol.asyncDispose]();
    },
  };
}

/** A gateway that stores every token under a reference of its own. Requests that charge go through the real one. */
export function everyTokenWorks(): GatewayPort {
  let count = 0;
  return {
    attachMethod: () => {
      count += 1;
      return Promise.resolve({
        kind: 'attached',
        methodRef: `ref_${count}_${randomBytes(4).toString('hex')}`,
        brand: 'visa',
        last4: '4242',
        expMonth: 12,
        expYear: 2040,
      });
    },
    parseCallback: () => ({ kind: 'invalid', reason: 'no gateway in this test' }),
  };
}

/** Sends requests to an API that runs somewhere. */
export function sender(url: string): TestApi['send'] {
  return async (method, path, { key = null, body, headers = {} } = {}): Promise<Reply> => {
    const response = await fetch(url + path, {
      method: method.toUpperCase(),
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : {}, text };
  };
}

async function makeTenant(
  send: TestApi['send'],
  mode: 'live' | 'test',
): Promise<{ tenantId: string; key: string }> {
  const operator = { key: OPERATOR_KEY };
  const account = await send('post', '/v1/accounts', { ...operator, body: { name: 'Example Inc' } });
  const tenant = await send('post', '/v1/tenants', {
    ...operator,
    body: { account: account.body['id'], mode, name: 'Example' },
  });
  const key = await send('post', `/v1/tenants/${String(tenant.body['id'])}/keys`, {
    ...operator,
    body: { name: 'everything' },
  });
  if (key.status !== 201) throw new Error(`no key: ${tenant.text} ${key.text}`);
  return { tenantId: String(tenant.body['id']), key: String(key.body['key']) };
}
