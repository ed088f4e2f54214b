import type { Decimal } from '../money.ts';
import type { Usage, UsageEvent } from '../price-terms.ts';

/** Seats, and any other plain number: a quantity that was not made of events. */
export function quantityUsage(quantity: Decimal): Usage {
  return { quantity, events: [], buckets: null };
}

/**
 * What the models that price events look at. A quantity that comes without its events counts as one event, so that it
 * never costs nothing by mistake.
 */
export function eventsOf({ events, quantity }: Usage): readonly UsageEvent[] {
  return events.length > 0 || quantity.isZero() ? events : [{ at: null, quantity, properties: {} }];
}
