import { lifeAfter, NOT_YET } from './apply-decision.ts';
import { decideStep } from './decide.ts';
import type { Life } from './life.ts';
import { Decimal } from './money.ts';
import { derived } from './next-step.ts';
import { quantityUsage } from './rating/usage.ts';

/** More steps than a daily price takes in ten years: a life that takes more is a mistake. */
const STEPS_MAX = 5_000;

/**
 * The life as it will be just before `at` if nothing else happens: every step until then made, with everything paid and
 * nothing used. What a preview of a later instant starts from; the steps at `at` itself belong to what happens then.
 */
export function foldUntil(life: Life, at: Date): Life {
  let now = withNothingUsed(paid(life));
  for (let n = 0; n < STEPS_MAX; n += 1) {
    const { nextStep: step, nextStepAt: due } = now.subscription;
    if (!step || !due || due > at || (due.getTime() === at.getTime() && step !== 'activate')) return now;
    now = withNothingUsed(paid(lifeAfter(now, decideStep(now, { step, at: due }, true), NOT_YET)));
  }
  throw new RangeError(`more than ${STEPS_MAX} steps lie before ${at.toISOString()}`);
}

/** Usage and spending that nobody knows yet count as none. */
export function withNothingUsed(life: Life): Life {
  return {
    ...life,
    priced: life.priced.map((entry) => ({
      ...entry,
      fees: entry.fees ?? [],
      ...(entry.price.billing === 'usage' ? { usage: entry.usage ?? quantityUsage(new Decimal(0)) } : {}),
      ...(entry.price.terms.model === 'minimum_commitment' ? { spent: entry.spent ?? new Decimal(0) } : {}),
    })),
  };
}

/** A first payment that is still owed is taken as made, because otherwise nothing goes on. */
function paid(life: Life): Life {
  if (!life.subscription.incompleteSince) return life;
  return {
    ...life,
    subscription: derived({ ...life.subscription, incompleteSince: null, expiresAt: null }),
  };
}
