import { describe, expect, test } from '@jest/globals';
import { decideCommand } from '../../src/domain/decide-command.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { decideStart } from '../../src/domain/decide-start.ts';
import { billed, target } from '../support/changes.ts';
import { after, conceive, live, using, utc } from '../support/lives.ts';

const fee = target('fee', { unitAmount: '31' });
const later = target('later', { unitAmount: '62', timing: 'in_arrears' });
const started = (terms: Partial<SubscriptionTerms>, at: string) => {
  const life = conceive({ items: [fee], backdateDaysMax: 90, ...terms }, at);
  const decision = decideStart(life, utc(at));
  return { decision, life: after(life, decision) };
};

describe('a start that has passed', () => {
  test('is one invoice, dated now, with one line per elapsed period', () => {
    const { decision, life } = started({ items: [fee, later], startAt: utc('2026-01-15') }, '2026-03-20');
    expect(billed(decision).now).toEqual([
      '31 2026-01-15..2026-02-15',
      '31 2026-02-15..2026-03-15',
      '62 2026-01-15..2026-02-15',
      '31 2026-03-15..2026-04-15',
      '62 2026-02-15..2026-03-15',
    ]);
    expect(decision.invoice).toMatchObject({ billingReason: 'subscription_create', at: utc('2026-03-20') });
    expect(life.subscription).toMatchObject({
      startedAt: utc('2026-01-15'),
      anchorAt: utc('2026-01-15'),
      nextStepAt: utc('2026-04-15'),
    });
    expect(decision.coverage.map(({ line }) => line)).toEqual([0, 1, 2, 3, 4]);
    expect(decision.events).toEqual([]);
  });

  test('is waited for from now on, not from then', () => {
    const { life } = started(
      { startAt: utc('2026-01-15'), paymentBehavior: 'allow_incomplete' },
      '2026-03-20',
    );
    expect(life.subscription).toMatchObject({
      status: 'incomplete',
      paymentBehavior: 'allow_incomplete',
      incompleteSince: utc('2026-03-20'),
      expiresAt: utc('2026-03-20T23:00:00Z'),
    });
  });

  test('with a trial bills from its end', () => {
    const { decision } = started({ startAt: utc('2026-01-01'), trialDays: 20 }, '2026-02-01');
    expect(billed(decision).now).toEqual(['31 2026-01-21..2026-02-21']);
  });

  test('measures a commitment against what the same invoice bills of its period', () => {
    const least = target('least', { model: 'minimum_commitment', unitAmount: '100', timing: 'in_arrears' });
    const { decision } = started({ items: [fee, least], startAt: utc('2026-01-15') }, '2026-02-20');
    expect(billed(decision).now).toEqual([
      '31 2026-01-15..2026-02-15',
      '31 2026-02-15..2026-03-15',
      '69 2026-01-15..2026-02-15',
    ]);
  });

  test('further back than the tenant allows is refused', () => {
    expect(() => conceive({ startAt: utc('2025-01-01'), backdateDaysMax: 90 }, '2026-01-01')).toThrow(
      expect.objectContaining({ code: 'validation_failed' }),
    );
  });
});

describe('a fixed number of cycles', () => {
  test('ends with the last, which is billed whole', () => {
    const { lived, life } = live(conceive({ items: [fee, later], cycles: 2 }, '2026-01-31'), '2026-12-31');
    expect(lived.map(({ step, decision }) => [step, ...billed(decision).now])).toEqual([
      ['activate', '31 2026-01-31..2026-02-28'],
      ['close_period', '31 2026-02-28..2026-03-31', '62 2026-01-31..2026-02-28'],
      ['expire', '62 2026-02-28..2026-03-31'],
    ]);
    expect(life.subscription).toMatchObject({ status: 'expired', endedAt: utc('2026-03-31') });
  });

  test('counts from the end of a trial', () => {
    const { life } = live(conceive({ items: [fee], cycles: 1, trialDays: 10 }, '2026-01-01'), '2026-12-31');
    expect(life.subscription.endedAt).toEqual(utc('2026-02-11'));
  });

  test('bills nothing beyond them, also of a longer interval', () => {
    const year = target('year', { unitAmount: '365', intervalUnit: 'year' });
    const { lived } = live(conceive({ items: [fee, year], cycles: 1 }, '2026-01-01'), '2026-01-01');
    expect(billed(lived[0]?.decision ?? { ...started({}, '2026-01-01').decision }).now).toEqual([
      '31 2026-01-01..2026-02-01',
      '31 2026-01-01..2026-02-01',
    ]);
  });
});

describe('a cancellation', () => {
  const begun = live(conceive({ items: [fee, later] }, '2026-01-01'), '2026-01-01').life;
  const cancel = (credit: 'none' | 'prorate', at: string) =>
    decideCommand(begun, { kind: 'cancel', mode: 'now', at: null, reason: null, credit }, utc(at), {
      hasPaymentMethod: true,
      trialReminderDays: null,
    });

  test('with credit gives back what was paid from the day after it on', () => {
    expect(billed(cancel('prorate', '2026-01-16T12:00:00Z')).now).toEqual([
      '-15 2026-01-17..2026-02-01',
      '32 2026-01-01..2026-01-16',
    ]);
  });

  test('now, at the first instant of a day, is billed for that day', () => {
    expect(billed(cancel('prorate', '2026-01-16')).now).toEqual([
      '-15 2026-01-17..2026-02-01',
      '32 2026-01-01..2026-01-16',
    ]);
  });

  test('planned for the first instant of a day is the end of the day before', () => {
    const planned = live(
      conceive({ items: [fee, later], cancelAt: utc('2026-01-16') }, '2026-01-01'),
      '2026-01-16',
    );
    expect(billed(planned.lived.at(-1)?.decision ?? cancel('none', '2026-01-16')).now).toEqual([
      '30 2026-01-01..2026-01-16',
    ]);
  });

  test('without credit gives nothing back', () => {
    expect(billed(cancel('none', '2026-01-16T12:00:00Z')).now).toEqual(['32 2026-01-01..2026-01-16']);
  });

  test('trues up a minimum commitment against what was billed and is left', () => {
    const least = target('least', { model: 'minimum_commitment', unitAmount: '310', timing: 'in_arrears' });
    const life = using(
      live(conceive({ items: [least, fee, later] }, '2026-01-01'), '2026-01-01').life,
      {},
      '31',
    );
    const decision = decideCommand(
      life,
      { kind: 'cancel', mode: 'now', at: null, reason: null, credit: 'prorate' },
      utc('2026-01-16T12:00:00Z'),
      { hasPaymentMethod: true, trialReminderDays: null },
    );
    // 16 of 31 days of 310 are 160; 31 − 15 were paid ahead and 32 are billed now.
    expect(decision.invoice?.lines.map(({ amount }) => amount.toFixed())).toEqual(['-15', '32', '112']);
  });
});
