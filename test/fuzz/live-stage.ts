import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { checkInvariants } from '../../src/main/invariants/ask.ts';
import { startStack } from '../../src/main/stack.ts';
import { throwAwayEnv } from '../../src/main/throw-away-env.ts';
import { connect } from '../../src/persistence/database.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { loadEnv } from '../../src/platform/config.ts';
import { connectTemporal } from '../../src/platform/temporal.ts';
import { createTestDatabase } from '../support/database.ts';
import { startTestServers } from '../support/servers.ts';
import { createTestNamespace } from '../support/temporal.ts';

/** Everything of Perennial, running in a temporary folder, for lives that are played on it one beside the other. */
export type LiveStage = AsyncDisposable & {
  /** To read what no endpoint shows; nothing is ever written through it. */
  database: Database;
  /** A tenant of its own for each life, so that invoice numbers begin at one. */
  tenant(settings: object): Promise<LiveTenant>;
  /** Every promise of `check-invariants` that is broken, with its rows. */
  brokenPromises(): Promise<string[]>;
};

export type LiveTenant = { tenantId: string; send: Send };

/** What the API answered. */
export type Reply = { status: number; body: Record<string, unknown> };
export type Send = (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) => Promise<Reply>;

const WITHOUT_LIMIT = 1_000_000;

export async function openLiveStage(say: (line: string) => void): Promise<LiveStage> {
  await using starting = new AsyncDisposableStack();
  if (!process.env.TEST_DATABASE_ADMIN_URL) starting.use(await ownServers());
  const testDatabase = starting.use(await createTestDatabase());
  const namespace = await createTestNamespace();
  const env = {
    ...throwAwayEnv(loadEnv()),
    DATABASE_URL: testDatabase.url,
    DATABASE_OWNER_URL: testDatabase.ownerUrl,
    TEMPORAL_ADDRESS: namespace.address,
    TEMPORAL_NAMESPACE: namespace.namespace,
    LOG_LEVEL: 'warn',
    RATE_LIMIT_PER_MINUTE: WITHOUT_LIMIT,
  } as const;
  const stack = starting.use(await startStack({ env, ephemeral: true, say }));
  const { url, assumeLoginRole } = stack.config.database;
  const database = starting.use(
    await connect({ url, assumeLoginRole, poolSize: 4, applicationName: 'perennial fuzz' }),
  );
  const connection = await connectTemporal(stack.config.temporal);
  starting.defer(() => connection.close());
  const temporal = new Client({ connection, namespace: stack.config.temporal.namespace });
  const operator = sender(stack.apiUrl, stack.keys.operatorKey);
  const running = starting.move();
  return {
    database,
    async tenant(settings) {
      // An account has one test tenant.
      const { id: account } = expectOk(await operator('POST', '/v1/accounts', { name: 'Somebody' }));
      const terms = { account, mode: 'test', name: 'A life', ...settings };
      const tenantId = String(expectOk(await operator('POST', '/v1/tenants', terms))['id']);
      const made = expectOk(await operator('POST', `/v1/tenants/${tenantId}/keys`, { name: 'fuzz' }));
      return { tenantId, send: sender(stack.apiUrl, String(made['key'])) };
    },
    async brokenPromises() {
      const { gatewayUrl } = stack;
      const { broken } = await checkInvariants(database, { temporal, gatewayUrl });
      return broken.map(({ promise, rows }) => `${promise}: ${JSON.stringify(rows)}`);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Outside a test run nobody has started the servers of `test/support`; there they are ours. */
async function ownServers(): Promise<AsyncDisposable> {
  const servers = await startTestServers();
  process.env.TEST_DATABASE_ADMIN_URL = servers.adminUrl;
  process.env.TEMPORAL_ADDRESS = servers.temporalAddress;
  return {
    async [Symbol.asyncDispose]() {
      delete process.env.TEST_DATABASE_ADMIN_URL;
      delete process.env.TEMPORAL_ADDRESS;
      await servers.stop();
    },
  };
}

const TRIES = 30;
const AGAIN_AFTER_MS = 500;

/** Requests as a careful caller makes them: repeated under the same key while the engine has no time. */
function sender(url: string, key: string): Send {
  return async (method, path, body) => {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(method === 'POST' ? { 'idempotency-key': randomUUID() } : {}),
    };
    const request = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(url + path, request);
      const text = await response.text();
      const reply = { status: response.status, body: text === '' ? {} : JSON.parse(text) };
      const isBusy = reply.status === 503 || reply.body.code === 'idempotency_key_in_use';
      if (!isBusy || attempt === TRIES) return reply;
      await sleep(AGAIN_AFTER_MS);
    }
  };
}

/** The body of an answer that has to be a good one. */
export function expectOk({ status, body }: Reply): Record<string, unknown> {
  if (status < 400) return body;
  throw new Error(`the API answered ${status}: ${JSON.stringify(body)}`);
}
