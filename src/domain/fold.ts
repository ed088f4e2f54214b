import { lifeAfter, NOT_YET, ownLines } from './apply-decision.ts';
import { decideStep } from './decide.ts';
import { DomainError } from './errors.ts';
import type { Life } from './life.ts';
import { derived } from './next-step.ts';
import { LivedAhead } from './spent.ts';

/** More steps than a daily price takes in ten years: a life that takes more is a mistake. */
const STEPS_MAX = 5_000;

/**
 * The life as it will be just before `at` if nothing else happens: every step until then made, with everything paid and
 * nothing used. What a preview of a later instant starts from; the steps at `at` itself belong to what happens then.
 * Throws `change_not_allowed` when it is too far ahead to be lived until then.
 */
export function foldUntil(life: Life, at: Date): Life {
  const ahead = new LivedAhead(life);
  let now = paid(life);
  for (let n = 0; n < STEPS_MAX; n += 1) {
    const { nextStep: step, nextStepAt: due } = now.subscription;
    if (!step || !due || due > at || (due.getTime() === at.getTime() && step !== 'activate'))
      return ahead.known(now, at);
    const decision = decideStep(ahead.known(now, due), { step, at: due }, true);
    ahead.add(ownLines(decision, now.pending.length));
    now = paid(lifeAfter(now, decision, NOT_YET));
  }
  throw new DomainError(
    'change_not_allowed',
    `More than ${STEPS_MAX} billing periods lie before ${at.toISOString()}; use an instant that is nearer.`,
    { state: life.subscription.status, reason: 'too_far_ahead' },
  );
}

/** A first payment that is still owed is taken as made, because otherwise nothing goes on. */
function paid(life: Life): Life {
  if (!life.subscription.incompleteSince) return life;
  return {
    ...life,
    subscription: derived({ ...life.subscription, incompleteSince: null, expiresAt: null }),
  };
}
