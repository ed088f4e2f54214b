import { describe, expect, test } from '@jest/globals';
import {
  assertTransition,
  deriveStatus,
  isBilling,
  isEnded,
  SUBSCRIPTION_STATUSES,
  type Subscription,
  TRANSITIONS,
} from '../../src/domain/subscription.ts';
import { conceive, live, utc } from '../support/lives.ts';

const at = utc('2026-01-01');
const active = live(conceive({}, '2026-01-01'), '2026-01-01').life.subscription;

describe('status follows from facts, the first that applies', () => {
  test.each<[string, Partial<Subscription>, string]>([
    ['begun and nothing else', {}, 'active'],
    ['not begun', { startedAt: null }, 'scheduled'],
    ['in its trial', { trialEndsAt: at }, 'trialing'],
    ['after its trial', { trialEndsAt: at, trialEndedAt: at }, 'active'],
    ['owing its first payment', { incompleteSince: at, expiresAt: at }, 'incomplete'],
    ['owing a later one', { overdueCount: 1 }, 'past_due'],
    ['given up by dunning, but going on', { unpaidSince: at, overdueCount: 2 }, 'unpaid'],
    ['paused', { pausedAt: at }, 'paused'],
    ['paused while owing', { pausedAt: at, overdueCount: 1 }, 'paused'],
    ['paused within its trial', { pausedAt: at, trialEndsAt: at }, 'paused'],
    [
      'ended while everything else is also true',
      { endReason: 'canceled', pausedAt: at, overdueCount: 1, unpaidSince: at },
      'canceled',
    ],
    ['ended before it began', { startedAt: null, endReason: 'canceled' }, 'canceled'],
    ['expired', { endReason: 'expired', incompleteSince: at }, 'expired'],
  ])('%s', (_sentence, facts, status) => {
    expect(deriveStatus({ ...active, ...facts })).toBe(status);
  });
});

describe('the transition table', () => {
  test('what ended stays as it is', () => {
    for (const status of SUBSCRIPTION_STATUSES) if (isEnded(status)) expect(TRANSITIONS[status]).toEqual([]);
  });

  test('every living status has a way to its end', () => {
    for (const status of SUBSCRIPTION_STATUSES)
      if (!isEnded(status)) expect(TRANSITIONS[status]).toContain('canceled');
  });

  test('nothing goes back to before its beginning', () => {
    for (const status of SUBSCRIPTION_STATUSES) expect(TRANSITIONS[status]).not.toContain('scheduled');
  });

  test('staying is always allowed', () => {
    for (const status of SUBSCRIPTION_STATUSES) expect(() => assertTransition(status, status)).not.toThrow();
  });

  test.each([
    ['canceled', 'active'],
    ['expired', 'incomplete'],
    ['active', 'trialing'],
    ['active', 'incomplete'],
    ['scheduled', 'past_due'],
  ] as const)('from %s to %s is refused and names both', (from, to) => {
    expect(() => assertTransition(from, to)).toThrow(
      expect.objectContaining({ code: 'transition_not_allowed', details: { from, to } }),
    );
  });

  test('only what is active, past due or unpaid is billed', () => {
    expect(SUBSCRIPTION_STATUSES.filter((status) => isBilling({ status }))).toEqual([
      'active',
      'past_due',
      'unpaid',
    ]);
  });
});
