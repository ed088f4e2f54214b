import type { SimulationBody } from '../../src/contract/simulations.ts';
import { simulationCreate } from '../../src/contract/simulations.ts';

/** What happens in the simulated lives, said once for the engine and for what it is measured against. */
export const LIFE = {
  timeZone: 'America/New_York',
  base: '29.00',
  seat: '9.00',
  seats: 10,
  begins: '2027-01-31T05:00:00Z',
  grows: { at: '2027-03-15T04:00:00Z', seats: 15 },
  pauses: '2028-06-10T04:00:00Z',
  resumes: '2028-08-05T04:00:00Z',
  until: '2030-01-31T05:00:00Z',
  months: 36,
} as const;

/** An instant of the life as it is for one that begins so many seconds later; the seconds are fewer than those of an hour. */
export function later(instant: string, seconds: number): string {
  return new Date(Date.parse(instant) + seconds * 1_000).toISOString();
}

/**
 * So many subscriptions side by side, which buy seats in the middle of a period, pause and go on. Prorated by the second,
 * because in days every boundary would be the same midnight.
 *
 * @param seconds how much later it all happens, so that no simulation finds its instants known from the one before.
 */
export function sideBySide(count: number, seconds: number): SimulationBody {
  const monthly = { interval: { unit: 'month' }, currency: 'USD' };
  const prices = [
    { key: 'base', model: 'flat', unit_amount: LIFE.base, ...monthly },
    { key: 'seats', model: 'per_unit', unit_amount: LIFE.seat, ...monthly },
  ];
  const timeline = Array.from({ length: count }, (_, n) => {
    const subscription = `s${n}`;
    return [
      {
        at: later(LIFE.begins, seconds),
        action: 'subscribe',
        proration_basis: 'second',
        subscription,
        plan: 'team',
        items: [{ key: 'base' }, { key: 'seats', quantity: LIFE.seats }],
      },
      {
        at: later(LIFE.grows.at, seconds),
        action: 'set_quantity',
        subscription,
        key: 'seats',
        quantity: LIFE.grows.seats,
        effective: 'now',
      },
      { at: later(LIFE.pauses, seconds), action: 'pause', subscription },
      { at: later(LIFE.resumes, seconds), action: 'resume', subscription },
    ];
  }).flat();
  return simulationCreate.parse({
    catalogue: { plans: [{ id: 'team', prices }] },
    customer: { time_zone: LIFE.timeZone },
    timeline: timeline.sort((a, b) => a.at.localeCompare(b.at)),
    until: later(LIFE.until, seconds),
  });
}

/**
 * A subscription like those of `npm run bench -- renewals`, which does nothing but renew, for three years.
 *
 * @param seconds how much later it begins.
 */
export function renewingOnly(seconds: number): SimulationBody {
  const interval = { unit: 'day', count: 30 };
  const price = { key: 'base', model: 'flat', unit_amount: '19.99', currency: 'USD', interval };
  return simulationCreate.parse({
    catalogue: { plans: [{ id: 'bench', prices: [price] }] },
    customer: { time_zone: 'UTC' },
    timeline: [
      {
        at: later(LIFE.begins, seconds),
        action: 'subscribe',
        proration_basis: 'second',
        subscription: 's',
        plan: 'bench',
        items: [{ key: 'base' }],
      },
    ],
    until: later(LIFE.until, seconds),
  });
}
