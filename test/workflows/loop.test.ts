import { beforeAll, describe, expect, test } from '@jest/globals';
import { defineSearchAttributeKey } from '@temporalio/common';
import { newId } from '../../src/platform/ids.ts';
import { WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { keptWorld } from '../support/kept-world.ts';
import { record } from '../support/record.ts';
import { soonMs } from '../support/soon.ts';
import {
  billsOf,
  eventually,
  noteCommand,
  sendCommand,
  subscriptionOf,
  toldOf,
  underClock,
  waitingForOf,
  workflowOf,
} from '../support/stories.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld();
let world: World;
beforeAll(() => {
  world = theWorld();
});

const DAY_MS = 86_400_000;
const ago = (ms: number) => new Date(Date.now() - ms);
const fee = (unit: 'day' | 'month' = 'month') => world.plan([{ unitAmount: '31', intervalUnit: unit }]);
const eventsOf = async (id: string) => (await workflowOf(world, id).fetchHistory()).events ?? [];
/** Starts the workflow of a subscription with a memory, in place of the one that runs. */
async function restart(id: string, state: object): Promise<void> {
  const { typedSearchAttributes } = await workflowOf(world, id).describe();
  await world.client.workflow.start(WORKFLOWS.subscription, {
    workflowId: workflowId.subscription(id),
    taskQueue: 'billing',
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    typedSearchAttributes,
    args: [{ tenantId: world.tenantId, subscriptionId: id, state }],
  });
}

describe('in real time', () => {
  /** By the second with an anchor in a moment: its first period ends while we watch, and not before. */
  const soonDue = async () => {
    const plan = await fee();
    const aheadMs = await soonMs(world, plan);
    return world.subscribe(await world.customer(), plan, {
      billing_anchor: new Date(Date.now() + aheadMs).toISOString(),
      proration_basis: 'second',
    });
  };

  test('a period ends, is billed and charged, without anybody asking', async () => {
    const id = await soonDue();
    expect(await billsOf(world, id)).toHaveLength(1);
    const bills = await eventually(
      () => billsOf(world, id),
      ({ length, 1: renewal }) => length === 2 && renewal?.includes('paid') === true,
    );
    expect(bills[1]).toContain('paid 31');
    const { anchorAt, currentPeriodStart } = await subscriptionOf(world, id);
    expect(currentPeriodStart).toEqual(anchorAt);
    await record(world, 'renewal-in-real-time', workflowId.subscription(id));
  });

  test('a workflow that got lost is started again by the next command, and due steps come first', async () => {
    const id = await soonDue();
    await workflowOf(world, id).terminate('a test');
    const { nextStepAt } = await subscriptionOf(world, id);
    const leftMs = (nextStepAt?.getTime() ?? 0) - Date.now();
    await new Promise((resolve) => setTimeout(resolve, leftMs + 500));
    expect(await billsOf(world, id)).toHaveLength(1);
    expect(await world.command(id, 'cancel', { mode: 'now', at: null, reason: null })).toMatchObject({
      outcome: 'applied',
    });
    expect((await billsOf(world, id))[1]).toContain('paid 31');
    expect(await subscriptionOf(world, id)).toMatchObject({ status: 'canceled' });
  });
});

describe('a new run', () => {
  const KEYS = (
    [
      'BillingTenant',
      'BillingCustomer',
      'BillingPlan',
      'BillingStatus',
      'BillingCurrency',
      'BillingNextStep',
    ] as const
  ).map((name) => defineSearchAttributeKey(name, 'KEYWORD'));
  const isContinued = async (id: string) => {
    const { raw } = await workflowOf(world, id).describe();
    return raw.workflowExecutionInfo?.firstRunId !== raw.workflowExecutionInfo?.execution?.runId;
  };
  const NEXT_AT = defineSearchAttributeKey('BillingNextStepAt', 'DATETIME');

  test('begins after six steps, with every search attribute, and goes on', async () => {
    const first = await world.subscribe(await world.customer(), await fee('day'), {
      requestedAt: ago(7.5 * DAY_MS),
      proration_basis: 'second',
    });
    await eventually(
      () => isContinued(first),
      (continued) => continued,
    );
    const row = await eventually(
      () => subscriptionOf(world, first),
      ({ nextStepAt }) => (nextStepAt?.getTime() ?? 0) > Date.now(),
    );
    const shown = await eventually(
      () => workflowOf(world, first).describe(),
      ({ typedSearchAttributes }) =>
        typedSearchAttributes.get(NEXT_AT)?.getTime() === row.nextStepAt?.getTime(),
    );
    expect(KEYS.map((key) => shown.typedSearchAttributes.get(key))).toEqual([
      world.tenantId,
      row.customerId,
      row.planId,
      row.status,
      'USD',
      'close_period',
    ]);
    expect(await billsOf(world, first)).toHaveLength(8);
    const { raw } = await workflowOf(world, first).describe();
    await record(
      world,
      'run-that-ended-in-a-new-one',
      workflowId.subscription(first),
      raw.workflowExecutionInfo?.firstRunId ?? undefined,
    );
    await record(world, 'run-that-began-with-a-memory', workflowId.subscription(first));
    expect(await waitingForOf(world, first)).toMatchObject({
      waitingFor: 'close period',
      until: row.nextStepAt?.toISOString(),
    });
  });

  test('loses no command that comes at that very moment', async () => {
    const customer = await world.customer();
    const plan = await fee('day');
    const ids = await Promise.all(
      Array.from({ length: 4 }, () =>
        world.subscribe(customer, plan, { requestedAt: ago(6.5 * DAY_MS), proration_basis: 'second' }),
      ),
    );
    // The creation has answered, and now each catches up on six days and begins a new run.
    const order = async (id: string, n: number) => {
      await new Promise((resolve) => setTimeout(resolve, n * 100));
      return world.command(id, 'cancel', {
        mode: 'at',
        at: new Date(Date.now() + (n + 10) * DAY_MS).toISOString(),
        reason: null,
      });
    };
    const orders = ids.flatMap((id) => Array.from({ length: 8 }, (_, n) => order(id, n)));
    for (const { outcome } of await Promise.all(orders)) expect(outcome).toBe('applied');
    for (const id of ids) {
      expect(await billsOf(world, id)).toHaveLength(7);
      expect(
        (await toldOf(world, id)).filter((type) => type === 'subscription.cancel_scheduled'),
      ).toHaveLength(8);
      await eventually(
        () => isContinued(id),
        (continued) => continued,
      );
    }
  });
});

describe('what a workflow remembers is only a memory', () => {
  test('steps that were done are answered as they were, and the row decides how it goes on', async () => {
    const ada = await underClock(world, '2026-01-10T00:00:00Z');
    const id = await ada.subscribe(await fee());
    const { state } = await waitingForOf(world, id);
    await ada.advance('2026-04-15T00:00:00Z');
    const [row, bills] = [await subscriptionOf(world, id), await billsOf(world, id)];
    // As after a restore from January: it believes that February has still to be closed.
    await restart(id, state ?? {});
    await ada.advance('2026-05-15T00:00:00Z');
    expect(await billsOf(world, id)).toEqual([...bills, '2026-05-10 paid 31 2026-05-10..2026-06-10']);
    expect((await subscriptionOf(world, id)).revision).toBeGreaterThan(row.revision);
  });

  test('a memory of another version is dropped and the row is read', async () => {
    const ada = await underClock(world, '2026-01-10T00:00:00Z');
    const id = await ada.subscribe(await fee());
    await restart(id, { v: 0, anything: true });
    await ada.advance('2026-02-15T00:00:00Z');
    expect(await billsOf(world, id)).toHaveLength(2);
  });

  test('a workflow whose subscription has ended ends itself', async () => {
    const id = await world.subscribe(await world.customer(), await fee());
    const { state } = await waitingForOf(world, id);
    await world.command(id, 'cancel', { mode: 'now', at: null, reason: null });
    await workflowOf(world, id).result();
    await restart(id, state ?? {});
    await workflowOf(world, id).signal('recheck');
    await workflowOf(world, id).result();
  });

  test('a workflow without a subscription does not fail', async () => {
    const id = newId('sub');
    const ids = { tenantId: world.tenantId, subscriptionId: id };
    await world.client.workflow.start(WORKFLOWS.subscription, {
      workflowId: workflowId.subscription(id),
      taskQueue: 'billing',
      args: [ids],
    });
    await workflowOf(world, id).signal('recheck');
    const command = await noteCommand(world, id, 'uncancel');
    expect(await sendCommand(world, command)).toEqual({ outcome: 'refused' });
    await workflowOf(world, id).result();
  });
});

describe('a stampede', () => {
  /** Seconds of the timer that the workflow has set last. */
  const timerOf = async (id: string) => {
    const timers = (await eventsOf(id)).flatMap(({ timerStartedEventAttributes: timer, eventTime }) =>
      timer ? [{ timer, eventTime }] : [],
    );
    const last = timers.at(-1);
    return Number(last?.eventTime?.seconds) + Number(last?.timer.startToFireTimeout?.seconds);
  };

  test('is spread: calendar billing is served some minutes late, the same ones every time, and billed for the boundary', async () => {
    const plan = await fee('day');
    const ids = await Promise.all(
      Array.from({ length: 6 }, async () =>
        world.subscribe(await world.customer(), plan, { billing_cycle: 'calendar' }),
      ),
    );
    const delays = await Promise.all(
      ids.map(async (id) => {
        await eventually(
          () => eventsOf(id),
          (events) => events.some(({ timerStartedEventAttributes }) => timerStartedEventAttributes),
        );
        const { state } = await waitingForOf(world, id);
        if (!state || !('jitterMinutes' in state)) throw new Error('there is no state');
        const boundary = (await subscriptionOf(world, id)).nextStepAt?.getTime() ?? 0;
        expect(boundary % DAY_MS).toBe(0);
        const served = await timerOf(id);
        // The timer counts from the beginning of its workflow task, and is noted with the end of it.
        expect(Math.abs(served - boundary / 1000 - state.jitterMinutes * 60)).toBeLessThan(30);
        return state.jitterMinutes;
      }),
    );
    for (const minutes of delays) expect(minutes).toBeLessThanOrEqual(10);
    expect(new Set(delays).size).toBeGreaterThan(1);
  });

  test('does not happen to anniversaries: they are served on time', async () => {
    const id = await world.subscribe(await world.customer(), await fee());
    const { state } = await waitingForOf(world, id);
    expect(state).toMatchObject({ jitterMinutes: 0 });
  });
});
