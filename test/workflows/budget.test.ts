import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BOUNDS, type Cost, SEGMENTS, type Segment } from '../../src/main/budget/bounds.ts';
import { costOf, endsInWait, type HistoryEvent, partsBetweenWaits } from '../../src/main/budget/count.ts';
import { readRuns, untilHistory } from '../../src/main/budget/history.ts';
import { budgetTable, passedBounds } from '../../src/main/budget/report.ts';
import { workflowId } from '../../workflows/messages.ts';
import { soonMs } from '../support/soon.ts';
import { createWorld, type World } from '../support/world.ts';

const events = (...types: string[]): HistoryEvent[] => types.map((type) => ({ type }));
const local = (activity: string, taskCompletedId: number): HistoryEvent => ({
  type: 'MarkerRecorded',
  activity,
  taskCompletedId,
});

describe('what an action is', () => {
  const cases: [string, HistoryEvent[], number][] = [
    ['a timer is one, its end is none', events('TimerStarted', 'TimerFired', 'TimerCanceled'), 1],
    [
      'an activity that is tried three times is three',
      [
        { type: 'ActivityTaskScheduled' },
        { type: 'ActivityTaskStarted', attempt: 3 },
        { type: 'ActivityTaskCompleted' },
      ],
      3,
    ],
    [
      'local activities of one workflow task are one',
      [local('loadSubscription', 4), local('applyCommand', 4)],
      1,
    ],
    ['local activities of two workflow tasks are two', [local('closePeriod', 4), local('closePeriod', 9)], 2],
    ['signal-with-start is two', events('WorkflowExecutionStarted', 'WorkflowExecutionSignaled'), 2],
    [
      'continue-as-new is the start of the next run',
      events('WorkflowExecutionContinuedAsNew', 'WorkflowExecutionStarted'),
      1,
    ],
    [
      'an accepted update is one',
      events('WorkflowExecutionUpdateAccepted', 'WorkflowExecutionUpdateCompleted'),
      1,
    ],
    [
      'workflow tasks are free',
      events('WorkflowTaskScheduled', 'WorkflowTaskStarted', 'WorkflowTaskCompleted'),
      0,
    ],
  ];
  test.each(cases)('%s', (_name, history, actions) => {
    expect(costOf(history)).toEqual({ events: history.length, actions });
  });
});

test('the answer to an update belongs to the part before the wait, though it is written behind the timer', () => {
  const history = events(
    'WorkflowExecutionUpdateAccepted',
    'TimerStarted',
    'WorkflowExecutionUpdateCompleted',
    'TimerFired',
    'TimerStarted',
  );
  expect(partsBetweenWaits(history).map((part) => part.length)).toEqual([3, 2]);
});

test('a bound that is passed is named', () => {
  const costs = Object.fromEntries(SEGMENTS.map((segment) => [segment, BOUNDS[segment]])) as Record<
    Segment,
    Cost
  >;
  expect(passedBounds({ costs, stepsPerRun: 6 })).toEqual([]);
  const dearer = { costs: { ...costs, paid_renewal: { events: 14, actions: 5 } }, stepsPerRun: 5 };
  expect(passedBounds(dearer)).toEqual([
    'paid renewal writes 14 events; at most 13 are allowed.',
    'paid renewal costs 5 actions; at most 4 are allowed.',
    'A run ended after 5 steps; at least 6 belong in one.',
  ]);
  expect(budgetTable(dearer).find((line) => line.startsWith('paid renewal'))).toMatch(
    /14 +13 +5 +4 .*PASSED$/,
  );
});

describe('a renewal on a real timer', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  test('stays within its budget, with a charge and without', async () => {
    const daily = { intervalUnit: 'day' } as const;
    const aheadMs = await soonMs(world, await world.plan([{ ...daily, unitAmount: '1' }]));
    const soon = new Date(Date.now() + Math.max(6_000, aheadMs)).toISOString();
    const renewal = async (unitAmount: string) => {
      const plan = await world.plan([{ ...daily, unitAmount }]);
      const terms = { billing_anchor: soon, proration_basis: 'second' } as const;
      const id = await world.subscribe(await world.customer(), plan, terms);
      const part = await untilHistory(
        'a renewal',
        () => readRuns(world.client, workflowId.subscription(id)),
        ([run = []]) =>
          partsBetweenWaits(run).find((part) => part[0]?.type === 'TimerFired' && endsInWait(part)) ?? null,
      );
      return costOf(part);
    };
    const [paid, free] = await Promise.all([renewal('8640'), renewal('0')]);
    expect(paid.events).toBeLessThanOrEqual(BOUNDS.paid_renewal.events);
    expect(paid.actions).toBeLessThanOrEqual(BOUNDS.paid_renewal.actions);
    expect(free.events).toBeLessThanOrEqual(BOUNDS.free_renewal.events);
    expect(free.actions).toBeLessThanOrEqual(BOUNDS.free_renewal.actions);
  });
});
