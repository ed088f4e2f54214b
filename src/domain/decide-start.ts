import { ownLines } from './apply-decision.ts';
import { combined } from './combine.ts';
import { decideStep } from './decide.ts';
import { decideActivate, isAutomatic } from './decide-step.ts';
import type { Decision } from './decision.ts';
import type { Life } from './life.ts';
import { derived } from './next-step.ts';
import { LivedAhead } from './spent.ts';
import { firstPaymentDeadline, owesFirstPayment } from './start-billing.ts';
import { deriveStatus, type Subscription } from './subscription.ts';

/** More steps than a daily price takes in the two years that a start may lie back. */
const STEPS_MAX = 3_000;

/**
 * A subscription that is asked for at `at` begins, then or at its start that has passed: everything that would have
 * happened since is one decision, with one invoice that has one line per elapsed period, dated and owed now (billing
 * rules 18 and 31d). `hasPaymentMethod` matters where a trial ended in between.
 */
export function decideStart(life: Life, at: Date, hasPaymentMethod = true): Decision {
  const { startsAt, paymentBehavior } = life.subscription;
  if (startsAt >= at) return decideActivate(life, at);
  // Nobody could have paid until now, so no first payment is waited for in between.
  const trusted: Life = {
    ...life,
    subscription: { ...life.subscription, paymentBehavior: 'default_active' },
  };
  let decision = decideActivate(trusted, startsAt);
  for (let n = 0; n < STEPS_MAX; n += 1) {
    const { nextStep: step, nextStepAt: due } = derived(decision.subscription);
    if (!step || !due || due > at) return owedNow(decision, paymentBehavior, at);
    const ahead = new LivedAhead(trusted);
    // What is charged once is on this invoice, too, and was spent when it began.
    ahead.add(trusted.pending.map(({ line }) => line));
    ahead.add(ownLines(decision, trusted.pending.length));
    const decideNext = (then: Life) =>
      decideStep(ahead.known(then, due), { step, at: due }, hasPaymentMethod);
    decision = combined(trusted, decision, decideNext, at);
  }
  throw new RangeError(`more than ${STEPS_MAX} steps lie between the start and ${at.toISOString()}`);
}

function owedNow(decision: Decision, paymentBehavior: Subscription['paymentBehavior'], at: Date): Decision {
  const { invoice, events } = decision;
  const subscription = { ...decision.subscription, paymentBehavior };
  const owes =
    invoice !== null &&
    !subscription.endedAt &&
    !subscription.pausedAt &&
    // In a trial only what is charged once is owed, which is no fee.
    deriveStatus(subscription) !== 'trialing' &&
    owesFirstPayment(subscription, invoice);
  return {
    ...decision,
    invoice: invoice && { ...invoice, billingReason: 'subscription_create' },
    // The periods that have passed were never anybody's news.
    events: events.filter((type) => type !== 'billing.cycle.closed' && type !== 'subscription.renewed'),
    collect: isAutomatic(subscription) && paymentBehavior !== 'default_incomplete',
    subscription: owes
      ? {
          ...subscription,
          incompleteSince: at,
          expiresAt: firstPaymentDeadline(subscription, at),
        }
      : subscription,
  };
}
