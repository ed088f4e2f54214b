import { describe, expect, test } from '@jest/globals';
import { reconcile } from '../../activities/reconcile.ts';
import type { PlanMigration } from '../../src/domain/plan-migration.ts';
import { engineOf } from '../../src/main/engine.ts';
import {
  countsOf,
  findMigration,
  insertMigration,
  lockMigration,
  MigrationSubscriberSchema,
  saveMigrationStatus,
  tellWorkflow,
} from '../../src/persistence/plan-migrations.ts';
import { PlanVersionSchema, PriceSchema } from '../../src/persistence/plans.ts';
import { findRows, insertRow, insertRows, updateRows } from '../../src/persistence/rows.ts';
import { TestClockSchema } from '../../src/persistence/test-clocks.ts';
import { newId } from '../../src/platform/ids.ts';
import { workflowId } from '../../workflows/messages.ts';
import { keptWorld } from '../support/kept-world.ts';
import { record } from '../support/record.ts';
import { billsOf, eventually, onClock, type Plan, subscriptionOf, underClock } from '../support/stories.ts';

const given = keptWorld();
const START = '2026-03-01T00:00:00.000Z';

/** The plan at its next version, every price of which costs `unitAmount`. */
async function publish(plan: Plan, version: number, unitAmount: string): Promise<void> {
  const world = given();
  const made = { planId: plan.planId, version, tenantId: world.tenantId, createdAt: new Date() };
  const dearer = await world.plan(plan.prices.map(({ key }) => ({ key, unitAmount })));
  const prices = dearer.prices.map((price) => ({
    ...price,
    id: newId('price'),
    planId: plan.planId,
    planVersion: version,
  }));
  await world.inTenant(async (tx) => {
    await updateRows(tx, PlanVersionSchema, { planId: plan.planId }, { active: false });
    await insertRow(tx, PlanVersionSchema, {
      ...made,
      active: true,
      trialDays: null,
      usageThresholds: [],
      invoiceGraceHours: null,
    });
    await insertRows(tx, PriceSchema, prices);
  });
}

/** `againAt`: none of them is to be moved before it. */
async function migrate(
  plan: Plan,
  changes: Partial<PlanMigration> = {},
  againAt: Date | null = null,
): Promise<string> {
  const { inTenant, tenantId } = given();
  const now = new Date();
  const migration: PlanMigration = {
    id: newId('mig'),
    tenantId,
    planId: plan.planId,
    fromVersion: null,
    toVersion: 2,
    filter: { status: null, customer: null, currency: null, started_before: null },
    effective: 'period_end',
    effectiveAt: null,
    proration: null,
    anchor: null,
    replacesScheduled: false,
    status: 'running',
    createdAt: now,
    updatedAt: now,
    finishedAt: null,
    ...changes,
  };
  await inTenant(async (tx) => {
    await insertMigration(tx, migration);
    await updateRows(tx, MigrationSubscriberSchema, { migrationId: migration.id }, { againAt });
  });
  return migration.id;
}

/** What became of each, by subscription, once the migration has come to `status`. */
async function reportOf(id: string, status = 'completed'): Promise<Record<string, string>> {
  const { inTenant } = given();
  await eventually(
    async () => (await inTenant((tx) => findMigration(tx, id)))?.status,
    (is) => is === status,
    60,
  );
  const rows = await inTenant((tx) => findRows(tx, MigrationSubscriberSchema, { migrationId: id }));
  return Object.fromEntries(
    rows.map(({ subscriptionId, status: outcome, reason }) => [
      subscriptionId,
      [outcome, ...(reason ? [reason] : [])].join(' '),
    ]),
  );
}

async function steer(id: string, status: PlanMigration['status']): Promise<void> {
  await given().inTenant(async (tx) => {
    const migration = await lockMigration(tx, id);
    if (!migration) throw new Error('it is gone');
    await saveMigrationStatus(tx, migration, status, new Date());
  });
  await tell(id);
}

async function tell(id: string): Promise<void> {
  const { inTenant, tenantId } = given();
  await inTenant((tx) => tellWorkflow(tx, { id, tenantId }, new Date()));
}

/** Resolves once the migration's workflow has found nobody to move and waits. */
async function waiting(id: string): Promise<void> {
  const handle = given().client.workflow.getHandle(workflowId.migratePlan(id));
  const events = async () => (await handle.fetchHistory().catch(() => ({ events: null }))).events ?? [];
  await eventually(
    async () => (await events()).some(({ timerStartedEventAttributes: timer }) => timer),
    (isWaiting) => isWaiting,
  );
}

describe('the subscribers of a plan', () => {
  test('are moved at the ends of their periods, and renew at the new price', async () => {
    const world = given();
    const plan = await world.plan([{}]);
    const clock = await underClock(world, START);
    const other = onClock(world, clock.time, await world.customer({ testClockId: clock.clockId }));
    const [one, two] = [await clock.subscribe(plan), await other.subscribe(plan)];
    await publish(plan, 2, '25');
    const id = await migrate(plan);
    expect(await reportOf(id)).toEqual({ [one]: 'scheduled', [two]: 'scheduled' });
    expect((await subscriptionOf(world, one)).planVersion).toBe(1);
    await clock.advance('2026-04-02T00:00:00.000Z');
    expect((await subscriptionOf(world, one)).planVersion).toBe(2);
    expect(await billsOf(world, two)).toEqual([
      '2026-03-01 paid 20 2026-03-01..2026-04-01',
      '2026-04-01 paid 25 2026-04-01..2026-05-01',
    ]);
    await record(world, 'plan-migrated', workflowId.migratePlan(id));
  }, 120_000);

  test('are moved at once, in the time of their clocks once these stand, prorated as it is asked for', async () => {
    const world = given();
    const plan = await world.plan([{}]);
    const clock = await underClock(world, START);
    const one = await clock.subscribe(plan);
    await clock.advance('2026-03-16T12:00:00.000Z');
    await publish(plan, 2, '51');
    const stands = (status: 'advancing' | 'ready') =>
      world.inTenant((tx) => updateRows(tx, TestClockSchema, { id: clock.clockId }, { status }));
    await stands('advancing');
    const id = await migrate(plan, { effective: 'now' });
    await waiting(id);
    await stands('ready');
    await tell(id);
    expect(await reportOf(id)).toEqual({ [one]: 'applied' });
    expect((await subscriptionOf(world, one)).planVersion).toBe(2);
    // 16 of 31 days: 20 given back, 51 charged.
    expect((await billsOf(world, one))[1]).toMatch(/^2026-03-16 paid 16 /);
  }, 120_000);

  test('who cannot be moved are refused with the reason, who need not are skipped, the others go on', async () => {
    const world = given();
    const plan = await world.plan([{}]);
    const clock = await underClock(world, START);
    const poor = onClock(
      world,
      clock.time,
      await world.customer({ testClockId: clock.clockId }, 'tok_insufficient_funds'),
    );
    const leaving = onClock(world, clock.time, await world.customer({ testClockId: clock.clockId }));
    const [incomplete, ended, fine] = [
      await poor.subscribe(plan),
      await leaving.subscribe(plan),
      await clock.subscribe(plan),
    ];
    await publish(plan, 2, '25');
    await world.stopWorker();
    const id = await migrate(plan, { effective: 'now', proration: 'none' });
    await world.startWorker();
    await leaving.command(ended, 'cancel', { mode: 'now', at: null, reason: null });
    const report = await reportOf(id);
    expect(report[incomplete]).toBe('refused change_not_allowed');
    expect(report[fine]).toBe('applied');
    // Whoever was quicker: he has left, or he was moved before he left.
    expect(['skipped ended', 'refused subscription_ended', 'applied']).toContain(report[ended]);
    const again = await migrate(plan, { effective: 'now', proration: 'none' });
    expect(await reportOf(again)).toEqual({ [incomplete]: 'refused change_not_allowed' });
  }, 120_000);

  test('stay where they are while it is paused, and when it is canceled before their turn', async () => {
    const world = given();
    const plan = await world.plan([{}]);
    const clock = await underClock(world, START);
    const one = await clock.subscribe(plan);
    await publish(plan, 2, '25');
    const id = await migrate(plan, {}, new Date(Date.now() + 3_600_000));
    await waiting(id);
    await record(world, 'plan-migration-waiting', workflowId.migratePlan(id));
    await steer(id, 'paused');
    const handle = world.client.workflow.getHandle(workflowId.migratePlan(id));
    await eventually(
      async () => (await handle.describe()).status.name,
      (is) => is === 'COMPLETED',
    );
    expect(await reportOf(id, 'paused')).toEqual({ [one]: 'pending' });
    await steer(id, 'canceled');
    await eventually(
      () => reportOf(id, 'canceled'),
      (report) => report[one] === 'skipped migration_canceled',
    );
    expect((await subscriptionOf(world, one)).planVersion).toBe(1);
  }, 120_000);

  test('are moved though the workflow of their migration is lost: it is found by its row and started anew', async () => {
    const world = given();
    const plan = await world.plan([{}]);
    const clock = await underClock(world, START);
    const one = await clock.subscribe(plan);
    await publish(plan, 2, '25');
    const id = await migrate(plan, {}, new Date(Date.now() + 3_600_000));
    await waiting(id);
    await world.client.workflow.getHandle(workflowId.migratePlan(id)).terminate();
    const { database } = world;
    await world.inTenant((tx) =>
      updateRows(tx, MigrationSubscriberSchema, { migrationId: id }, { againAt: null }),
    );
    const now = () => new Date();
    const repairs = reconcile(
      { database, engine: engineOf(world.client, ''), now },
      { dryRun: false, from: { pass: 'migrations', after: null } },
    );
    const kinds: string[] = [];
    for await (const repair of repairs) kinds.push(`${repair.kind} ${repair.id}`);
    expect(kinds).toEqual([`migration_lost ${id}`]);
    expect(await reportOf(id)).toEqual({ [one]: 'scheduled' });
  }, 120_000);

  test('a hundred and twenty are moved once each, though the worker is stopped on the way', async () => {
    const world = given();
    const plan = await world.plan([{}]);
    const clock = await underClock(world, START);
    const ids: string[] = [];
    for (let n = 0; n < 120; n += 1)
      ids.push(
        await clock.subscribe(plan, {
          trial_end: '2026-04-01T00:00:00.000Z',
        }),
      );
    await publish(plan, 2, '25');
    const id = await migrate(plan, { effective: 'now' });
    const moved = async () => (await world.inTenant((tx) => countsOf(tx, [id]))).get(id)?.applied ?? 0;
    await eventually(moved, (count) => count > 0);
    await world.stopWorker();
    await world.startWorker();
    const report = await reportOf(id);
    expect(Object.values(report)).toEqual(ids.map(() => 'applied'));
    const versions = await Promise.all(
      ids.map(async (one) => (await subscriptionOf(world, one)).planVersion),
    );
    expect(new Set(versions)).toEqual(new Set([2]));
  }, 180_000);
});
