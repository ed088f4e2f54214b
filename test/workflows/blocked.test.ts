import { beforeAll, expect, test } from '@jest/globals';
import { defineSearchAttributeKey } from '@temporalio/common';
import { presenters } from '../../src/contract/presenters.ts';
import { runWorker } from '../../src/main/run-worker.ts';
import { findRow, updateRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { TestClockSchema } from '../../src/persistence/test-clocks.ts';
import { unblockSubscription } from '../../src/persistence/unblock-subscription.ts';
import { workflowId } from '../../workflows/messages.ts';
import { keptWorld } from '../support/kept-world.ts';
import { startProxy } from '../support/proxy.ts';
import { record } from '../support/record.ts';
import { soonMs } from '../support/soon.ts';
import {
  billsOf,
  eventually,
  onClock,
  subscriptionOf,
  toldOf,
  underClock,
  waitingForOf,
  workflowOf,
} from '../support/stories.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld({ env: { LOG_LEVEL: 'fatal' } });
let world: World;
beforeAll(() => {
  world = theWorld();
});

const LAST_ERROR = defineSearchAttributeKey('BillingLastError', 'KEYWORD');
const fee = () => world.plan([{ unitAmount: '31' }]);

const eventsOf = async (id: string) => (await workflowOf(world, id).fetchHistory()).events ?? [];
/** The regular activities that its workflow has scheduled. */
const regularOf = async (id: string) =>
  (await eventsOf(id)).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
    scheduled ? [scheduled.activityType?.name] : [],
  );

/** A row that no code of ours would write: its periods cannot be calculated. */
const bend = (id: string, timeZone: string) =>
  world.inTenant((tx) => updateRows(tx, SubscriptionSchema, { id }, { timeZone }));

const unblock = (id: string, at = new Date()) =>
  world.inTenant((tx) =>
    unblockSubscription(
      {
        tx,
        tenantId: world.tenantId,
        at,
        wallNow: new Date(),
        cause: { correlationId: null, causationId: null },
        present: presenters,
      },
      id,
    ),
  );

test('what always fails is set aside and says why; others are on time; mended, it goes on where it stood', async () => {
  const plan = await fee();
  const aheadMs = await soonMs(world, plan);
  const anchor = {
    billing_anchor: new Date(Date.now() + aheadMs).toISOString(),
    proration_basis: 'second',
  } as const;
  const [broken, sound] = [
    await world.subscribe(await world.customer(), plan, anchor),
    await world.subscribe(await world.customer(), plan, anchor),
  ];
  await bend(broken, 'Nowhere/Land');

  const blocked = await eventually(
    () => subscriptionOf(world, broken),
    ({ blockedReason }) => blockedReason !== null,
  );
  expect(blocked.blockedReason).toMatch(/^close_period at .*: .*Nowhere\/Land/);
  expect(blocked).toMatchObject({ failureCount: 5, status: 'active', nextStep: 'close_period' });
  expect(await toldOf(world, broken)).toEqual([
    'subscription.created',
    'subscription.activated',
    'subscription.blocked',
  ]);
  await eventually(
    () => workflowOf(world, broken).describe(),
    ({ typedSearchAttributes }) => typedSearchAttributes.get(LAST_ERROR)?.includes('Nowhere') === true,
  );
  expect(await waitingForOf(world, broken)).toMatchObject({
    waitingFor: 'a person: the subscription is blocked',
  });
  await eventually(
    () => billsOf(world, sound),
    ([, renewal]) => renewal?.includes('paid 31') === true,
  );

  // Nothing is decided on facts that are behind.
  expect(await world.command(broken, 'cancel', { mode: 'now', at: null, reason: null })).toMatchObject({
    outcome: 'refused',
    result: { code: 'step_blocked' },
  });
  // News alone changes nothing: it stays aside, and the failure is not counted again.
  await workflowOf(world, broken).signal('recheck');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await subscriptionOf(world, broken)).toMatchObject({ failureCount: 5, revision: blocked.revision });

  await bend(broken, 'UTC');
  expect(await unblock(broken)).toBe(true);
  expect(await unblock(broken)).toBe(false);
  const bills = await eventually(
    () => billsOf(world, broken),
    ([, renewal]) => renewal?.includes('paid') === true,
  );
  expect(bills).toHaveLength(2);
  await eventually(
    () => workflowOf(world, broken).describe(),
    ({ typedSearchAttributes }) => typedSearchAttributes.get(LAST_ERROR) === undefined,
  );
  expect((await toldOf(world, broken)).slice(2)).toEqual([
    'subscription.blocked',
    'subscription.unblocked',
    'billing.cycle.closed',
    'subscription.renewed',
  ]);
  expect(await subscriptionOf(world, broken)).toMatchObject({ failureCount: 0, blockedReason: null });
  await record(world, 'blocked-and-mended', workflowId.subscription(broken));
});

test('under a test clock the clock fails and names it; the others arrive; advanced again it goes on, and mended it catches up', async () => {
  const ada = await underClock(world, '2026-01-10T00:00:00Z');
  const bob = onClock(world, ada.time, await world.customer({ testClockId: ada.clockId }));
  const plan = await fee();
  const [broken, sound] = [await ada.subscribe(plan), await bob.subscribe(plan)];
  await bend(broken, 'Nowhere/Land');

  await expect(ada.advance('2026-02-15T00:00:00Z')).rejects.toThrow(`"entity":"${broken}"`);
  expect(await world.inTenant((tx) => findRow(tx, TestClockSchema, { id: ada.clockId }))).toMatchObject({
    status: 'failed',
    failure: { entity: broken },
  });
  expect(await billsOf(world, sound)).toHaveLength(2);

  await ada.advance('2026-03-15T00:00:00Z');
  expect(await billsOf(world, sound)).toHaveLength(3);
  expect(await billsOf(world, broken)).toHaveLength(1);

  await bend(broken, 'UTC');
  await unblock(broken, new Date('2026-03-15T00:00:00Z'));
  await ada.advance('2026-04-15T00:00:00Z');
  expect(await billsOf(world, broken)).toEqual([
    '2026-01-10 paid 31 2026-01-10..2026-02-10',
    '2026-02-10 paid 31 2026-02-10..2026-03-10',
    '2026-03-10 paid 31 2026-03-10..2026-04-10',
    '2026-04-10 paid 31 2026-04-10..2026-05-10',
  ]);
});

test('while the database is away a step waits as a regular activity and leaves no trail of attempts', async () => {
  await world.stopWorker();
  await using proxy = await startProxy(world.config.database.url);
  const worker = await runWorker(
    { ...world.config, database: { ...world.config.database, url: proxy.url } },
    world.logger,
  );
  try {
    const plan = await fee();
    const aheadMs = await soonMs(world, plan);
    const id = await world.subscribe(await world.customer(), plan, {
      billing_anchor: new Date(Date.now() + aheadMs).toISOString(),
      proration_basis: 'second',
    });
    await proxy.cut();
    await eventually(
      () => regularOf(id),
      (names) => names.includes('closePeriod'),
    );
    expect(await billsOf(world, id)).toHaveLength(1);
    await proxy.restore();
    const bills = await eventually(
      () => billsOf(world, id),
      ([, renewal]) => renewal?.includes('paid') === true,
    );
    expect(bills).toHaveLength(2);
    const row = await subscriptionOf(world, id);
    expect(row).toMatchObject({ failureCount: 0, blockedReason: null });
    await eventually(
      () => waitingForOf(world, id),
      ({ until }) => until === row.nextStepAt?.toISOString(),
    );
    expect((await eventsOf(id)).length).toBeLessThan(60);
    await record(world, 'database-away', workflowId.subscription(id));
  } finally {
    await worker[Symbol.asyncDispose]();
    await world.startWorker();
  }
});
