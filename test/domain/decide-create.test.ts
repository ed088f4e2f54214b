import { describe, expect, test } from '@jest/globals';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { Decimal } from '../../src/domain/money.ts';
import { FOREVER } from '../../src/domain/subscription.ts';
import { aPrice, conceive, utc } from '../support/lives.ts';

const NEW_YORK = 'America/New_York';
const created = (terms: Partial<SubscriptionTerms>, at = '2026-01-31T15:00:00Z') =>
  conceive(terms, at).subscription;

describe('a creation', () => {
  test('begins at once unless it says when', () => {
    expect(created({})).toMatchObject({
      status: 'scheduled',
      nextStep: 'activate',
      nextStepAt: utc('2026-01-31T15:00:00Z'),
      startedAt: null,
    });
  });

  test('with a start in the future waits for it', () => {
    expect(created({ startAt: utc('2026-03-01') })).toMatchObject({
      startsAt: utc('2026-03-01'),
      nextStepAt: utc('2026-03-01'),
    });
  });

  test('with a start that has passed begins at once: time already gone is not billed', () => {
    expect(created({ startAt: utc('2026-01-01') }).startsAt).toEqual(utc('2026-01-31T15:00:00Z'));
  });

  test('anniversary billing is anchored at the start, and a trial may move that', () => {
    expect(created({})).toMatchObject({ anchorAt: utc('2026-01-31T15:00:00Z'), anchorFixed: false });
  });

  test('an explicit anchor is kept', () => {
    expect(created({ billingAnchor: utc('2026-02-15') })).toMatchObject({
      anchorAt: utc('2026-02-15'),
      anchorFixed: true,
    });
  });

  test('calendar billing keeps its place in the calendar', () => {
    expect(created({ billingCycle: 'calendar' }).anchorFixed).toBe(true);
  });

  test('has one item per price, with its quantity from its start for ever', () => {
    const seats = aPrice({ key: 'seats', model: 'per_unit' });
    const { priced } = conceive(
      { startAt: utc('2026-03-01'), items: [{ key: 'seats', price: seats, quantity: new Decimal('2.5') }] },
      '2026-01-01',
    );
    expect(priced).toMatchObject([
      { item: { key: 'seats', startedAt: null, currentPeriodStart: null }, price: seats },
    ]);
    expect(FOREVER.getUTCFullYear()).toBe(9999);
  });
});

describe('a trial', () => {
  test.each<[string, Partial<SubscriptionTerms>, string | null]>([
    ['of days ends at the same wall time', { trialDays: 14 }, '2026-02-14T15:00:00.000Z'],
    // Spring forward on 8 March 2026: 15:00Z is 10:00 in New York before and 14:00Z after.
    [
      'over daylight saving ends at the same wall time',
      { trialDays: 45, timeZone: NEW_YORK },
      '2026-03-17T14:00:00.000Z',
    ],
    ['of no days is none', { trialDays: 0 }, null],
    ['may name its end', { trialEnd: utc('2026-02-01') }, '2026-02-01T00:00:00.000Z'],
    ['starts with a later start', { trialDays: 1, startAt: utc('2026-03-01') }, '2026-03-02T00:00:00.000Z'],
    ['may last two years', { trialDays: 730 }, '2028-01-31T15:00:00.000Z'],
  ])('%s', (_sentence, terms, end) => {
    expect(created(terms).trialEndsAt?.toISOString() ?? null).toBe(end);
  });

  test.each<[string, Partial<SubscriptionTerms>, string]>([
    ['longer than two years', { trialDays: 731 }, 'trial_days'],
    ['that ends before it starts', { trialEnd: utc('2026-01-01') }, 'trial_end'],
    ['that ends when it starts', { trialEnd: utc('2026-01-31T15:00:00Z') }, 'trial_end'],
    ['that ends years from now', { trialEnd: utc('2029-01-01') }, 'trial_end'],
  ])('%s is refused and the field named', (_sentence, terms, path) => {
    expect(() => created(terms)).toThrow(
      expect.objectContaining({
        code: 'trial_too_long',
        details: { errors: [expect.objectContaining({ path })] },
      }),
    );
  });

  test.each<[string, Partial<SubscriptionTerms>, string | null]>([
    ['is not announced unless the tenant wants it', { trialDays: 14 }, null],
    [
      'is announced as many days before its end',
      { trialDays: 14, trialReminderDays: 3 },
      '2026-02-11T15:00:00.000Z',
    ],
    [
      'is announced when it begins if it is shorter than the notice',
      { trialDays: 2, trialReminderDays: 3 },
      '2026-01-31T15:00:00.000Z',
    ],
    ['is not announced if there is none', { trialReminderDays: 3 }, null],
  ])('%s', (_sentence, terms, at) => {
    expect(created(terms).trialReminderAt?.toISOString() ?? null).toBe(at);
  });
});

describe('a planned end', () => {
  test('is noted with the creation', () => {
    expect(created({ cancelAt: utc('2026-06-01') })).toMatchObject({
      cancelAt: utc('2026-06-01'),
      cancelMode: 'at',
      canceledAt: null,
    });
  });

  test.each<[string, Partial<SubscriptionTerms>]>([
    ['before the start', { cancelAt: utc('2026-01-01') }],
    ['at the start', { cancelAt: utc('2026-03-01'), startAt: utc('2026-03-01') }],
  ])('%s is refused', (_sentence, terms) => {
    expect(() => created(terms)).toThrow(expect.objectContaining({ code: 'cancel_at_in_past' }));
  });
});
