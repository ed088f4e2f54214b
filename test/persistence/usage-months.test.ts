import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { tendPartitions } from '../../activities/partitions.ts';
import { countUsage } from '../../src/persistence/count-usage.ts';
import { CustomerSchema } from '../../src/persistence/customers.ts';
import { ingestUsage } from '../../src/persistence/ingest-usage.ts';
import { insertRow } from '../../src/persistence/rows.ts';
import { isLockTimeout } from '../../src/persistence/trouble.ts';
import {
  deleteRetained,
  forgetOldKeys,
  monthsNeeded,
  prepareMonth,
} from '../../src/persistence/usage-months.ts';
import { newId } from '../../src/platform/ids.ts';
import { eventually } from '../support/money.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import { ruleOf } from '../support/usage.ts';

let tenant: LoneTenant;
let owner: pg.Client;
const customerId = newId('cus');
const DAY_MS = 86_400_000;
const now = new Date();
const daysAgo = (days: number) => new Date(now.getTime() - days * DAY_MS);

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 3 });
  owner = new pg.Client({ connectionString: tenant.ownerUrl });
  await owner.connect();
  const names = {
    externalId: null,
    email: null,
    timeZone: null,
    currency: null,
    testClockId: null,
    deletedAt: null,
  };
  const customer = {
    id: customerId,
    tenantId: tenant.id,
    name: 'Ada',
    metadata: {},
    createdAt: now,
    updatedAt: now,
    ...names,
  };
  await tenant.within((tx) => insertRow(tx, CustomerSchema, customer));
});
afterAll(async () => {
  await owner?.end();
  await tenant?.[Symbol.asyncDispose]();
});

const ask = async (text: string, values: unknown[] = []) =>
  (await owner.query<Record<string, unknown>>(text, values)).rows;
const events = () =>
  ask(
    `select key, tableoid::regclass::text as month, ingest_xid::text as seen from usage_events order by key`,
  );
const keys = async () => (await ask('select key from usage_event_keys order by key')).map(({ key }) => key);
const partition = (at: Date) => `usage_events_${at.toISOString().slice(0, 7).replace('-', '')}`;

async function send(name: string, at: Date, present = now): Promise<void> {
  const nothing = { externalCustomerId: null, subscriptionId: null, properties: {} };
  const event = { key: name, eventName: 'call', customerId, at, ...nothing };
  const outcomes = await tenant.database.writeAsTenant(tenant.id, (tx) =>
    ingestUsage(tx, tenant.id, [event], present),
  );
  expect(outcomes).toEqual(['accepted']);
}

test('a new database has the months around now, so nothing that is sent to it has to move', async () => {
  await send('first', now);
  expect((await events()).map(({ month }) => month)).toEqual([partition(now)]);
  expect(await tendPartitions({ database: tenant.database, now: () => now })).toMatchObject({
    months: 0,
    moved: 0,
  });
  for (const { month } of await ask(
    `select inhrelid::regclass::text as month from pg_inherits
     where inhparent = 'usage_events'::regclass and inhrelid <> 'usage_events_other'::regclass`,
  ))
    await ask(`drop table ${String(month)}`);
  await ask('delete from usage_event_keys');
});

test('events that come before their month is prepared move into it, and were seen by whoever had seen them', async () => {
  await send('old', daysAgo(30));
  await send('new', now);
  const before = await events();
  expect(before.map(({ month }) => month)).toEqual(['usage_events_other', 'usage_events_other']);
  const done = await tendPartitions({ database: tenant.database, now: () => now });
  expect(done).toEqual({ months: 6, moved: 2, keys: 0, events: 0 });
  expect(await events()).toEqual(
    before.map((event) => ({ ...event, month: partition(event['key'] === 'old' ? daysAgo(30) : now) })),
  );
  await send('newer', now);
  expect((await events()).map(({ month }) => month)).not.toContain('usage_events_other');
  // Everything is there; a second worker changes nothing.
  expect(await tendPartitions({ database: tenant.database, now: () => now })).toEqual({
    months: 0,
    moved: 0,
    keys: 0,
    events: 0,
  });
});

test('a tenant that takes older events has months for them', async () => {
  await ask('update tenants set late_window_days = 200 where id = $1', [tenant.id]);
  const months = await tenant.database.asSystem('test', (tx) =>
    monthsNeeded(tx, new Date('2026-03-15T00:00:00Z')),
  );
  expect(months.map((month) => month.toISOString().slice(0, 7))).toEqual(
    '2025-07 2025-08 2025-09 2025-10 2025-11 2025-12 2026-01 2026-02 2026-03 2026-04 2026-05 2026-06'.split(
      ' ',
    ),
  );
});

test('nobody can make a table in another way, or another table in this way', async () => {
  const far = new Date('2060-01-01T00:00:00Z');
  await expect(tenant.database.asSystem('test', (tx) => prepareMonth(tx, far))).rejects.toThrow(
    'too far away',
  );
  await expect(tenant.within((tx) => prepareMonth(tx, now))).rejects.toThrow('permission denied');
  const login = new pg.Client({ connectionString: tenant.url });
  await login.connect();
  await expect(login.query('select prepare_usage_month(current_date)')).rejects.toThrow('permission denied');
  await expect(login.query(`select from ${partition(now)}`)).rejects.toThrow('permission denied');
  await login.end();
  for (const role of ['withTenant', 'asSystem'] as const) {
    const look = tenant.database[role](tenant.id, (tx) => tx.run(`select from ${partition(now)}`, []));
    await expect(look).rejects.toThrow('permission denied');
  }
});

test('keys are forgotten when their event would be too old, by the slowest clock of the tenant', async () => {
  await ask('update tenants set late_window_days = 10 where id = $1', [tenant.id]);
  await send('edge', daysAgo(9.9));
  const forget = (at: Date) => tenant.database.asSystem('test', (tx) => forgetOldKeys(tx, at, 100));
  const clock = newId('clk');
  await ask(
    `insert into test_clocks (id, tenant_id, name, now_at, target_at, status, created_at, updated_at)
     values ($1, $2, 'slow', $3, $3, 'ready', now(), now())`,
    [clock, tenant.id, daysAgo(40)],
  );
  expect(await forget(now)).toBe(0);
  await ask(`update test_clocks set status = 'deleted' where id = $1`, [clock]);
  expect(await forget(now)).toBe(1);
  expect(await keys()).toEqual(['edge', 'new', 'newer']);
  expect(await forget(new Date(now.getTime() + 2 * DAY_MS))).toBe(1);
  expect(await keys()).toEqual(['new', 'newer']);
});

test('events are deleted after the days that a tenant keeps them, and never while they could come again', async () => {
  const remove = () =>
    tenant.database.asSystem('test', (tx) => deleteRetained(tx, new Date(now.getTime() + 45 * DAY_MS), 100));
  expect(await remove()).toBe(0);
  await ask('update tenants set usage_retention_days = 60, late_window_days = 90 where id = $1', [tenant.id]);
  expect(await remove()).toBe(0);
  await ask('update tenants set late_window_days = 10 where id = $1', [tenant.id]);
  expect(await remove()).toBe(1);
  expect((await events()).map(({ key }) => key)).toEqual(['edge', 'new', 'newer']);
});

test('who counts while a month is prepared counts all of it, wherever it is by then', async () => {
  const at = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 9, 15));
  await ask(
    `insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
      select $1, 'moves ' || n, 'moves', $2, $3, '{}', now() from generate_series(1, 2000) n`,
    [tenant.id, customerId, at.toISOString()],
  );
  const counts = new Set<unknown>();
  let isOver = false;
  const readers = Array.from({ length: 4 }, async () => {
    const reader = new pg.Client({ connectionString: tenant.ownerUrl });
    await reader.connect();
    do {
      const { rows } = await reader.query(
        `select count(*)::int as count from usage_events where event_name = 'moves'`,
      );
      counts.add(rows[0]?.['count']);
    } while (!isOver);
    await reader.end();
  });
  const prepared = (async () => {
    for (;;) {
      const moved = await tenant.database
        .asSystem('a month', (tx) => prepareMonth(tx, at))
        .catch((error: unknown) => (isLockTimeout(error) ? 'again' : Promise.reject(error)));
      if (moved !== 'again') return moved;
    }
  })().finally(() => {
    isOver = true;
  });
  expect(await prepared).toBe(2_000);
  await Promise.all(readers);
  expect([...counts]).toEqual([2_000]);
});

test('who asks while a month is prepared waits before it looks where events are', async () => {
  const at = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 8, 15));
  await ask(
    `insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
      select $1, 'waits ' || n, 'waits', $2, $3, '{}', now() from generate_series(1, 20) n`,
    [tenant.id, customerId, at.toISOString()],
  );
  const waiting = (count: number) =>
    eventually(async () => {
      const [row] = await ask(`select count(distinct pid)::integer as count from pg_locks
        where not granted and database = (select oid from pg_database where datname = current_database())`);
      return row?.['count'] === count;
    });
  await ask('begin');
  await ask('select prepare_usage_month($1)', [at.toISOString()]);
  const question = {
    customerId,
    subscription: null,
    start: daysAgo(1),
    end: new Date(at.getTime() + DAY_MS),
    timeZone: 'UTC',
  };
  const counting = tenant.within((tx) =>
    countUsage(tx, ruleOf(tenant.id, 'count', { eventName: 'waits' }), question),
  );
  await waiting(1);
  const sending = send('waits, too', at, at);
  await waiting(2);
  await ask('commit');
  expect((await counting).eventCount).toBe(20);
  await sending;
  expect((await events()).find(({ key }) => key === 'waits, too')?.['month']).toBe(partition(at));
});
