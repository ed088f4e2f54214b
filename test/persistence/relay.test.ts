import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { connect } from '../../src/persistence/database.ts';
import {
  type NewDelivery,
  REPLAY_MAX,
  replayEvents,
  resendDeliveries,
} from '../../src/persistence/deliveries.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { eventsAfter, latestEvents, recordEvents } from '../../src/persistence/events.ts';
import { nudge, settleNudge } from '../../src/persistence/nudges.ts';
import {
  claimNudges,
  endpointsDue,
  expireCommands,
  fanOut,
  holdRelay,
  leadRelay,
  placeEvents,
} from '../../src/persistence/relay.ts';
import { query } from '../../src/persistence/rows.ts';
import { deadLetterPending } from '../../src/persistence/webhooks.ts';
import { newId } from '../../src/platform/ids.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { seedTenant } from '../support/tenant.ts';
import { seedEndpoint, seedEvents } from '../support/webhooks.ts';

let testDatabase: TestDatabase;
let database: Database;
let tenantId: string;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = await connect({ url: testDatabase.url, poolSize: 10, applicationName: 'relay test' });
});
afterAll(async () => {
  await database?.close();
  await testDatabase?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  tenantId = await seedTenant(database);
});

/** One batch of one relay: what `src/main/relay.ts` does in its transaction. */
async function relayOnce(limit = 1_000, pauseMs = 0): Promise<string[] | null> {
  return database.asSystem('test', async (tx) => {
    if (!(await leadRelay(tx))) return null;
    const placed = await placeEvents(tx, limit);
    await fanOut(tx, placed, new Date());
    if (pauseMs > 0) await new Promise((done) => setTimeout(done, pauseMs));
    return placed;
  });
}

const owed = () =>
  database.asSystem('test', (tx) =>
    query<NewDelivery & { type: string }>(
      tx,
      sql`select d.tenant_id as "tenantId", d.endpoint_id as "endpointId", d.event_id as "eventId", e.type
        from webhook_deliveries d join events e on e.id = d.event_id where d.tenant_id = ${tenantId} order by e.position`,
    ),
  );

const feed = (after = '0', limit = 1_000) =>
  database.withTenant(tenantId, (tx) => eventsAfter(tx, after, { limit }));

describe('placing events', () => {
  test('gives positions in the order of recording, and only then does the feed show them', async () => {
    const customerId = await seedEvents(database, tenantId, 3);
    expect(await feed()).toEqual([]);
    expect(await relayOnce()).toHaveLength(3);
    const events = await feed();
    expect(events.map((event) => [event.objectId, event.sequence])).toEqual(
      [1, 2, 3].map((n) => [customerId, n]),
    );
    expect(events.map(({ position }) => typeof position)).toEqual(['string', 'string', 'string']);
    const positions = events.map((event) => Number(event.position));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  test('an event that commits late comes later, never behind a reader', async () => {
    let commitLate: () => void = () => undefined;
    const mayCommit = new Promise<void>((done) => {
      commitLate = done;
    });
    const other = await seedTenant(database);
    const late = database.withTenant(other, async (tx) => {
      await recordEvents(tx, other, { correlationId: null, causationId: null }, [
        {
          type: 'customer.created',
          objectType: 'customer',
          objectId: newId('cus'),
          data: { object: {} },
          createdAt: new Date(),
        },
      ]);
      await mayCommit;
    });
    await seedEvents(database, tenantId, 1);
    expect(await relayOnce()).toHaveLength(1);
    commitLate();
    await late;
    await relayOnce();
    const [early] = await feed();
    const [afterwards] = await database.withTenant(other, (tx) => eventsAfter(tx, '0', { limit: 10 }));
    expect(Number(afterwards?.position)).toBeGreaterThan(Number(early?.position));
  });

  test('two relays at once place every event once, without a gap, and owe it once', async () => {
    await relayOnce();
    const endpoint = await seedEndpoint(database, tenantId, 'https://example.com');
    await seedEvents(database, tenantId, 60);
    let placed = 0;
    let refused = 0;
    const relay = async () => {
      while (placed < 60) {
        const batch = await relayOnce(7, 5);
        if (batch === null) refused += 1;
        else placed += batch.length;
      }
    };
    await Promise.all([relay(), relay(), relay()]);
    expect(placed).toBe(60);
    expect(refused).toBeGreaterThan(0);
    const positions = (await feed()).map((event) => Number(event.position));
    const [first = 0] = positions;
    expect(positions).toEqual(Array.from({ length: 60 }, (_, index) => first + index));
    expect(await owed()).toHaveLength(60);
    expect(new Set((await owed()).map(({ endpointId }) => endpointId))).toEqual(new Set([endpoint.id]));
  });

  test('while somebody holds the relay, nobody leads', async () => {
    await database.asSystem('test', async (tx) => {
      await holdRelay(tx);
      expect(await relayOnce()).toBeNull();
    });
    expect(await relayOnce()).toEqual([]);
  });
});

describe('owing events to endpoints', () => {
  test('goes by tenant, type and state', async () => {
    const stranger = await seedTenant(database);
    const everything = await seedEndpoint(database, tenantId, 'https://all.example');
    const some = await seedEndpoint(database, tenantId, 'https://some.example', {
      eventTypes: ['customer.created'],
    });
    await seedEndpoint(database, stranger, 'https://stranger.example');
    await seedEndpoint(database, tenantId, 'https://off.example', {
      status: 'disabled',
      disabledReason: 'manual',
      disabledAt: new Date(),
    });
    await seedEndpoint(database, tenantId, 'https://gone.example', { deletedAt: new Date() });
    await seedEvents(database, tenantId, 1, { type: 'customer.created' });
    await seedEvents(database, tenantId, 1, { type: 'customer.updated' });
    await relayOnce();
    expect((await owed()).map(({ endpointId, type }) => `${endpointId} ${type}`).sort()).toEqual(
      [
        `${everything.id} customer.created`,
        `${everything.id} customer.updated`,
        `${some.id} customer.created`,
      ].sort(),
    );
    const elsewhere = await database.withTenant(stranger, (tx) =>
      query(tx, sql`select 1 from webhook_deliveries`),
    );
    expect(elsewhere).toEqual([]);
  });

  test('a test goes to the endpoint that was asked, and to no other', async () => {
    const asked = await seedEndpoint(database, tenantId, 'https://asked.example');
    await seedEndpoint(database, tenantId, 'https://other.example');
    await seedEvents(database, tenantId, 1, { type: 'webhook_endpoint.test', objectId: asked.id });
    await relayOnce();
    expect((await owed()).map(({ endpointId }) => endpointId)).toEqual([asked.id]);
  });

  test('the sweep names endpoints with something due, once, with the oldest instant', async () => {
    const endpoint = await seedEndpoint(database, tenantId, 'https://one.example');
    await seedEndpoint(database, tenantId, 'https://two.example', { eventTypes: ['invoice.paid'] });
    await seedEvents(database, tenantId, 3);
    await relayOnce();
    const due = await database.asSystem('test', (tx) => endpointsDue(tx, new Date()));
    const ours = due.filter((one) => one.tenantId === tenantId);
    expect(ours).toEqual([{ tenantId, endpointId: endpoint.id, dueAt: expect.any(Date) }]);
    const earlier = new Date(Date.now() - 60_000);
    const before = await database.asSystem('test', (tx) => endpointsDue(tx, earlier));
    expect(before.filter((one) => one.tenantId === tenantId)).toEqual([]);
  });
});

describe('replaying', () => {
  test('owes what did not arrive since an instant, and nothing that did', async () => {
    const endpoint = await seedEndpoint(database, tenantId, 'https://example.com', {
      eventTypes: ['customer.updated'],
    });
    const from = new Date(Date.now() - 60_000);
    await seedEvents(database, tenantId, 2);
    await relayOnce();
    const [arrived] = await owed();
    await database.withTenant(tenantId, async (tx) => {
      await query(
        tx,
        sql`update webhook_deliveries set status = 'delivered', delivered_at = now(), next_attempt_at = null where event_id = ${arrived?.eventId}`,
      );
      await deadLetterPending(tx, endpoint.id, 'off', new Date());
      await query(
        tx,
        sql`update webhook_endpoints set status = 'disabled', disabled_at = now() where id = ${endpoint.id}`,
      );
    });
    await seedEvents(database, tenantId, 1);
    await seedEvents(database, tenantId, 1, { type: 'customer.created' });
    await relayOnce();
    await seedEvents(database, tenantId, 1);

    const replayed = await database.withTenant(tenantId, (tx) =>
      replayEvents(tx, endpoint, from, new Date()),
    );
    // One that was given up, one that came while it was disabled, one that has no position yet.
    expect(replayed).toBe(3);
    const pending = await database.withTenant(tenantId, (tx) =>
      query<{ status: string }>(tx, sql`select status from webhook_deliveries order by status`),
    );
    expect(pending.map(({ status }) => status)).toEqual(['delivered', 'pending', 'pending', 'pending']);
    expect(REPLAY_MAX).toBeGreaterThan(1_000);
  });

  test('a resend begins the schedule anew and keeps the event', async () => {
    await seedEndpoint(database, tenantId, 'https://example.com');
    await seedEvents(database, tenantId, 1);
    await relayOnce();
    const rows = await database.withTenant(tenantId, async (tx) => {
      const [row] = await query<{ id: string }>(
        tx,
        sql`update webhook_deliveries set attempts = 4, status = 'dead', next_attempt_at = null returning id`,
      );
      await resendDeliveries(tx, [row?.id ?? ''], new Date());
      return query(tx, sql`select status, attempts, schedule_base from webhook_deliveries`);
    });
    expect(rows).toEqual([{ status: 'pending', attempts: 4, schedule_base: 4 }]);
  });
});

describe('the feed', () => {
  test('goes on after a position, or back from the newest, and can be filtered', async () => {
    const customerId = await seedEvents(database, tenantId, 3);
    await seedEvents(database, tenantId, 1, { type: 'customer.deleted' });
    await relayOnce();
    const [first, second] = await feed('0', 2);
    expect((await feed(second?.position ?? '0')).map(({ sequence }) => sequence)).toEqual([3, 1]);
    const latest = await database.withTenant(tenantId, (tx) =>
      latestEvents(tx, null, { limit: 10, objectId: customerId, types: ['customer.updated'] }),
    );
    expect(latest.map(({ sequence }) => sequence)).toEqual([3, 2, 1]);
    const older = await database.withTenant(tenantId, (tx) =>
      latestEvents(tx, second?.position ?? null, { limit: 10 }),
    );
    expect(older.map(({ id }) => id)).toEqual([first?.id]);
  });
});

describe('nudges and commands', () => {
  test('a nudge is taken by one relay, comes back when it was not settled, and survives being owed anew', async () => {
    const now = new Date();
    const lease = new Date(now.getTime() + 30_000);
    const claim = (at: Date) => database.asSystem('test', (tx) => claimNudges(tx, at, lease, 10));
    const owe = () =>
      database.withTenant(tenantId, (tx) =>
        nudge(tx, {
          tenantId,
          kind: 'subscription',
          entityId: newId('sub').replace(/.{26}$/, '0'.repeat(26)),
          notBefore: now,
        }),
      );
    await owe();
    const [taken] = await claim(now);
    expect(taken).toMatchObject({ tenantId, kind: 'subscription', version: 1 });
    expect(await claim(now)).toEqual([]);
    expect(await claim(lease)).toMatchObject([{ version: 1 }]);
    await owe();
    await database.asSystem('test', (tx) => settleNudge(tx, taken ?? { workflowId: '', version: 0 }));
    const [again] = await claim(now);
    expect(again).toMatchObject({ version: 2 });
    await database.asSystem('test', (tx) => settleNudge(tx, again ?? { workflowId: '', version: 0 }));
    expect(await claim(lease)).toEqual([]);
  });

  test('a command expires when its time is over, unless somebody is applying it', async () => {
    const command = async (expiresAt: Date) => {
      const id = newId('cmd');
      await database.withTenant(tenantId, (tx) =>
        query(
          tx,
          sql`insert into commands (id, tenant_id, subject_id, kind, body, requested_at, expires_at, status, created_at)
            values (${id}, ${tenantId}, ${newId('sub')}, 'cancel', '{}', now(), ${expiresAt.toISOString()}, 'pending', now())`,
        ),
      );
      return id;
    };
    const now = new Date();
    const [stale, fresh, held] = [
      await command(new Date(now.getTime() - 1)),
      await command(new Date(now.getTime() + 60_000)),
      await command(new Date(now.getTime() - 1)),
    ];
    await database.withTenant(tenantId, async (tx) => {
      await query(tx, sql`select id from commands where id = ${held} for update`);
      expect(await database.asSystem('test', (other) => expireCommands(other, now))).toBe(1);
    });
    const rows = await database.withTenant(tenantId, (tx) =>
      query<{ id: string; status: string }>(tx, sql`select id, status from commands`),
    );
    expect(Object.fromEntries(rows.map(({ id, status }) => [id, status]))).toEqual({
      [stale]: 'expired',
      [fresh]: 'pending',
      [held]: 'pending',
    });
  });
});
