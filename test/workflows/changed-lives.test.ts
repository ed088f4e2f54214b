import { beforeAll, expect, test } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { noteThreshold } from '../../src/persistence/note-threshold.ts';
import { lockForUsage, recordUsage } from '../../src/persistence/reported-usage.ts';
import { newId } from '../../src/platform/ids.ts';
import { workflowId } from '../../workflows/messages.ts';
import { becoming, bills, seats, toPlan } from '../support/change-commands.ts';
import { keptWorld } from '../support/kept-world.ts';
import { writeNow } from '../support/money.ts';
import { record } from '../support/record.ts';
import { subscriptionOf, underClock } from '../support/stories.ts';
import type { World } from '../support/world.ts';

/** Lives that do not stay as they began, told to be recorded: what a workflow goes through when they change. */
const theWorld = keptWorld();
let world: World;
beforeAll(() => {
  world = theWorld();
});

const NOW = { effective: 'now', at: null, preview_token: null } as const;

test('a better plan was ordered for the end of the period, and comes with it', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const better = await world.plan([{ unitAmount: '62' }]);
  const id = await ada.subscribe(await world.plan([{ unitAmount: '31' }]));
  const ordered = becoming(toPlan(better), { effective: 'period_end' });
  expect(await ada.command(id, 'change', ordered)).toMatchObject({ outcome: 'applied' });
  expect(await subscriptionOf(world, id)).toMatchObject({ changeAt: new Date('2026-04-01T00:00:00Z') });
  await ada.advance('2026-05-02T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 31 = 31',
    expect.stringMatching(/ paid 62 = 62$/),
    'subscription_cycle paid 62 = 62',
  ]);
  expect(await subscriptionOf(world, id)).toMatchObject({ planId: better.planId, changeAt: null });
  await record(world, 'upgraded-at-period-end', workflowId.subscription(id));
});

test('seats come in the middle of a period, it rests for two months, and goes on', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }]);
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-11T00:00:00.000Z');
  await ada.command(id, 'change', becoming(seats(plan, '2')));
  await ada.advance('2026-03-21T00:00:00.000Z');
  await ada.command(id, 'pause', { ...NOW, credit: true, resume_at: null });
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'paused' });
  await ada.advance('2026-05-21T00:00:00.000Z');
  await ada.command(id, 'resume', NOW);
  await ada.advance('2026-06-02T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    'subscription_create paid 31 = 31',
    'subscription_update paid 21 = -21 + 42',
    'subscription_update paid -22 = -22',
    'subscription_update paid 22 = 22',
    'subscription_cycle paid 62 = 62',
  ]);
  await record(world, 'seats-pause-and-resume', workflowId.subscription(id));
});

test('a pause that was scheduled comes by itself, and ends by itself', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const id = await ada.subscribe(await world.plan([{ unitAmount: '31' }]));
  const resume_at = '2026-05-10T00:00:00.000Z';
  await ada.command(id, 'pause', { ...NOW, effective: 'period_end', credit: false, resume_at });
  await ada.advance('2026-04-15T00:00:00.000Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'paused' });
  await ada.advance('2026-06-02T00:00:00.000Z');
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'active' });
  await record(world, 'paused-and-resumed-by-schedule', workflowId.subscription(id));
});

test('what was used comes to a threshold and is billed at once; the end of the period bills the rest', async () => {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const plan = await world.plan(
    [{ key: 'calls', billing: 'usage', timing: 'in_arrears', model: 'per_unit', unitAmount: '1' }],
    null,
    [{ amount: new Decimal(50), currency: 'USD', recurring: false }],
  );
  const id = await ada.subscribe(plan);
  await ada.advance('2026-03-05T00:00:00.000Z');
  await use(ada.customerId, id, '40', ada.time.now);
  await ada.advance('2026-03-10T00:00:00.000Z');
  await use(ada.customerId, id, '20', ada.time.now);
  await ada.advance('2026-03-20T00:00:00.000Z');
  await use(ada.customerId, id, '7', ada.time.now);
  await ada.advance('2026-04-02T00:00:00.000Z');
  expect(await bills(world, id)).toEqual([
    expect.stringMatching(/ paid 60 = 60$/),
    expect.stringMatching(/ paid 7 = 7$/),
  ]);
  await record(world, 'usage-came-to-a-threshold', workflowId.subscription(id));
});

/** What the API does with usage that is reported for a subscription whose plan has thresholds. */
async function use(customerId: string, subscriptionId: string, quantity: string, now: string): Promise<void> {
  await world.inTenant(async (tx) => {
    await lockForUsage(tx, subscriptionId, { watched: true });
    await recordUsage(tx, {
      id: newId('use'),
      tenantId: world.tenantId,
      subscriptionId,
      key: 'calls',
      at: new Date(now),
      quantity: new Decimal(quantity),
      properties: {},
      idempotencyKey: newId('use'),
      createdAt: new Date(),
    });
    await noteThreshold(await writeNow(world, tx, customerId), subscriptionId);
  });
}
