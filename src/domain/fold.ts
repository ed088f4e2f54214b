import { lifeAfter, NOT_YET, ownLines } from './apply-decision.ts';
import type { ScheduledChange } from './change.ts';
import { decideStep } from './decide.ts';
import { firstDue } from './decide-scheduled.ts';
import type { Decision } from './decision.ts';
import { DomainError } from './errors.ts';
import type { Life } from './life.ts';
import { derived, type NextStep } from './next-step.ts';
import { LivedAhead } from './spent.ts';

/** More steps than a daily price takes in ten years: a life that takes more is a mistake. */
const STEPS_MAX = 5_000;

/**
 * The life as it will be just before `at` if nothing else happens: every step until then made, with everything paid and
 * nothing used. What a preview of a later instant starts from; the steps at `at` itself belong to what happens then.
 * Throws `change_not_allowed` when it is too far ahead to be lived until then.
 */
export function foldUntil(life: Life, at: Date): Life {
  const isThere = (_now: Life, { step, at: due }: NextStep) =>
    due > at || (due.getTime() === at.getTime() && step !== 'activate');
  const { ahead, now } = liveAhead(life, at, isThere);
  return ahead.known(now, at);
}

/**
 * The same until just before a scheduled change takes place, which may be at another instant than it says: it moves with
 * the period whose end it waits for. Where it does not take place, because the subscription ends, the life at its end.
 */
export function foldUntilChange(life: Life, { action, effectiveAt }: ScheduledChange): Life {
  const isThere = ({ changes }: Life, { step, at: due }: NextStep) =>
    step === 'apply_change' && firstDue(changes, due)?.action === action;
  const { ahead, now } = liveAhead(life, effectiveAt, isThere);
  return ahead.known(now, now.subscription.nextStepAt ?? effectiveAt);
}

/** The same until just before the cancellation that is planned, which moves like such a change. */
export function foldUntilCancel(life: Life, cancelAt: Date): Life {
  const { ahead, now } = liveAhead(life, cancelAt, (_now, { step }) => step === 'cancel');
  return ahead.known(now, now.subscription.nextStepAt ?? cancelAt);
}

/** As many daily periods as a year has; what makes no invoice for so long makes none soon. */
const UPCOMING_STEPS_MAX = 400;

/**
 * The first invoice that a life comes to by itself, when, and how, if nothing else happens: with what it has used until
 * now. Null: none comes, because it rests or has ended.
 */
export function foldUntilInvoice(life: Life): { at: Date; decision: Decision } | null {
  const ahead = new LivedAhead(life);
  let now = paid(life);
  for (let n = 0; n < UPCOMING_STEPS_MAX; n += 1) {
    const { nextStep: step, nextStepAt: at } = now.subscription;
    if (!step || !at) return null;
    const decision = decideStep(ahead.known(now, at), { step, at }, true);
    if (decision.invoice) return { at, decision };
    ahead.add(ownLines(decision, now.pending.length));
    now = paid(lifeAfter(now, decision, NOT_YET));
  }
  return null;
}

function liveAhead(
  life: Life,
  at: Date,
  isThere: (now: Life, next: NextStep) => boolean,
): { ahead: LivedAhead; now: Life } {
  const ahead = new LivedAhead(life);
  let now = paid(life);
  for (let n = 0; n < STEPS_MAX; n += 1) {
    const { nextStep: step, nextStepAt: due } = now.subscription;
    if (!step || !due || isThere(now, { step, at: due })) return { ahead, now };
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
