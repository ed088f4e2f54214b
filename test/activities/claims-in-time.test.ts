import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pricesIn, readCommand } from '../../src/contract/read-command.ts';
import type { CommandKind } from '../../src/domain/command.ts';
import { Decimal } from '../../src/domain/money.ts';
import { findTenant } from '../../src/persistence/find.ts';
import { previewCommand } from '../../src/persistence/preview-command.ts';
import { pricesOf } from '../../src/persistence/prices.ts';
import { scheduledChangesOf } from '../../src/persistence/scheduled-changes.ts';
import { becoming, promisesKept, toPlan } from '../support/change-commands.ts';
import { plantMeter, use } from '../support/metered.ts';
import { subscriptionOf, underClock } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

/** Changes that wait for their instant and would then bill what another subscription of the customer bills (rule 29b). */
let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const AT = '2026-04-10T00:00:00.000Z';
const later = { effective: 'at', at: AT } as const;

/** Somebody with a subscription without meters, a plan that counts, and one more that counts the same. */
async function before() {
  const ada = await underClock(world, '2026-03-01T00:00:00.000Z');
  const meter = await plantMeter(world);
  const metered = () =>
    world.plan([
      { unitAmount: '20' },
      {
        key: 'calls',
        billing: 'usage',
        timing: 'in_arrears',
        meterId: meter,
        terms: { model: 'per_unit', unitAmount: new Decimal('0.5') },
      },
    ]);
  const [plain, counting, alsoCounting] = [await world.plan([{}]), await metered(), await metered()];
  return { ada, meter, id: await ada.subscribe(plain), counting, alsoCounting };
}

const changes = async (id: string) =>
  (await world.inTenant((tx) => scheduledChangesOf(tx, id))).map(({ status, reason }) => ({
    status,
    reason,
  }));

test('a change whose meter somebody else bills by then is dropped, and says why; the subscription goes on', async () => {
  const { ada, meter, id, counting, alsoCounting } = await before();
  expect(await ada.command(id, 'change', becoming(toPlan(counting), later))).toMatchObject({
    outcome: 'applied',
  });
  // Nothing stood in the way when it was scheduled; this comes in between.
  const other = await ada.subscribe(alsoCounting);
  await ada.advance('2026-05-15T00:00:00.000Z');
  const subscription = await subscriptionOf(world, id);
  expect(subscription).toMatchObject({ status: 'active', blockedReason: null, failureCount: 0 });
  expect(await changes(id)).toEqual([
    {
      status: 'canceled',
      reason: {
        code: 'meter_claimed',
        message: expect.stringContaining(`${other} bills what meter ${meter}`),
      },
    },
  ]);
  await promisesKept(world);
});

test('what is known when it is scheduled is refused then, in a preview and in a phase as well', async () => {
  const { ada, id, counting, alsoCounting } = await before();
  const other = await ada.subscribe(alsoCounting);
  const body = becoming(toPlan(counting), later);
  const refused = { outcome: 'refused', result: { code: 'meter_claimed', details: { subscription: other } } };
  expect(await ada.command(id, 'change', body)).toMatchObject(refused);
  const row: { id: string; kind: CommandKind; body: Record<string, unknown> } = {
    id: 'preview',
    kind: 'change',
    body,
  };
  const preview = world.inTenant(async (tx) => {
    const { command, datedTo } = readCommand(row, await pricesOf(tx, pricesIn(row).named));
    const tenant = await findTenant(tx, world.tenantId);
    return previewCommand(tx, tenant, id, { command, datedTo, own: [] }, new Date(ada.time.now));
  });
  await expect(preview).rejects.toMatchObject({ code: 'meter_claimed' });
  expect(await changes(id)).toEqual([]);
});

test('what is free by then may be scheduled: the other one ends before', async () => {
  const { ada, id, counting, alsoCounting } = await before();
  const other = await ada.subscribe(alsoCounting);
  const end = { mode: 'at', at: '2026-04-05T00:00:00.000Z', reason: null };
  expect(await ada.command(other, 'cancel', end)).toMatchObject({ outcome: 'applied' });
  expect(await ada.command(id, 'change', becoming(toPlan(counting), later))).toMatchObject({
    outcome: 'applied',
  });
  await ada.advance('2026-04-20T00:00:00.000Z');
  await use(world, ada.customerId, '2026-04-15T00:00:00Z', 10);
  expect(await changes(id)).toEqual([{ status: 'applied', reason: null }]);
  expect(await subscriptionOf(world, id)).toMatchObject({ status: 'active', planId: counting.planId });
  await promisesKept(world);
});
