import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { runApi } from '../../src/main/run-api.ts';
import { runWorker } from '../../src/main/run-worker.ts';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { freePort } from '../../src/platform/port.ts';
import { eventually, moneyOf } from '../support/money.ts';
import { startProxy } from '../support/proxy.ts';
import { createWorld, type World } from '../support/world.ts';

/** An API and a worker as `npm start` runs them: one process, one registry. */
let world: World;
beforeAll(async () => {
  world = await createWorld({ worker: false });
});
afterAll(() => world[Symbol.asyncDispose]());

type Scrape = { status: number; values: Map<string, number>; value(series: string): number | undefined };

async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`);
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('perennial_'));
  const values = new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
  return { status: response.status, values, value: (series) => values.get(`perennial_${series}`) };
}

const apiAt = async (changes: Partial<World['config']> = {}, metrics = createMetrics()) => {
  const http = { ...world.config.http, port: await freePort() };
  return runApi({ ...world.config, http, ...changes }, world.logger, metrics);
};

test('say of healthy rows that nothing waits, who polls, and how long each activity took', async () => {
  const metrics = createMetrics();
  await using _worker = await runWorker(world.config, world.logger, metrics);
  const customer = await world.customer();
  await world.subscribe(customer, await world.plan([{}]));
  await using api = await apiAt({}, metrics);
  const polled = await eventually(async () => {
    const answer = await scrape(api.url);
    const isQuiet = answer.value('oldest_undelivered_event_seconds') === 0;
    return answer.value('queue_polled{queue="webhooks"}') === 1 && isQuiet && answer;
  });
  expect(polled.status).toBe(200);
  const gauges = [
    'database_up',
    'temporal_up',
    'queue_polled{queue="billing"}',
    'queue_polled{queue="gateway"}',
    'overdue_subscriptions',
    'blocked_subscriptions',
    'oldest_undelivered_event_seconds',
    'webhook_oldest_due_seconds',
    'webhook_deliveries{status="pending"}',
    'webhook_deliveries{status="dead"}',
    'unfinished_payment_attempts{status="unknown"}',
    'oldest_unknown_payment_seconds',
    'expired_commands',
    'oldest_touched_usage_seconds',
    'oldest_import_seconds',
    'failing_touched_usage',
  ];
  expect(gauges.map((name) => [name, polled.value(name)])).toEqual(
    gauges.map((name) => [name, /_up$|polled/.test(name) ? 1 : 0]),
  );
  expect(polled.value('usage_months_ahead')).toBe(3);
  // Database steps are local activities, the charge is a regular one.
  for (const activity of ['applyCommand', 'charge'])
    expect(polled.value(`activity_seconds_count{activity="${activity}",outcome="done"}`)).toBe(1);
  expect([...polled.values.keys()].join('\n')).not.toMatch(/(ten|sub|cus|inv)_[0-9a-z]{26}/);
});

test('say what waits: each number is the rows’', async () => {
  const { tenantId } = world;
  const ids: string[] = [];
  {
    await using _worker = await runWorker(world.config, world.logger);
    for (let n = 0; n < 3; n += 1) {
      const customer = await world.customer({}, n === 0 ? 'tok_pending_succeeds' : 'tok_succeeds');
      ids.push(await world.subscribe(customer, await world.plan([{}])));
    }
  }
  const [unknown, overdue, blocked] = ids;
  const endpoint = newId('we');
  const event = newId('evt');
  await world.inTenant(async (tx) => {
    await query(
      tx,
      sql`update subscriptions set next_step_at = now() - interval '6 minutes' where id in (${overdue}, ${blocked})`,
    );
    await query(tx, sql`update subscriptions set blocked_reason = 'a test' where id = ${blocked}`);
    await query(
      tx,
      sql`update payment_attempts set status = 'unknown', created_at = now() - interval '90 seconds'
      where invoice_id in (select id from invoices where subscription_id = ${unknown})`,
    );
    await query(
      tx,
      sql`insert into commands (id, tenant_id, subject_id, kind, body, requested_at, expires_at, status, created_at, finished_at)
      select 'cmd_' || n, ${tenantId}, ${overdue}, 'cancel', '{}', now(), now(), 'expired', now(), now() - n * interval '40 minutes' from generate_series(1, 2) n`,
    );
    await query(
      tx,
      sql`insert into events (id, tenant_id, type, object_type, object_id, sequence, api_version, data, created_at, recorded_at, position)
      values (${event}, ${tenantId}, 'customer.updated', 'customer', ${newId('cus')}, 1, '2026-11-21', '{}', now(), now(), 1000000)`,
    );
    await query(
      tx,
      sql`insert into webhook_endpoints (id, tenant_id, url, event_types, status, api_version, secret_sealed, created_at, updated_at)
      values (${endpoint}, ${tenantId}, 'https://example.com', '{*}', 'enabled', '2026-11-21', 'x', now(), now())`,
    );
    await query(
      tx,
      sql`insert into webhook_deliveries (id, tenant_id, endpoint_id, event_id, status, next_attempt_at, created_at, updated_at)
      values (${newId('del')}, ${tenantId}, ${endpoint}, ${event}, 'pending', now() - interval '30 seconds', now() - interval '300 seconds', now())`,
    );
    await query(
      tx,
      sql`insert into nudges (workflow_id, tenant_id, kind, entity_id, next_attempt_at, created_at)
      values ('subscription/x', ${tenantId}, 'subscription', 'x', now() - interval '45 seconds', now())`,
    );
    await query(
      tx,
      sql`insert into usage_imports (id, tenant_id, format, status, created_at, updated_at, finished_at)
      select 'imp_' || status, ${tenantId}, 'csv', status, now(), now() - seconds * interval '1 second', finished
      from (values ('running', 500, null), ('paused', 9000, null), ('completed', 9000, now())) as made(status, seconds, finished)`,
    );
    // One that was tried waits for another try, one that lies ahead for its time.
    await query(
      tx,
      sql`insert into usage_touched (tenant_id, customer_id, meter_id, not_before, tries)
      select ${tenantId}, 'cus_x', 'mtr_x', now() - seconds * interval '1 second', tries
      from (values (5000, 3), (-600, 0), (75, 0), (20, 0)) as waiting(seconds, tries)`,
    );
  });
  await using api = await apiAt();
  const { value } = await scrape(api.url);
  expect(value('overdue_subscriptions')).toBe(1);
  expect(value('blocked_subscriptions')).toBe(1);
  expect(value('expired_commands')).toBe(1);
  expect(value('failing_touched_usage')).toBe(1);
  expect(value('unfinished_payment_attempts{status="unknown"}')).toBe(1);
  expect(value('webhook_deliveries{status="pending"}')).toBe(1);
  const seconds = [
    'oldest_unknown_payment',
    'oldest_undelivered_event',
    'webhook_oldest_due',
    'oldest_nudge',
    'oldest_touched_usage',
    'oldest_import',
  ];
  const late = seconds.map(
    (name, n) => (value(`${name}_seconds`) ?? 0) - ([90, 300, 30, 45, 75, 500][n] ?? 0),
  );
  // The rows grew older while the API started.
  expect(late.filter((age) => age < 0 || age > 600)).toEqual([]);
  expect(await moneyOf(world).subscription(blocked ?? '')).toMatchObject({ blockedReason: 'a test' });
});

test('say that the database is away instead of failing, and show no old numbers', async () => {
  await using proxy = await startProxy(world.config.database.url);
  await using api = await apiAt({ database: { ...world.config.database, url: proxy.url } });
  await proxy.cut();
  const { status, value } = await scrape(api.url);
  expect(status).toBe(200);
  expect(value('database_up')).toBe(0);
  expect(value('overdue_subscriptions')).toBeUndefined();
  expect(value('webhook_deliveries{status="pending"}')).toBeUndefined();
  expect(value('temporal_up')).toBe(1);
});
