import { table } from '../table.ts';
import { BOUNDS, type Cost, type Segment, STEPS_PER_RUN_MIN } from './bounds.ts';

/** What a subscription's run costs at the list price of Temporal Cloud, in dollars per million actions. */
const LIST_PRICE = 50;

export type Report = { costs: Record<Segment, Cost>; stepsPerRun: number };

/** A sentence for every bound that is passed; none when all is well. */
export function passedBounds({ costs, stepsPerRun }: Report): string[] {
  const passed = (Object.entries(BOUNDS) as [Segment, Cost][]).flatMap(([segment, bound]) => {
    const { events, actions } = costs[segment];
    return [
      ...(events > bound.events
        ? [`${words(segment)} writes ${events} events; at most ${bound.events} are allowed.`]
        : []),
      ...(actions > bound.actions
        ? [`${words(segment)} costs ${actions} actions; at most ${bound.actions} are allowed.`]
        : []),
    ];
  });
  if (stepsPerRun >= STEPS_PER_RUN_MIN) return passed;
  return [...passed, `A run ended after ${stepsPerRun} steps; at least ${STEPS_PER_RUN_MIN} belong in one.`];
}

export function budgetTable({ costs }: Report): string[] {
  const rows = (Object.entries(costs) as [Segment, Cost][]).map(([segment, { events, actions }]) => {
    const bound = BOUNDS[segment];
    const verdict = events <= bound.events && actions <= bound.actions ? 'within' : 'PASSED';
    const dollars = ((actions * LIST_PRICE) / 1_000_000).toFixed(6);
    return [
      words(segment),
      `${events}`,
      `${bound.events}`,
      `${actions}`,
      `${bound.actions}`,
      `$${dollars}`,
      verdict,
    ];
  });
  return table(
    ['part of a life', 'events', 'at most', 'billed actions', 'at most', 'list price', 'bound'],
    rows,
    [1, 2, 3, 4, 5],
  );
}

const words = (segment: Segment) =>
  segment.replaceAll('_', ' ').replace('continue as new', 'continue-as-new, on top');
