import type { SimulationAnswer } from '../../src/contract/simulations.ts';

/**
 * What the real stack and the simulation have to agree on, in one shape: everything a simulation answers but what only
 * a simulation has (its sentences, how many steps it took, how a refusal is worded).
 */
export type Life = {
  subscriptions: (Pick<
    SimulatedSubscription,
    | 'name'
    | 'plan'
    | 'plan_version'
    | 'status'
    | 'currency'
    | 'billing_anchor'
    | 'current_period'
    | 'trial_end'
    | 'cancel_at'
    | 'ended_at'
    | 'states'
    | 'items'
    | 'next'
    | 'scheduled'
  > & { pending: Line[] })[];
  invoices: (Omit<SimulationAnswer['invoices'][number], 'lines' | 'next' | 'attempts'> & { lines: Line[] })[];
  credit_notes: SimulationAnswer['credit_notes'];
  balances: SimulationAnswer['balances'];
  refused: { action: number; code: string }[];
};
export type SimulatedSubscription = SimulationAnswer['subscriptions'][number];
export type Line = Omit<SimulationAnswer['invoices'][number]['lines'][number], 'explanation'>;

/** The simulation's answer in the shape that is compared. */
export function lifeOf(answer: SimulationAnswer): Life {
  return {
    subscriptions: answer.subscriptions.map(({ pending, usage: _usage, ...rest }) => ({
      ...rest,
      pending: pending.map(line),
    })),
    invoices: answer.invoices.map(({ lines, next: _next, attempts: _tries, ...rest }) => ({
      ...rest,
      lines: lines.map(line),
    })),
    credit_notes: answer.credit_notes,
    balances: answer.balances,
    refused: answer.refused.map(({ action, code }) => ({ action, code })),
  };
}

function line({ explanation: _, ...rest }: SimulationAnswer['invoices'][number]['lines'][number]): Line {
  return rest;
}

/** One place where the two differ. `at` says where, such as `invoices[2].lines[0].amount.amount`. */
export type Difference = { at: string; live: unknown; simulated: unknown };

/** Every place where two answers differ, in the order in which a reader comes to it. */
export function differences(live: unknown, simulated: unknown, at = ''): Difference[] {
  if (isBranch(live) && isBranch(simulated) && Array.isArray(live) === Array.isArray(simulated)) {
    const keys = new Set([...Object.keys(live), ...Object.keys(simulated)]);
    return [...keys].flatMap((key) => differences(live[key], simulated[key], placeOf(live, at, key)));
  }
  return Object.is(live, simulated) ? [] : [{ at, live, simulated }];
}

type Branch = Record<string, unknown>;

function isBranch(value: unknown): value is Branch {
  return typeof value === 'object' && value !== null;
}

function placeOf(parent: Branch, at: string, key: string): string {
  if (Array.isArray(parent)) return `${at}[${key}]`;
  return at === '' ? key : `${at}.${key}`;
}

const SHOWN_MAX = 25;

/** Differences one below the other, at most so many that they can be read. */
export function tellDifferences(found: readonly Difference[]): string[] {
  const told = found
    .slice(0, SHOWN_MAX)
    .flatMap(({ at, live, simulated }) => [
      `  ${at}`,
      `    live       ${shown(live)}`,
      `    simulated  ${shown(simulated)}`,
    ]);
  const rest = found.length - SHOWN_MAX;
  return rest > 0 ? [...told, `  … and ${rest} more`] : told;
}

function shown(value: unknown): string {
  return value === undefined ? '–' : JSON.stringify(value);
}
