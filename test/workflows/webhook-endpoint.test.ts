import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, type Connection, WorkflowNotFoundError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { sql } from 'kysely';
import { createWebhookActivities } from '../../activities/webhooks.ts';
import { startRelay } from '../../src/main/relay.ts';
import { connect } from '../../src/persistence/database.ts';
import { resendDeliveries } from '../../src/persistence/deliveries.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { recordEvents } from '../../src/persistence/events.ts';
import { nudge } from '../../src/persistence/nudges.ts';
import { findRows, query } from '../../src/persistence/rows.ts';
import { WebhookDeliverySchema } from '../../src/persistence/webhooks.ts';
import { newId } from '../../src/platform/ids.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createSafeSender, type SafeSender } from '../../src/platform/safe-fetch.ts';
import { connectTemporal } from '../../src/platform/temporal.ts';
import { recheckSignal, taskQueue, workflowId } from '../../workflows/messages.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { record } from '../support/record.ts';
import { createTestNamespace } from '../support/temporal.ts';
import { seedTenant } from '../support/tenant.ts';
import { Receiver, seedEndpoint, seedEvents, vault, verify } from '../support/webhooks.ts';

/** So long an attempt hangs: longer than anybody waits here who is not to wait for it. */
const HANGS_MS = 60_000;
const logger = createLogger({ logLevel: 'silent' });
let testDatabase: TestDatabase;
let database: Database;
let connection: Connection;
let native: NativeConnection;
let client: Client;
let sender: SafeSender;
let namespace: string;
let worker: Worker;
let working: Promise<void>;
let relay: AsyncDisposable;
let tenantId: string;
let receiver: Receiver;

const makeWorker = () =>
  Worker.create({
    connection: native,
    namespace,
    taskQueue: taskQueue('webhooks', ''),
    workflowsPath: fileURLToPath(new URL('../../workflows/webhook-endpoint.ts', import.meta.url)),
    activities: createWebhookActivities({
      database,
      vault,
      sender,
      logger,
      metrics: createMetrics(),
      random: () => 0,
    }),
    shutdownGraceTime: '100 milliseconds',
  });

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = await connect({ url: testDatabase.url, poolSize: 20, applicationName: 'webhook workflow test' });
  const temporal = await createTestNamespace();
  connection = await connectTemporal(temporal);
  native = await NativeConnection.connect({ address: temporal.address });
  client = new Client({ connection, namespace: temporal.namespace });
  sender = createSafeSender({ allow: ['127.0.0.0/8'], timeoutMs: HANGS_MS });
  namespace = temporal.namespace;
  worker = await makeWorker();
  working = worker.run();
  relay = startRelay({ database, client, taskQueuePrefix: '', logger, pollMs: 25 });
});
afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  worker?.shutdown();
  await working;
  await sender?.[Symbol.asyncDispose]();
  await native?.close();
  await connection?.close();
  await database?.close();
  await testDatabase?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  tenantId = await seedTenant(database);
  receiver = await Receiver.start();
});
afterEach(() => receiver[Symbol.asyncDispose]());

async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  patienceMs = 120_000,
): Promise<T> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await sleep(10);
  }
}

const deliveries = () => database.withTenant(tenantId, (tx) => findRows(tx, WebhookDeliverySchema, {}));
const handleOf = (endpointId: string) => client.workflow.getHandle(workflowId.webhookEndpoint(endpointId));

/** In one transaction, so that the relay finds all of it at once, however slowly it was written. */
async function seedAtOnce(count: number): Promise<void> {
  const about = { type: 'customer.updated', objectType: 'customer', createdAt: new Date() } as const;
  const recorded = Array.from({ length: count }, () => {
    const id = newId('cus');
    return { ...about, objectId: id, data: { object: { object: 'customer', id } } };
  });
  const cause = { correlationId: null, causationId: null };
  await database.withTenant(tenantId, (tx) => recordEvents(tx, tenantId, cause, recorded));
}

async function statusOf(endpointId: string): Promise<string | null> {
  try {
    return (await handleOf(endpointId).describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || (error as Error).name === 'WorkflowNotFoundError')
      return null;
    throw error;
  }
}

const ended = (endpointId: string) =>
  until('the end of the workflow', async () => (await statusOf(endpointId)) === 'COMPLETED');

describe('from a fact to a verified webhook', () => {
  test('an event reaches its endpoint, verifies, and the workflow ends when nothing is pending', async () => {
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await seedEvents(database, tenantId, 3);
    await until('three webhooks', async () => receiver.received.length >= 3);
    for (const received of receiver.received) verify(endpoint.secret, received);
    await ended(endpoint.id);
    expect((await deliveries()).map(({ status }) => status)).toEqual(['delivered', 'delivered', 'delivered']);
    const { typedSearchAttributes } = await handleOf(endpoint.id).describe();
    expect(JSON.stringify(typedSearchAttributes.getAll())).toContain(tenantId);
  });

  test('many events cost a handful of actions', async () => {
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await seedAtOnce(200);
    await until('200 webhooks', async () => receiver.received.length >= 200);
    await ended(endpoint.id);
    expect(new Set(receiver.said.map(({ id }) => id)).size).toBe(200);
    const { events } = await handleOf(endpoint.id).fetchHistory();
    const drains = (events ?? []).filter((event) => event.activityTaskScheduledEventAttributes);
    expect(drains.length).toBeLessThan(20);
  });

  test('a failed delivery is tried again by the timer of its workflow', async () => {
    receiver.answer = (response) => response.writeHead(receiver.received.length === 1 ? 500 : 200).end();
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await seedEvents(database, tenantId, 1);
    await until('the first attempt', async () => receiver.received.length >= 1);
    await until('the wait', async () => {
      const { events } = await handleOf(endpoint.id).fetchHistory();
      return events?.some((event) => event.timerStartedEventAttributes);
    });
    const world = { client };
    await record(world, 'endpoint-waiting-for-a-retry', workflowId.webhookEndpoint(endpoint.id));
    await ended(endpoint.id);
    await record(world, 'endpoint-with-retries', workflowId.webhookEndpoint(endpoint.id));
    expect(receiver.received).toHaveLength(2);
    const [first, second] = receiver.received.map(({ headers }) => Number(headers['webhook-timestamp']));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(4);
  });

  test('what was committed while nobody woke anybody is found by the sweep', async () => {
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await seedEvents(database, tenantId, 1);
    await ended(endpoint.id);
    const [delivery] = await deliveries();
    // A resend by a process that died right after its commit.
    await database.withTenant(tenantId, (tx) => resendDeliveries(tx, [delivery?.id ?? ''], new Date()));
    await until('the resent webhook', async () => receiver.received.length === 2);
    expect(receiver.said[1]?.id).toBe(receiver.said[0]?.id);
  });

  test('a hanging endpoint holds up nobody else', async () => {
    receiver.answer = () => undefined;
    await seedEndpoint(database, tenantId, receiver.url);
    await using healthy = await Receiver.start();
    await seedEndpoint(database, tenantId, healthy.url);
    await seedEvents(database, tenantId, 5);
    await until('five webhooks beside the hanging one', async () => healthy.received.length === 5, 45_000);
  });

  test('a worker that stops in the middle of an attempt hands over at once', async () => {
    receiver.answer = () => undefined;
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await seedEvents(database, tenantId, 1);
    await until('the hanging attempt', async () => receiver.received.length === 1);
    worker.shutdown();
    await working;
    expect(await deliveries()).toMatchObject([
      { status: 'pending', leaseUntil: null, attempts: 1, scheduleBase: 1 },
    ]);
    receiver.status(200);
    worker = await makeWorker();
    working = worker.run();
    await ended(endpoint.id);
    expect(receiver.said.map(({ id }) => id)).toEqual([receiver.said[0]?.id, receiver.said[0]?.id]);
  });

  test('after 200 rounds a new run goes on, with its tenant still attached and the retry still owed', async () => {
    receiver.status(503, { 'retry-after': '3600' });
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await seedEvents(database, tenantId, 1);
    await until('the first attempt', async () => (await deliveries())[0]?.lastStatus === 503);
    const handle = handleOf(endpoint.id);
    const firstRun = (await handle.describe()).runId;
    // One signal a round: a run cannot end while signals keep coming in faster than they are looked at.
    await until(
      'a second run',
      async () => {
        const { runId, raw } = await handle.describe();
        if (runId !== firstRun) return true;
        if (!raw.pendingWorkflowTask && raw.pendingActivities?.length === 0)
          await handle.signal(recheckSignal);
        return false;
      },
      900_000,
    );
    const { status, typedSearchAttributes } = await handle.describe();
    expect(status.name).toBe('RUNNING');
    expect(JSON.stringify(typedSearchAttributes.getAll())).toContain(tenantId);
    expect(receiver.received).toHaveLength(1);
    await database.withTenant(tenantId, (tx) =>
      query(tx, sql`update webhook_deliveries set next_attempt_at = now()`),
    );
    receiver.status(200);
    await handle.signal(recheckSignal);
    await ended(endpoint.id);
    expect(await deliveries()).toMatchObject([{ status: 'delivered', attempts: 2 }]);
  }, 1_200_000);

  test('a stranger gets nothing', async () => {
    await using stranger = await Receiver.start();
    await seedEndpoint(database, await seedTenant(database), stranger.url);
    await seedEndpoint(database, tenantId, receiver.url);
    await seedEvents(database, tenantId, 2);
    await until('our webhooks', async () => receiver.received.length === 2);
    await sleep(200);
    expect(stranger.received).toEqual([]);
  });
});

describe('nudges', () => {
  test('reach the workflow that waits, started if it has to be', async () => {
    const owed = (['subscription', 'invoice', 'test_clock'] as const).map((kind) => ({
      kind,
      entityId: newId(kind === 'subscription' ? 'sub' : kind === 'invoice' ? 'inv' : 'clk'),
    }));
    await database.withTenant(tenantId, async (tx) => {
      for (const one of owed) await nudge(tx, { ...one, tenantId, notBefore: new Date() });
    });
    const ids = owed.map(({ kind, entityId }) =>
      kind === 'test_clock' ? workflowId.testClock(entityId) : workflowId[kind](entityId),
    );
    const types = await until('three workflows', async () => {
      const found = await Promise.allSettled(ids.map((id) => client.workflow.getHandle(id).describe()));
      return found.every(({ status }) => status === 'fulfilled')
        ? found.map((one) => (one.status === 'fulfilled' ? one.value.type : ''))
        : null;
    });
    expect(types).toEqual(['subscription', 'invoice', 'testClock']);
    const left = await until('settled nudges', async () => {
      const rows = await database.withTenant(tenantId, (tx) => query(tx, sql`select 1 from nudges`));
      return rows.length === 0 ? [true] : null;
    });
    expect(left).toEqual([true]);
    await Promise.all(ids.map((id) => client.workflow.getHandle(id).terminate()));
  });
});
