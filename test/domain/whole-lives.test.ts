import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { totalOf } from '../../src/domain/build-invoice.ts';
import { INTERVAL_UNITS } from '../../src/domain/calendar.ts';
import { decideCommand, effectiveAt, type SubscriptionCommand } from '../../src/domain/decide-command.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import type { Decision } from '../../src/domain/decision.ts';
import { isDomainError } from '../../src/domain/errors.ts';
import { Decimal, sum } from '../../src/domain/money.ts';
import { after, aPrice, conceive, type Life, live } from '../support/lives.ts';

/** Whatever is asked of a subscription and whenever, its bills account for its whole life, once. */

const BORN_MS = Date.UTC(2027, 9, 1);
const DAY_MS = 86_400_000;
const instant = (days: number) =>
  fc.integer({ min: 0, max: days * 86_400 }).map((seconds) => new Date(BORN_MS + seconds * 1000));

const price = fc.record({
  timing: fc.constantFrom('in_advance' as const, 'in_arrears' as const),
  intervalUnit: fc.constantFrom(...INTERVAL_UNITS),
  intervalCount: fc.integer({ min: 1, max: 3 }),
});
const terms: fc.Arbitrary<Partial<SubscriptionTerms>> = fc.record({
  items: fc.array(price, { minLength: 1, maxLength: 3 }).map((prices) =>
    prices.map((one, n) => ({
      key: `k${n}`,
      price: aPrice({ ...one, key: `k${n}`, unitAmount: '33.33' }),
      quantity: new Decimal(1),
    })),
  ),
  timeZone: fc.constantFrom(
    'UTC',
    'America/New_York',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'America/Santiago',
  ),
  prorationBasis: fc.constantFrom('day', 'second'),
  billingCycle: fc.constantFrom('anniversary', 'calendar'),
  billingAnchor: fc.option(instant(60), { nil: null }),
  trialDays: fc.constantFrom(null, 1, 14, 45),
  trialReminderDays: fc.constantFrom(null, 3),
  startAt: fc.option(instant(40), { nil: null }),
  cancelAt: fc.option(
    instant(150).map((at) => new Date(at.getTime() + 200 * DAY_MS)),
    { nil: null },
  ),
  trialEndBehavior: fc.constantFrom('activate', 'cancel'),
});
const command: fc.Arbitrary<(at: Date) => SubscriptionCommand> = fc.oneof(
  fc
    .constantFrom('period_end' as const, 'now' as const)
    .map((mode) => () => ({ kind: 'cancel' as const, mode, at: null, reason: null })),
  fc.integer({ min: 1, max: 90 }).map((days) => (at: Date) => ({
    kind: 'cancel' as const,
    mode: 'at' as const,
    at: new Date(at.getTime() + days * DAY_MS),
    reason: null,
  })),
  fc.constantFrom(...(['uncancel', 'end_trial'] as const)).map((kind) => () => ({ kind })),
  fc.integer({ min: 1, max: 60 }).map((days) => (at: Date) => ({
    kind: 'extend_trial' as const,
    trialEnd: new Date(at.getTime() + days * DAY_MS),
  })),
);
const commands = fc
  .array(fc.record({ at: instant(240), command }), { maxLength: 6 })
  .map((list) => list.sort((a, b) => a.at.getTime() - b.at.getTime()));
const scenario = fc.record({ terms, commands, born: instant(40), pays: fc.boolean() });
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

/** Everything that was decided, in order, with the instant at which each was due. */
function play({ terms: asked, commands: orders, born, pays }: Scenario) {
  let life: Life = conceive(asked, born.toISOString());
  const decided: { at: Date; decision: Decision }[] = [];
  const until = (at: Date) => {
    const run = live(life, at.toISOString(), pays);
    life = run.life;
    decided.push(...run.lived);
  };
  for (const order of orders) {
    if (order.at < born) continue;
    until(order.at);
    try {
      const at = effectiveAt(life.subscription, order.at);
      const decision = decideCommand(life, order.command(at), at, {
        hasPaymentMethod: pays,
        trialReminderDays: asked.trialReminderDays ?? null,
      });
      decided.push({ at, decision });
      life = after(life, decision);
    } catch (error) {
      if (!isDomainError(error)) throw error;
    }
  }
  until(new Date(BORN_MS + 400 * DAY_MS));
  return { life, decided };
}

const holds = (check: (played: ReturnType<typeof play>, scenario: Scenario) => void, numRuns = 120) =>
  fc.assert(
    fc.property(scenario, (one) => check(play(one), one)),
    { numRuns },
  );

test('what is accounted for of an item is one stretch, without a gap and without an overlap', () => {
  holds(({ life, decided }) => {
    for (const {
      item,
      price: { timing },
    } of life.priced) {
      const coverage = decided
        .flatMap(({ decision }) => decision.coverage)
        .filter(({ itemId }) => itemId === item.id);
      for (const [n, { period }] of coverage.entries()) {
        expect(period.start.getTime()).toBeLessThan(period.end.getTime());
        expect(period.start).toEqual(coverage[n - 1]?.period.end ?? item.startedAt);
      }
      const { status, endedAt } = life.subscription;
      const last = coverage.at(-1)?.period.end ?? item.startedAt;
      // A trial that runs is written down when it ends.
      if (status === 'scheduled' || status === 'trialing' || !item.startedAt) continue;
      if (timing === 'in_advance' && endedAt === null) expect(last).toEqual(item.currentPeriodEnd);
      if (timing === 'in_arrears') expect(last).toEqual(endedAt ?? item.currentPeriodStart);
    }
  });
});

test('every line bills one stretch, and lines sum to the total', () => {
  holds(({ decided }) => {
    for (const {
      decision: { invoice, coverage },
    } of decided) {
      const billed = coverage.filter(({ reason }) => reason === 'billed');
      expect(billed.map(({ line }) => line)).toEqual((invoice?.lines ?? []).map((_, n) => n));
      if (!invoice) continue;
      expect(totalOf(invoice).eq(sum(invoice.lines.map(({ amount }) => amount)))).toBe(true);
      for (const { line, itemId, period } of billed)
        expect(invoice.lines[line ?? -1]).toMatchObject({ itemId, period });
    }
  });
});

test('time never goes back, and what has ended stays as it is', () => {
  holds(({ life, decided }) => {
    for (const [n, { at }] of decided.entries())
      expect(at.getTime()).toBeGreaterThanOrEqual(decided[n - 1]?.at.getTime() ?? 0);
    const { endedAt, nextStepAt } = life.subscription;
    if (endedAt) expect(decided.at(-1)?.at).toEqual(endedAt);
    else if (nextStepAt) expect(nextStepAt.getTime()).toBeGreaterThan(decided.at(-1)?.at.getTime() ?? 0);
  });
});

test('the same life lived twice is the same to the last digit', () => {
  // Ids are given from outside, and are others each time.
  const told = (played: ReturnType<typeof play>) => JSON.stringify(played).replace(/(inv|il)_\d+/g, '$1');
  holds((played, one) => expect(told(play(one))).toEqual(told(played)), 40);
});

test('a trial is free and nothing is billed before it has ended', () => {
  holds(({ life: { subscription }, decided }) => {
    if (!subscription.trialEndsAt) return;
    const from = subscription.trialEndedAt ?? subscription.endedAt;
    for (const { decision } of decided) {
      for (const { period } of decision.invoice?.lines ?? [])
        expect(period.start.getTime()).toBeGreaterThanOrEqual(from?.getTime() ?? Number.POSITIVE_INFINITY);
    }
  });
});
