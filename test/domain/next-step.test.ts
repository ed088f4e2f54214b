import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { derived, nextStep } from '../../src/domain/next-step.ts';
import type { Subscription } from '../../src/domain/subscription.ts';
import { conceive, live, utc } from '../support/lives.ts';

const active = live(conceive({}, '2026-01-01'), '2026-01-01').life.subscription;
const trialing = live(conceive({ trialDays: 14 }, '2026-01-01'), '2026-01-01').life.subscription;
const incomplete = live(conceive({ paymentBehavior: 'allow_incomplete' }, '2026-01-01'), '2026-01-01').life
  .subscription;
const scheduled = conceive({ startAt: utc('2026-02-01') }, '2026-01-01').subscription;

const due = (subscription: Subscription, changes: Partial<Subscription> = {}) => {
  const next = nextStep({ ...subscription, ...changes });
  return next && [next.step, next.at.toISOString()];
};

describe('what is due next', () => {
  test.each<[string, Subscription, Partial<Subscription>, string | null, string | null]>([
    ['a subscription that has not begun waits for its start', scheduled, {}, 'activate', '2026-02-01'],
    ['a trial waits for its end', trialing, {}, 'end_trial', '2026-01-15'],
    [
      'a trial that is to be announced waits for that first',
      trialing,
      { trialReminderAt: utc('2026-01-12') },
      'remind_trial',
      '2026-01-12',
    ],
    ['an active subscription waits for the end of its period', active, {}, 'close_period', '2026-02-01'],
    ['past due, periods go by all the same', active, { status: 'past_due' }, 'close_period', '2026-02-01'],
    ['unpaid, periods go by all the same', active, { status: 'unpaid' }, 'close_period', '2026-02-01'],
    ['incomplete, only the end of patience is due', incomplete, {}, 'expire', '2026-01-01T23:00:00.000Z'],
    [
      'incomplete, a period that ends earlier is not closed',
      incomplete,
      { currentPeriodEnd: utc('2026-01-01T10:00:00Z') },
      'expire',
      '2026-01-01T23:00:00.000Z',
    ],
    ['paused, nothing is due', active, { status: 'paused' }, null, null],
    [
      'paused, a planned cancellation still is',
      active,
      { status: 'paused', cancelAt: utc('2026-03-01') },
      'cancel',
      '2026-03-01',
    ],
    [
      'ended, nothing is ever due again',
      active,
      { status: 'canceled', cancelAt: utc('2026-03-01') },
      null,
      null,
    ],
    ['expired, nothing is ever due again', incomplete, { status: 'expired' }, null, null],
    [
      'a cancellation before the end of the period comes first',
      active,
      { cancelAt: utc('2026-01-20') },
      'cancel',
      '2026-01-20',
    ],
    [
      'a cancellation after the end of the period waits',
      active,
      { cancelAt: utc('2026-02-20') },
      'close_period',
      '2026-02-01',
    ],
    [
      'a reminder left over from a trial that is over is not due',
      active,
      { trialReminderAt: utc('2026-01-02') },
      'close_period',
      '2026-02-01',
    ],
  ])('%s', (_sentence, subscription, changes, step, at) => {
    expect(due(subscription, changes)).toEqual(step && at ? [step, utc(at).toISOString()] : null);
  });
});

describe('equal instants', () => {
  test.each<[string, Subscription, Partial<Subscription>, string]>([
    [
      'a trial canceled at its end is canceled, and never billed',
      trialing,
      { cancelAt: trialing.trialEndsAt },
      'cancel',
    ],
    [
      'a trial is announced before it ends',
      trialing,
      { trialReminderAt: trialing.trialEndsAt },
      'remind_trial',
    ],
    [
      'a subscription canceled at its period end is not renewed',
      active,
      { cancelAt: active.currentPeriodEnd },
      'cancel',
    ],
    [
      'a subscription canceled when it would begin does not begin',
      scheduled,
      { cancelAt: scheduled.startsAt },
      'cancel',
    ],
    [
      'a cancellation wins over patience that runs out',
      incomplete,
      { cancelAt: incomplete.expiresAt },
      'cancel',
    ],
  ])('%s', (_sentence, subscription, changes, step) => {
    expect(nextStep({ ...subscription, ...changes })?.step).toBe(step);
  });
});

describe('derived', () => {
  const instant = fc.date({ min: utc('2026-01-01'), max: utc('2030-01-01'), noInvalidDate: true });
  const facts = fc.record({
    startedAt: fc.option(instant),
    trialEndsAt: fc.option(instant),
    trialEndedAt: fc.option(instant),
    trialReminderAt: fc.option(instant),
    pausedAt: fc.option(instant),
    cancelAt: fc.option(instant),
    currentPeriodEnd: fc.option(instant),
    overdueCount: fc.nat(3),
  });

  test('the next step is the earliest of all instants that count', () => {
    fc.assert(
      fc.property(facts, (changes) => {
        const subscription = derived({ ...active, ...changes });
        const { startsAt, trialEndsAt, trialReminderAt, cancelAt, currentPeriodEnd } = subscription;
        const known = [startsAt, trialEndsAt, trialReminderAt, cancelAt, currentPeriodEnd].map((at) =>
          at?.getTime(),
        );
        expect(known).toContain(subscription.nextStepAt?.getTime());
        if (cancelAt && subscription.nextStepAt)
          expect(subscription.nextStepAt.getTime()).toBeLessThanOrEqual(cancelAt.getTime());
      }),
    );
  });

  test('deriving twice changes nothing', () => {
    fc.assert(
      fc.property(facts, (changes) =>
        expect(derived(derived({ ...active, ...changes }))).toEqual(derived({ ...active, ...changes })),
      ),
    );
  });
});
