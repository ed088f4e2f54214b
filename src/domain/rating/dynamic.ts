import { Decimal } from '../money.ts';
import type { TermsOf, Usage } from '../price-terms.ts';
import type { Rating } from './trace.ts';
import { eventsOf } from './usage.ts';

/** The multiplier times the amount each event carries; not an event but the line is rounded (billing rule 19b). */
export function rateDynamic({ multiplier }: TermsOf<'dynamic'>, usage: Usage): Rating {
  let carried = new Decimal(0);
  for (const { quantity } of eventsOf(usage)) carried = carried.plus(quantity);
  return {
    exact: carried.times(multiplier),
    trace: { model: 'dynamic', multiplier: multiplier.toFixed(), quantity: carried.toFixed() },
  };
}
