import { describe, expect, test } from '@jest/globals';
import type { Change } from '../../src/domain/change.ts';
import { classOf, resolveDefaults } from '../../src/domain/classify-change.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { decideCancel } from '../../src/domain/decide-end.ts';
import type { Life } from '../../src/domain/life.ts';
import { aChange, amounts, billed, changing, target } from '../support/changes.ts';
import { conceive, live, type PriceChanges, using, utc } from '../support/lives.ts';

const fee = (unitAmount: string, changes: PriceChanges = {}) => target('fee', { unitAmount, ...changes });
const seats = (quantity: string, unitAmount = '10') =>
  target('seats', { model: 'per_unit', unitAmount }, quantity);
const used = target('used', { model: 'per_unit', unitAmount: '2', billing: 'usage', timing: 'in_arrears' });
const _arrears = fee('62', { timing: 'in_arrears' });

const begun = (terms: Partial<SubscriptionTerms> = {}, start = '2026-01-01'): Life =>
  live(conceive({ items: [fee('31')], ...terms }, start), start).life;
/** The first invoice is open, and this much of it is owed. */
const _owing = (life: Life, owed: string): Life => ({
  ...life,
  priced: life.priced.map((entry) => ({
    ...entry,
    fees: (entry.fees ?? []).map((one) => ({ ...one, owed: one.owed.plus(owed) })),
  })),
});

describe('what is refused', () => {
  const addOn = target('fee', { unitAmount: '5', planId: 'plan_add_on' });
  test.each<[string, Partial<Change>, string]>([
    ['what is what it is to be', { set: [fee('31')] }, 'change_without_effect'],
    ['the plan that it has', { plan: { planId: 'plan', version: 1 } }, 'change_without_effect'],
    ['nothing at all', {}, 'change_without_effect'],
    ['ending an item that there is not', { remove: ['gone'] }, 'item_unknown'],
    ['ending the last item', { remove: ['fee'] }, 'change_not_allowed'],
    ['an add-on under the key of an item of the plan', { set: [addOn] }, 'item_key_taken'],
    ['another currency', { set: [fee('31', { currency: 'EUR' })] }, 'plan_currency_mismatch'],
  ])('%s', (_sentence, change, code) => {
    expect(() => changing(begun(), '2026-01-16', change)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a change of plan', () => {
  const next = { planId: 'plan_b', version: 1 };
  const addOn = target('extra', { unitAmount: '31', planId: 'plan_add_on' });

  test('ends what the new plan has not, and keeps add-ons', () => {
    const life = begun({ items: [fee('31'), seats('10', '3.1'), addOn] });
    const { decision, life: then } = changing(life, '2026-01-16', {
      plan: next,
      set: [target('fee', { unitAmount: '62', planId: 'plan_b' })],
    });
    expect(then.priced.map(({ item }) => item.key)).toEqual(['fee', 'extra']);
    expect(then.subscription).toMatchObject({ planId: 'plan_b', planVersion: 1 });
    expect(amounts(decision)).toEqual(['-16.00', '32.00', '-16.00']);
  });

  test('begins an item anew under a key that has ended', () => {
    const { life } = changing(begun({ items: [fee('31'), seats('10')] }), '2026-01-10', {
      remove: ['seats'],
    });
    const { life: then } = changing(life, '2026-01-16', { set: [seats('2')] });
    expect(then.priced.map(({ item }) => item.key)).toEqual(['fee', 'seats']);
    expect(then.priced[1]?.item.startedAt).toEqual(utc('2026-01-16'));
  });
});

describe('what is not said follows from the class of the change', () => {
  const draft = (change: Partial<Change>) => ({ ...aChange(change), proration: null, anchor: null });
  test.each<[string, Partial<SubscriptionTerms>, Partial<Change>, string, string, string]>([
    ['a higher price is an upgrade, now', {}, { set: [fee('62')] }, 'upgrade', 'now', 'keep'],
    [
      'a lower price is a downgrade, at period end',
      {},
      { set: [fee('20')] },
      'downgrade',
      'period_end',
      'keep',
    ],
    [
      'the same price is an upgrade',
      {},
      { set: [target('fee', { name: 'Other', unitAmount: '31' })] },
      'upgrade',
      'now',
      'keep',
    ],
    ['in a trial everything is now', { trialDays: 30 }, { set: [fee('20')] }, 'downgrade', 'now', 'keep'],
    [
      'a yearly price for twelve months is an upgrade and begins a year',
      {},
      { set: [fee('372', { intervalUnit: 'year' })] },
      'upgrade',
      'now',
      'reset',
    ],
    [
      'a cheaper year is a downgrade',
      {},
      { set: [fee('371', { intervalUnit: 'year' })] },
      'downgrade',
      'period_end',
      'reset',
    ],
    [
      'calendar billing keeps its calendar',
      { billingCycle: 'calendar' },
      { set: [fee('372', { intervalUnit: 'year' })] },
      'upgrade',
      'now',
      'keep',
    ],
    [
      'an explicit anchor is kept',
      { billingAnchor: utc('2026-01-01') },
      { set: [fee('372', { intervalUnit: 'year' })] },
      'upgrade',
      'now',
      'keep',
    ],
    [
      'fewer seats are a downgrade',
      { items: [seats('10')] },
      { set: [seats('9')] },
      'downgrade',
      'period_end',
      'keep',
    ],
    ['what is billed by usage has no class of its own', {}, { set: [used] }, 'upgrade', 'now', 'keep'],
  ])('%s', (_sentence, terms, change, changeClass, effective, anchor) => {
    const life = begun(terms);
    expect(resolveDefaults(life, draft(change), null)).toMatchObject({
      class: changeClass,
      effective,
      change: { anchor, proration: 'invoice_now' },
    });
    expect(classOf(life.subscription, life.priced, aChange(change))).toBe(changeClass);
  });
});

describe('in a trial', () => {
  const trialing = begun({ trialDays: 30 });

  test('a change bills nothing and keeps its end', () => {
    const { decision, life } = changing(trialing, '2026-01-10', { set: [fee('62')] });
    expect(decision.invoice).toBeNull();
    expect(life.subscription.trialEndsAt).toEqual(utc('2026-01-31'));
    const { lived } = live(life, '2026-01-31');
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual(['62.00']);
  });

  test('a change that ends it bills the new plan from there on, in one decision', () => {
    const { decision, life } = changing(trialing, '2026-01-10', {
      set: [fee('62'), seats('2')],
      trial: 'end',
    });
    expect(billed(decision).now).toEqual(['62 2026-01-10..2026-02-10', '20 2026-01-10..2026-02-10']);
    expect(life.subscription).toMatchObject({ status: 'active', anchorAt: utc('2026-01-10') });
    expect(decision.coverage.map(({ reason }) => reason)).toEqual(['trial', 'billed', 'billed']);
  });

  test('what is used in it is billed where that was agreed, in periods of its own', () => {
    const life = begun({ items: [fee('31'), used], trialDays: 45, trialUsage: 'billed' });
    const first = live(using(life, { used: '4' }), '2026-02-01');
    expect(first.lived.map(({ step, decision }) => [step, ...amounts(decision)])).toEqual([
      ['close_period', '8.00'],
    ]);
    const { lived } = live(using(first.life, { used: '1' }), '2026-02-15');
    expect(lived.map(({ step, decision }) => [step, ...amounts(decision)])).toEqual([
      ['end_trial', '2.00', '31.00'],
    ]);
  });
});

describe('what is used in a trial and billed', () => {
  const calendar = {
    items: [fee('31'), used],
    trialDays: 45,
    trialUsage: 'billed',
    billingCycle: 'calendar',
  } as const;

  test('is not cut at the end of the trial where the calendar does not move', () => {
    const life = begun({ ...calendar, trialDays: 20 }, '2026-01-05');
    const end = live(using(life, { used: '4' }), '2026-01-25');
    expect(end.lived.map(({ decision }) => amounts(decision))).toEqual([['7.00']]);
    const { lived } = live(using(end.life, { used: '5' }), '2026-02-01');
    expect(lived.map(({ decision }) => billed(decision).now)).toEqual([
      ['31 2026-02-01..2026-03-01', '10 2026-01-05..2026-02-01'],
    ]);
  });

  test('is billed with the end of a trial that ends on a boundary', () => {
    const life = begun({ ...calendar, trialDays: 27 }, '2026-01-05');
    const { lived } = live(using(life, { used: '4' }), '2026-02-01');
    expect(lived.map(({ step, decision }) => [step, ...billed(decision).now])).toEqual([
      ['end_trial', '8 2026-01-05..2026-02-01', '31 2026-02-01..2026-03-01'],
    ]);
  });
});

test('what has not begun is edited, and begins as it is then', () => {
  const life = conceive({ items: [fee('31')], startAt: utc('2026-02-01') }, '2026-01-01');
  const { life: edited, decision } = changing(life, '2026-01-16', {
    set: [fee('62'), seats('2')],
    once: [target('setup', { unitAmount: '99', intervalUnit: null, intervalCount: null })],
  });
  expect(decision.segments.map(({ from }) => from)).toEqual([utc('2026-02-01'), utc('2026-02-01')]);
  const { lived } = live(edited, '2026-02-01');
  expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual(['62.00', '20.00', '99.00']);
  // Canceled before it begins it owes nothing, and what waited to be charged once is dropped (billing rule 31b).
  expect(decideCancel(edited, utc('2026-01-20'), 'none', 'now')).toMatchObject({
    subscription: { endReason: 'canceled' },
    invoice: null,
    takesPending: false,
  });
});
