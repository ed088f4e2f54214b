import type { ActionInput, PriceInput, SimulationInput } from './simulations.ts';

/** Gigabytes that a meter adds up, what they cost, and the events that say how many were used. */
export type Timeline = SimulationInput['timeline'];
export type MeterInput = NonNullable<NonNullable<SimulationInput['catalogue']>['meters']>[number];

export const gigabytes = {
  id: 'gb',
  event_name: 'request',
  aggregation: 'sum',
  property: 'gb',
} satisfies MeterInput;

export const perGigabyte: PriceInput = {
  key: 'used',
  model: 'per_unit',
  unit_amount: '0.50',
  currency: 'USD',
  interval: { unit: 'month' },
  meter: 'external:gb',
};

/** The subscription called "main", to the plan called "metered". */
export const begins = {
  at: '2027-01-01',
  action: 'subscribe',
  subscription: 'main',
  plan: 'metered',
} as const;

/** Another one, to the plan called "plain". */
export const second = { ...begins, at: '2027-01-02', subscription: 'second', plan: 'plain' } as const;

/** An event with a key by which it can be named later. */
export const keyed = (key: string, at: string, gb: string | number, more: object = {}) =>
  ({
    at,
    action: 'event',
    idempotency_key: key,
    event_name: 'request',
    properties: { gb },
    ...more,
  }) satisfies ActionInput;

let sent = 0;
/** An event with a key of its own. */
export function event(at: string, gb: string | number, more: object = {}): ReturnType<typeof keyed> {
  sent += 1;
  return keyed(`e${sent}`, at, gb, more);
}
