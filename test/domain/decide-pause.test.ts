import { describe, expect, test } from '@jest/globals';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { decidePause, decideResume } from '../../src/domain/decide-pause.ts';
import type { Life } from '../../src/domain/life.ts';
import { amounts, billed, changing, target } from '../support/changes.ts';
import { after, conceive, live, using, utc } from '../support/lives.ts';

const fee = target('fee', { unitAmount: '31' });
const later = target('later', { unitAmount: '62', timing: 'in_arrears' });
const begun = (terms: Partial<SubscriptionTerms> = {}): Life =>
  live(conceive({ items: [fee, later], ...terms }, '2026-01-01'), '2026-01-01').life;
const paused = (life: Life, at: string, credit = true, resumeAt: string | null = null) => {
  const decision = decidePause(life, { credit, resumeAt: resumeAt ? utc(resumeAt) : null }, utc(at));
  return { decision, life: after(life, decision) };
};
const resumed = (life: Life, at: string) => {
  const decision = decideResume(life, utc(at));
  return { decision, life: after(life, decision) };
};

describe('a pause', () => {
  test('gives back what was paid ahead and bills what ran in arrears; its day is not billed', () => {
    const { decision, life } = paused(begun(), '2026-01-16T12:00:00Z');
    expect(billed(decision).now).toEqual(['-16 2026-01-16..2026-02-01', '30 2026-01-01..2026-01-16']);
    expect(life.subscription).toMatchObject({
      status: 'paused',
      pausedAt: utc('2026-01-16T12:00:00Z'),
      currentPeriodEnd: null,
      nextStep: null,
    });
  });

  test('without credit lets what was paid ahead run out', () => {
    const { decision, life } = paused(begun(), '2026-01-16', false);
    expect(billed(decision).now).toEqual(['30 2026-01-01..2026-01-16']);
    expect(decision.truncations).toEqual([]);
    expect(life.priced.map(({ item }) => item.currentPeriodEnd)).toEqual([utc('2026-02-01'), null]);
  });

  test('at the end of a period has nothing to give back and begins no new one', () => {
    const { decision } = paused(begun(), '2026-02-01');
    expect(billed(decision).now).toEqual(['62 2026-01-01..2026-02-01']);
  });

  test('with an end goes on by itself', () => {
    const { life } = paused(begun({ items: [fee] }), '2026-01-16', true, '2026-03-10');
    expect(life.subscription).toMatchObject({ nextStep: 'apply_change', nextStepAt: utc('2026-03-10') });
    const { lived, life: then } = live(life, '2026-03-10');
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual(['22.00']);
    expect(lived[0]?.decision.events).toEqual(['subscription.resumed', 'subscription.change_applied']);
    expect(then.subscription).toMatchObject({
      status: 'active',
      changeAt: null,
      nextStepAt: utc('2026-04-01'),
    });
  });
});

describe('a resume', () => {
  test('keeps the anchor and bills the stub to the next boundary, its own day included', () => {
    const { decision, life } = resumed(paused(begun(), '2026-01-16').life, '2026-03-10T18:00:00Z');
    expect(billed(decision).now).toEqual(['22 2026-03-10..2026-04-01']);
    expect(decision.coverage.map(({ reason, period }) => [reason, period.start])).toEqual([
      ['paused', utc('2026-01-16')],
      ['paused', utc('2026-01-16')],
      ['billed', utc('2026-03-10T18:00:00Z')],
    ]);
    expect(life.subscription).toMatchObject({ status: 'active', anchorAt: utc('2026-01-01') });
  });

  test('within a period that was paid and runs bills nothing', () => {
    const { decision, life } = resumed(paused(begun(), '2026-01-16', false).life, '2026-01-20');
    expect(decision.invoice).toBeNull();
    expect(life.priced.map(({ item }) => item.currentPeriodStart)).toEqual([
      utc('2026-01-01'),
      utc('2026-01-20'),
    ]);
  });

  test('after what was paid ran out leaves free only what was not paid', () => {
    const { decision } = resumed(paused(begun({ items: [fee] }), '2026-01-16', false).life, '2026-02-08');
    expect(decision.coverage).toMatchObject([
      { reason: 'paused', period: { start: utc('2026-02-01'), end: utc('2026-02-08') } },
      { reason: 'billed', period: { start: utc('2026-02-08'), end: utc('2026-03-01') } },
    ]);
  });

  test('of a trial goes on with what was left of it', () => {
    const life = paused(begun({ trialDays: 30, trialReminderDays: 3 }), '2026-01-11').life;
    const { decision, life: then } = resumed(life, '2026-02-11');
    expect(decision.invoice).toBeNull();
    expect(then.subscription).toMatchObject({
      status: 'trialing',
      trialEndsAt: utc('2026-03-03'),
      trialReminderAt: utc('2026-02-28'),
      nextStep: 'remind_trial',
    });
  });

  test('of a trial that ended without a way to pay begins billing', () => {
    const life = live(
      conceive(
        { items: [fee], trialDays: 10, trialEndBehavior: 'pause', paymentBehavior: 'allow_incomplete' },
        '2026-01-01',
      ),
      '2026-01-11',
      false,
    ).life;
    const { decision, life: then } = resumed(life, '2026-01-20');
    expect(billed(decision).now).toEqual(['31 2026-01-20..2026-02-20']);
    expect(then.subscription).toMatchObject({ status: 'active', anchorAt: utc('2026-01-20') });
  });

  test('of what was paused at the very end of its trial goes on with what was paid then', () => {
    const life = live(conceive({ items: [fee], trialDays: 10 }, '2026-01-01'), '2026-01-11').life;
    const { decision, life: then } = resumed(paused(life, '2026-01-11', false).life, '2026-01-20');
    expect(decision.invoice).toBeNull();
    expect(then.subscription).toMatchObject({
      anchorAt: utc('2026-01-11'),
      currentPeriodEnd: utc('2026-02-11'),
    });
  });

  test('takes the planned one along', () => {
    const { life } = paused(begun(), '2026-01-16', true, '2026-03-10');
    const { decision, life: then } = resumed(life, '2026-02-10');
    expect(decision.finished).toEqual([{ id: life.changes[0]?.id, as: 'replaced' }]);
    expect(then).toMatchObject({ changes: [], subscription: { changeAt: null } });
  });
});

describe('while paused', () => {
  test('a change bills nothing, and is billed from the resume on', () => {
    const life = paused(begun({ items: [fee] }), '2026-01-16').life;
    const { decision, life: changed } = changing(life, '2026-02-01', {
      set: [target('fee', { unitAmount: '62' }), target('more', { unitAmount: '31' })],
    });
    expect(decision.invoice).toBeNull();
    const { decision: resume } = resumed(changed, '2026-03-10');
    expect(amounts(resume)).toEqual(['44.00', '22.00']);
    // What joined while it rested was never before.
    expect(
      resume.coverage.filter(({ reason }) => reason === 'paused').map(({ period }) => period.start),
    ).toEqual([utc('2026-01-16'), utc('2026-02-01')]);
  });

  test('usage was billed until the pause', () => {
    const used = target('used', {
      model: 'per_unit',
      unitAmount: '2',
      billing: 'usage',
      timing: 'in_arrears',
    });
    const { decision } = paused(using(begun({ items: [fee, used] }), { used: '3' }), '2026-01-16');
    expect(amounts(decision)).toEqual(['-16.00', '6.00']);
  });
});
