import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { workflowId } from '../../workflows/messages.ts';
import { diverging, historiesOf } from '../support/replay.ts';
import { soonMs } from '../support/soon.ts';
import { billsOf, brokenPromises, eventually, subscriptionOf } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';
import { bundleToKeep, digest, keptBundle, keptVersions, unpacked } from './bundle.ts';

/**
 * A rolling upgrade: subscriptions that began with the kept workflow code of the latest other version go on with today's,
 * while periods end and commands come, and for a while workers of both versions take the same tasks.
 */
const DAY_MS = 86_400_000;
const SUBSCRIPTIONS = 50;

let world: World;
let before: Buffer | undefined;
let today: Buffer;
beforeAll(async () => {
  today = await bundleToKeep();
  before = keptVersions()
    .map(keptBundle)
    .findLast((kept) => digest(kept) !== digest(today));
  world = await createWorld({ worker: false, env: { LOG_LEVEL: 'silent' } });
});
afterAll(() => world?.[Symbol.asyncDispose]());

test(`${SUBSCRIPTIONS} subscriptions are upgraded under load, and all renew`, async () => {
  if (!before) throw new Error('no other version is kept');
  const older = await world.extraWorker(unpacked(before));
  const plan = await world.plan([{ unitAmount: '3', intervalUnit: 'day' }]);
  // They began almost a day ago: their first periods end one after the other, when all of them have been made and over
  // so long a time that the worker can be exchanged in it. On a quiet machine that is from 10 to 35 seconds from now.
  const aheadMs = Math.max(10_000, 2 * (await soonMs(world, plan)));
  const firstEnd = Date.now() + aheadMs;
  const ids = await inTurns(SUBSCRIPTIONS, async (n) => {
    const requestedAt = new Date(firstEnd + (n * 2.5 * aheadMs) / SUBSCRIPTIONS - DAY_MS);
    return world.subscribe(await world.customer(), plan, { requestedAt, proration_basis: 'second' });
  });
  const firstTasks = await Promise.all(ids.map(async (id) => (await codesOf(id))[0]));

  const renewals = async () => {
    const bills = await Promise.all(ids.map((id) => billsOf(world, id)));
    return bills.filter(({ length }) => length > 1).length;
  };

  const load = commandsUntilStopped(ids);
  await eventually(renewals, (count) => count >= 5);
  await using _newer = await world.extraWorker(unpacked(today));
  await sleep(2_000);
  await older[Symbol.asyncDispose]();
  const renewedBefore = await renewals();

  const bills = await Promise.all(ids.map((id) => renewed(id)));
  expect(bills).toEqual(
    ids.map(() => [expect.stringContaining('paid 3'), expect.stringContaining('paid 3')]),
  );
  // The first of them with the older code, and not the last.
  expect(renewedBefore).toBeLessThan(SUBSCRIPTIONS);

  const { applied, failures } = await load.stop();
  expect(failures).toEqual([]);
  expect(applied).toBeGreaterThan(SUBSCRIPTIONS);

  // Every one of them listens to the newer code now, and had begun with the older one.
  for (const id of ids) await keep(id);
  const lastTasks = await Promise.all(ids.map(async (id) => (await codesOf(id)).at(-1)));
  expect(new Set(firstTasks).size).toBe(1);
  expect(new Set(lastTasks).size).toBe(1);
  expect(lastTasks[0]).not.toBe(firstTasks[0]);
  expect(await brokenPromises(world)).toEqual([]);
  expect(await diverging(historiesOf(world.client))).toEqual([]);
}, 900_000);

const renewed = (id: string) =>
  eventually(
    () => billsOf(world, id),
    ({ length, 1: renewal }) => length === 2 && renewal?.includes('paid') === true,
    300,
  );

/** Which workflow code each workflow task ran with, in order. */
async function codesOf(id: string): Promise<string[]> {
  const { events } = await world.client.workflow.getHandle(workflowId.subscription(id)).fetchHistory();
  return (events ?? []).flatMap(
    (event) => event.workflowTaskCompletedEventAttributes?.workerVersion?.buildId ?? [],
  );
}

/** Asks for an end next year and takes it back, so that the subscription is as it was. */
async function keep(id: string): Promise<void> {
  const at = new Date(Date.now() + 365 * DAY_MS).toISOString();
  const canceled = await world.command(id, 'cancel', { mode: 'at', at, reason: null });
  const kept = await world.command(id, 'uncancel', {});
  expect([canceled.outcome, kept.outcome]).toEqual(['applied', 'applied']);
}

/** Four customers at a time change their minds, and now and then a new one comes, until told to stop. */
function commandsUntilStopped(ids: readonly string[]) {
  let stopping = false;
  let applied = 0;
  const failures: string[] = [];
  const one = async (lane: number) => {
    const plan = await world.plan([{ unitAmount: '5' }]);
    // Nobody interferes with another's.
    const own = ids.filter((_id, n) => n % 4 === lane);
    for (let n = 0; !stopping; n += 1) {
      try {
        await keep(own[n % own.length] ?? '');
        applied += 2;
        if (n % 5 === 0) {
          const { status } = await subscriptionOf(world, await world.subscribe(await world.customer(), plan));
          expect(status).toBe('active');
          applied += 1;
        }
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  const lanes = Promise.all([0, 1, 2, 3].map(one));
  return {
    async stop() {
      stopping = true;
      await lanes;
      return { applied, failures };
    },
  };
}

/** Eight at a time, in the order of their numbers. */
async function inTurns<T>(count: number, make: (n: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  let next = 0;
  const lane = async () => {
    for (let n = next; n < count; n = next) {
      next += 1;
      made[n] = await make(n);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return made;
}
