import { describe, expect, test } from '@jest/globals';
import type { Sold } from '../../src/domain/compose-change.ts';
import { Decimal } from '../../src/domain/money.ts';
import { judgeSubscriber, moveCommand } from '../../src/domain/plan-migration.ts';
import type { Subscription } from '../../src/domain/subscription.ts';
import { aChange } from '../support/changes.ts';
import { aPrice, conceive, type Life, live, utc } from '../support/lives.ts';

const version = (n: number, unitAmount: string, keys = ['fee', 'seats']): Sold => ({
  planId: 'plan',
  version: n,
  prices: keys.map((key) =>
    aPrice({
      key,
      id: `price_${key}_${n}`,
      planVersion: n,
      unitAmount,
      ...(key === 'fee' ? {} : { model: 'per_unit' }),
    }),
  ),
});
const first = version(1, '10');
const second = version(2, '12', ['fee', 'seats', 'support']);
const migration = { planId: 'plan', toVersion: 2, replacesScheduled: false };

/** On the first version with four seats. */
function subscriber(changes: Partial<Subscription> = {}, prices = first.prices): Life {
  const items = prices.map((price) => ({
    key: price.key,
    price,
    quantity: new Decimal(price.key === 'seats' ? 4 : 1),
  }));
  const { life } = live(conceive({ items }, '2026-03-01'), '2026-03-10');
  return { ...life, subscription: { ...life.subscription, ...changes } };
}

const judged = (life: Life, to = second, wanted = migration) => judgeSubscriber(wanted, life, first, to);

describe('a subscriber', () => {
  test('moves to the prices of the new version with the quantities he has, and gets what is new in it', () => {
    const verdict = judged(subscriber());
    expect(verdict).toMatchObject({
      kind: 'move',
      change: { plan: { planId: 'plan', version: 2 }, remove: [] },
    });
    const set = verdict.kind === 'move' ? verdict.change.set : [];
    expect(set.map(({ key, price, quantity }) => [key, price.id, quantity.toFixed()])).toEqual([
      ['fee', 'price_fee_2', '1'],
      ['seats', 'price_seats_2', '4'],
      ['support', 'price_support_2', '1'],
    ]);
  });

  test('keeps a price that was agreed with him alone', () => {
    const agreed = first.prices.map((price) =>
      price.key === 'seats' ? { ...price, id: 'price_agreed', subscriptionId: 'sub' } : price,
    );
    const verdict = judged(subscriber({}, agreed));
    const set = verdict.kind === 'move' ? verdict.change.set : [];
    expect(set.map(({ price }) => price.id)).toEqual(['price_fee_2', 'price_agreed', 'price_support_2']);
  });

  test.each([
    ['is there already', { planVersion: 2 }, 'already_there'],
    ['is on another plan by now', { planId: 'other' }, 'other_plan'],
    ['has ended', { status: 'canceled' }, 'ended'],
  ] as const)('who %s is skipped', (_who, changes, reason) => {
    expect(judged(subscriber(changes))).toMatchObject({ kind: 'skipped', reason });
  });

  test('whose currency the new version is not sold in is refused', () => {
    const euros = { ...second, prices: second.prices.map((price) => ({ ...price, currency: 'EUR' })) };
    expect(judged(subscriber(), euros)).toMatchObject({ kind: 'refused', reason: 'plan_currency_mismatch' });
  });
});

describe('a subscriber for whom a change is scheduled', () => {
  const scheduled = (plan: { planId: string; version: number } | null): Life => ({
    ...subscriber(),
    changes: [
      {
        id: 'chg',
        effectiveAt: utc('2026-04-01'),
        mode: 'period_end',
        scheduleId: null,
        action: { kind: 'change', change: aChange({ plan }) },
      },
    ],
  });

  test('is refused, because the move would take its place', () => {
    expect(judged(scheduled({ planId: 'basic', version: 1 }))).toMatchObject({
      kind: 'refused',
      reason: 'change_scheduled',
    });
  });

  test('is moved where that was asked for', () => {
    const wanted = { ...migration, replacesScheduled: true };
    expect(judged(scheduled(null), second, wanted).kind).toBe('move');
  });

  test('is skipped when it leads to where the migration does', () => {
    expect(judged(scheduled({ planId: 'plan', version: 2 }))).toMatchObject({
      kind: 'skipped',
      reason: 'already_scheduled',
    });
  });
});

test('the command of a move says when, and leaves open what the class of the change decides', () => {
  const verdict = judged(subscriber());
  if (verdict.kind !== 'move') throw new Error('he does not move');
  const effectiveAt = utc('2026-05-01');
  const terms = { effective: 'at', effectiveAt, proration: null, anchor: 'keep' } as const;
  expect(moveCommand(terms, verdict.change)).toMatchObject({
    kind: 'change',
    effective: 'at',
    at: effectiveAt,
    change: { proration: null, anchor: 'keep', trial: 'keep', once: [] },
  });
});
