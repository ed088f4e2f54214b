import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { sql } from 'kysely';
import { createWebhookActivities, type DrainResult } from '../../activities/webhooks.ts';
import { webhookBodySchema } from '../../src/contract/events.ts';
import type { WebhookDelivery, WebhookEndpoint } from '../../src/domain/webhook.ts';
import { connect } from '../../src/persistence/database.ts';
import { attemptsOf, resendDeliveries } from '../../src/persistence/deliveries.ts';
import { beginAttempts } from '../../src/persistence/delivery-attempts.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { claimDeliveries } from '../../src/persistence/drain-deliveries.ts';
import { fanOut, placeEvents } from '../../src/persistence/relay.ts';
import { findRows, query } from '../../src/persistence/rows.ts';
import {
  disableEndpoint,
  findEndpoint,
  lockEndpoint,
  WebhookDeliverySchema,
} from '../../src/persistence/webhooks.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createSafeSender, type SafeSender } from '../../src/platform/safe-fetch.ts';
import { newWebhookSecret, webhookSecretPlace } from '../../src/platform/webhook-signature.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTenant } from '../support/tenant.ts';
import { Receiver, seedEndpoint, seedEvents, vault, verify } from '../support/webhooks.ts';

let testDatabase: TestDatabase;
let database: Database;
let sender: SafeSender;
let receiver: Receiver;
let tenantId: string;
let now: Date;
const metrics = createMetrics();

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = await connect({ url: testDatabase.url, poolSize: 10, applicationName: 'webhooks test' });
  sender = createSafeSender({ allow: ['127.0.0.0/8'], timeoutMs: 1_000 });
});
afterAll(async () => {
  await sender?.[Symbol.asyncDispose]();
  await database?.close();
  await testDatabase?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  tenantId = await seedTenant(database);
  receiver = await Receiver.start();
  now = new Date();
});
afterEach(() => receiver[Symbol.asyncDispose]());

const activities = (use: SafeSender = sender) =>
  createWebhookActivities({
    database,
    vault,
    sender: use,
    logger: createLogger({ logLevel: 'silent' }),
    metrics,
    now: () => now,
    random: () => 0,
  });

function drain(
  endpointId: string,
  use?: SafeSender,
  environment = new MockActivityEnvironment(),
): Promise<DrainResult> {
  return environment.run(activities(use).drainEndpoint, { tenantId, endpointId });
}

const relay = () => database.asSystem('test', async (tx) => fanOut(tx, await placeEvents(tx, 1_000), now));

const pass = (ms: number) => {
  now = new Date(now.getTime() + ms);
};

const deliveries = () => database.withTenant(tenantId, (tx) => findRows(tx, WebhookDeliverySchema, {}));

async function onlyDelivery(): Promise<WebhookDelivery> {
  const [delivery, ...more] = await deliveries();
  if (!delivery || more.length > 0) throw new Error(`expected one delivery, there are ${more.length + 1}`);
  return delivery;
}

const attempts = async () => {
  const { id } = await onlyDelivery();
  return database.withTenant(tenantId, (tx) => attemptsOf(tx, id));
};

const endpointNow = (id: string) => database.withTenant(tenantId, (tx) => findEndpoint(tx, id));

async function owe(changes: Partial<WebhookEndpoint> = {}): Promise<WebhookEndpoint & { secret: string }> {
  const endpoint = await seedEndpoint(database, tenantId, receiver.url, changes);
  await seedEvents(database, tenantId, 1);
  await relay();
  return endpoint;
}

describe('a healthy receiver', () => {
  test('gets a signed body of the catalogue, once, and the attempt is on record', async () => {
    const endpoint = await owe();
    expect(await drain(endpoint.id)).toEqual({
      state: 'enabled',
      pending: 0,
      next: null,
      failingSince: null,
    });
    const [received] = receiver.received;
    if (!received) throw new Error('nothing was received');
    verify(endpoint.secret, received);
    expect(received.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': expect.stringMatching(/^Perennial-Webhooks\/\d/),
    });
    const [said] = receiver.said;
    expect(received.headers['webhook-id']).toBe(said?.id);
    expect(said).toMatchObject({ type: 'customer.updated', sequence: 1, data: { object: { n: 1 } } });
    expect(webhookBodySchema('customer.updated').keyof().options).toEqual(
      expect.arrayContaining(Object.keys(said ?? {})),
    );
    expect(await onlyDelivery()).toMatchObject({
      status: 'delivered',
      attempts: 1,
      lastStatus: 200,
      lastError: null,
    });
    expect(await attempts()).toMatchObject([
      { n: 1, status: 200, error: null, responseExcerpt: 'ok', latencyMs: expect.any(Number) },
    ]);
    await drain(endpoint.id);
    expect(receiver.received).toHaveLength(1);
  });

  test('gets the events of one object in order, however many objects there are', async () => {
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    receiver.answer = (response) => setTimeout(() => response.end(), Math.random() * 5);
    await Promise.all(Array.from({ length: 10 }, () => seedEvents(database, tenantId, 30)));
    await relay();
    expect(await drain(endpoint.id)).toMatchObject({ pending: 0, next: null });
    const perObject = Map.groupBy(receiver.said, ({ id }) => id);
    expect(perObject.size).toBe(300);
    const sequences = Map.groupBy(await orderOfObjects(), ({ objectId }) => objectId);
    for (const seen of sequences.values()) {
      expect(seen.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: 30 }, (_, index) => index + 1),
      );
    }
  });

  test('verifies with either secret while a rotation lasts, then only with the new one', async () => {
    const former = newWebhookSecret();
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await database.withTenant(tenantId, (tx) =>
      query(
        tx,
        sql`update webhook_endpoints set previous_secret_sealed = ${vault.seal(former, webhookSecretPlace(endpoint))},
          previous_secret_expires_at = ${new Date(now.getTime() + 3_600_000).toISOString()} where id = ${endpoint.id}`,
      ),
    );
    await seedEvents(database, tenantId, 1);
    await relay();
    await drain(endpoint.id);
    const [during] = receiver.received;
    if (!during) throw new Error('nothing was received');
    verify(endpoint.secret, during);
    verify(former, during);
    pass(3_600_000);
    await seedEvents(database, tenantId, 1);
    await relay();
    await drain(endpoint.id);
    expect(receiver.received[1]?.headers['webhook-signature']).toMatch(/^v1,[^ ]+$/);
  });
});

/** What was received, as (object, sequence), in the order it came. */
async function orderOfObjects(): Promise<{ objectId: string; sequence: number }[]> {
  const rows = await database.withTenant(tenantId, (tx) =>
    query<{ id: string; object_id: string }>(tx, sql`select id, object_id from events`),
  );
  const objects = new Map(rows.map(({ id, object_id }) => [id, object_id]));
  return receiver.said.map(({ id, sequence }) => ({ objectId: objects.get(id) ?? '', sequence }));
}

describe('a receiver that fails', () => {
  test('is tried again by the schedule with the same bytes, then the delivery is a dead letter', async () => {
    receiver.status(500);
    const endpoint = await owe();
    const waits: number[] = [];
    for (;;) {
      const { next } = await drain(endpoint.id);
      if (!next) break;
      waits.push(next.waitMs / 1_000);
      pass(next.waitMs);
    }
    expect(waits).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    expect(receiver.received).toHaveLength(10);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10);
    expect(await onlyDelivery()).toMatchObject({
      status: 'dead',
      attempts: 10,
      lastStatus: 500,
      lastError: 'All 10 attempts failed. The receiver answered 500.',
    });
    expect(await attempts()).toHaveLength(10);
  });

  test('and recovers is well again', async () => {
    receiver.status(500);
    const endpoint = await owe();
    expect((await drain(endpoint.id)).failingSince).toBe(now.toISOString());
    pass(5_000);
    receiver.status(204);
    expect(await drain(endpoint.id)).toMatchObject({ pending: 0, failingSince: null });
  });

  test('is not asked before the time it named', async () => {
    receiver.status(429, { 'retry-after': '120' });
    const endpoint = await owe();
    expect((await drain(endpoint.id)).next?.waitMs).toBe(120_000);
    pass(119_999);
    await drain(endpoint.id);
    expect(receiver.received).toHaveLength(1);
    pass(1);
    await drain(endpoint.id);
    expect(receiver.received).toHaveLength(2);
  });

  test('by a redirect is not followed', async () => {
    receiver.status(302, { location: `${receiver.url}/elsewhere` });
    const endpoint = await owe();
    await drain(endpoint.id);
    expect(receiver.received).toHaveLength(1);
    expect(await onlyDelivery()).toMatchObject({ status: 'pending', lastStatus: 302 });
  });

  test('at a private address is never reached', async () => {
    await using strict = createSafeSender({ allow: [] });
    const endpoint = await owe();
    await drain(endpoint.id, strict);
    expect(receiver.received).toHaveLength(0);
    expect(await onlyDelivery()).toMatchObject({
      status: 'pending',
      lastStatus: null,
      lastError: expect.any(String),
    });
  });

  test('by hanging holds up nobody else of its tenant', async () => {
    receiver.answer = () => undefined;
    const slow = await seedEndpoint(database, tenantId, receiver.url);
    await using healthy = await Receiver.start();
    const quick = await seedEndpoint(database, tenantId, healthy.url);
    await seedEvents(database, tenantId, 5);
    await relay();
    const hanging = drain(slow.id);
    await drain(quick.id);
    expect(healthy.received).toHaveLength(5);
    await hanging;
  });
});

describe('an endpoint ends', () => {
  test('with 410: disabled, everything pending given up, and the others hear of it', async () => {
    await using healthy = await Receiver.start();
    const other = await seedEndpoint(database, tenantId, healthy.url, {
      eventTypes: ['webhook_endpoint.disabled'],
    });
    receiver.status(410);
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await Promise.all(Array.from({ length: 30 }, () => seedEvents(database, tenantId, 1)));
    await relay();
    expect(await drain(endpoint.id)).toEqual({
      state: 'disabled',
      pending: 0,
      next: null,
      failingSince: null,
    });
    expect(await endpointNow(endpoint.id)).toMatchObject({ status: 'disabled', disabledReason: 'gone' });
    expect((await deliveries()).every(({ status }) => status === 'dead')).toBe(true);

    await relay();
    await drain(other.id);
    expect(healthy.said).toMatchObject([
      { type: 'webhook_endpoint.disabled', data: { object: { id: endpoint.id, disabled_reason: 'gone' } } },
    ]);
    webhookBodySchema('webhook_endpoint.disabled').parse(healthy.said[0]);
    expect(healthy.received[0]?.body).not.toContain('whsec_');
  });

  test('after 5 days of failure', async () => {
    receiver.status(503);
    const endpoint = await owe({ failingSince: new Date(now.getTime() - 5 * 86_400_000) });
    expect(await drain(endpoint.id)).toMatchObject({ state: 'disabled', next: null });
    expect(await endpointNow(endpoint.id)).toMatchObject({ disabledReason: 'failing' });
  });

  test('while deliveries wait: a disabled one gets nothing more', async () => {
    const endpoint = await owe();
    await database.withTenant(tenantId, async (tx) => {
      const locked = await lockEndpoint(tx, endpoint.id);
      if (locked) await disableEndpoint(tx, locked, 'manual', now);
    });
    expect(await drain(endpoint.id)).toMatchObject({ state: 'disabled', pending: 0 });
    expect(receiver.received).toHaveLength(0);
    expect(await onlyDelivery()).toMatchObject({
      status: 'dead',
      lastError: 'The endpoint was disabled (manual).',
    });
  });
});

describe('nothing is lost', () => {
  test('when the worker dies between attempt and result: the lease ends and it is delivered', async () => {
    const endpoint = await owe();
    const leaseUntil = new Date(now.getTime() + 90_000);
    await database.withTenant(tenantId, async (tx) => {
      const claimed = await claimDeliveries(tx, {
        endpointId: endpoint.id,
        at: now,
        leaseUntil,
        limit: 10,
      });
      await beginAttempts(tx, claimed, now);
    });
    const { next } = await drain(endpoint.id);
    expect(receiver.received).toHaveLength(0);
    expect(next).toEqual({ at: leaseUntil.toISOString(), waitMs: 90_000 });
    pass(90_000);
    expect(await drain(endpoint.id)).toMatchObject({ pending: 0 });
    expect(receiver.received).toHaveLength(1);
    expect(await attempts()).toMatchObject([
      { n: 1, status: null, error: expect.stringMatching(/worker ended/) },
      { n: 2, status: 200, error: null },
    ]);
  });

  test('when the worker is told to stop: what ran is due again at once and costs no place in the schedule', async () => {
    receiver.answer = () => undefined;
    const endpoint = await owe();
    const environment = new MockActivityEnvironment();
    const drained = drain(endpoint.id, sender, environment);
    while (receiver.received.length === 0) await new Promise((done) => setTimeout(done, 10));
    environment.cancel();
    await expect(drained).rejects.toMatchObject({ type: 'worker_stopping', category: 'BENIGN' });
    expect(await onlyDelivery()).toMatchObject({
      status: 'pending',
      leaseUntil: null,
      attempts: 1,
      scheduleBase: 1,
    });
    receiver.status(200);
    await drain(endpoint.id);
    expect(await onlyDelivery()).toMatchObject({ status: 'delivered' });
  });

  test('two drains of one endpoint at once send everything once', async () => {
    const endpoint = await seedEndpoint(database, tenantId, receiver.url);
    await Promise.all(Array.from({ length: 40 }, () => seedEvents(database, tenantId, 1)));
    await relay();
    await Promise.all([drain(endpoint.id), drain(endpoint.id)]);
    expect(new Set(receiver.said.map(({ id }) => id)).size).toBe(40);
    expect(receiver.received).toHaveLength(40);
  });

  test('a resend sends the same event again', async () => {
    const endpoint = await owe();
    await drain(endpoint.id);
    const { id } = await onlyDelivery();
    await database.withTenant(tenantId, (tx) => resendDeliveries(tx, [id], now));
    await drain(endpoint.id);
    expect(receiver.said.map((said) => said.id)).toEqual([receiver.said[0]?.id, receiver.said[0]?.id]);
    expect(await attempts()).toHaveLength(2);
  });
});
