import { boundaryAfter } from './calendar.ts';
import { DomainError, type FieldError } from './errors.ts';
import { intervalOf, type Price } from './plan.ts';
import { cadenceOf, type Subscription } from './subscription.ts';

/** When a phase begins: at an instant, or so many cycles after the phase before it. */
export type PhaseStart = { startAt: Date | null; cycles: number | null };

/**
 * When each phase of a schedule begins. Cycles are periods of the subscription's first recurring price, counted on its
 * calendar from the phase before, or from `now` for the first. Throws `validation_failed` where they do not follow each
 * other.
 */
export function phaseStarts(
  subscription: Subscription,
  items: readonly { price: Price }[],
  phases: readonly PhaseStart[],
  now: Date,
): Date[] {
  const errors: FieldError[] = [];
  const price = items.find(({ price: { intervalUnit } }) => intervalUnit !== null)?.price;
  const starts: Date[] = [];
  for (const [index, { startAt, cycles }] of phases.entries()) {
    const before = starts.at(-1) ?? now;
    let start = startAt ?? before;
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
  const [first] = errors;
  if (first) throw new DomainError('validation_failed', `${first.path}: ${first.message}`, { errors });
  return starts;
}
