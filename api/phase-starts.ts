import { boundaryAfter } from '../src/domain/calendar.ts';
import type { Holding } from '../src/domain/compose-change.ts';
import type { FieldError } from '../src/domain/errors.ts';
import { intervalOf } from '../src/domain/plan.ts';
import { cadenceOf, type Subscription } from '../src/domain/subscription.ts';
import { invalid } from './validate.ts';

type Phase = { start_at?: string | undefined; after_cycles?: number | undefined };

/**
 * When each phase begins. Cycles are periods of the subscription's first recurring price, counted on its calendar from
 * the phase before, or from now for the first. Throws `validation_failed` where they do not follow each other.
 */
export function phaseStarts(
  subscription: Subscription,
  holding: Holding,
  phases: readonly Phase[],
  now: Date,
): Date[] {
  const errors: FieldError[] = [];
  const price = holding.items.find(({ price: { intervalUnit } }) => intervalUnit !== null)?.price;
  const starts: Date[] = [];
  for (const [index, { start_at: startAt, after_cycles: cycles }] of phases.entries()) {
    const before = starts.at(-1) ?? now;
    let start = startAt === undefined ? before : new Date(startAt);
    for (let n = 0; price && n < (cycles ?? 0); n += 1)
      start = boundaryAfter(cadenceOf(subscription), intervalOf(price), start);
    if (start <= before) {
      errors.push({
        path: `phases[${index}].start_at`,
        code: 'in_past',
        message: `Write an instant after ${before.toISOString()}: a phase lies ahead, and after the one before it.`,
      });
    }
    starts.push(start);
  }
  if (errors.length > 0) throw invalid(errors);
  return starts;
}
