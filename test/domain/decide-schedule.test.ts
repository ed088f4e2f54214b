import { describe, expect, test } from '@jest/globals';
import type { Change } from '../../src/domain/change.ts';
import { decideCommand, type SubscriptionCommand } from '../../src/domain/decide-command.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import type { Life } from '../../src/domain/life.ts';
import { Decimal } from '../../src/domain/money.ts';
import { decidePreview } from '../../src/domain/preview-command.ts';
import { aChange, amounts, target } from '../support/changes.ts';
import { conceive, day, after as left, live, utc } from '../support/lives.ts';

const fee = (unitAmount: string) => target('fee', { unitAmount });
const begun = (terms: Partial<SubscriptionTerms> = {}): Life =>
  live(conceive({ items: [fee('31')], ...terms }, '2026-01-01'), '2026-01-01').life;
const change = (
  changes: Partial<Change>,
  effective: 'now' | 'period_end' | 'at' = 'period_end',
  at: string | null = null,
): SubscriptionCommand => ({
  kind: 'change',
  change: aChange(changes),
  effective,
  at: at === null ? null : utc(at),
});
const decide = (life: Life, command: SubscriptionCommand, at = '2026-01-10') =>
  decideCommand(life, command, utc(at), { hasPaymentMethod: true, trialReminderDays: null });
const obey = (life: Life, command: SubscriptionCommand, at?: string) => left(life, decide(life, command, at));
const pending = ({ changes }: Life) => changes.map(({ effectiveAt, mode }) => [day(effectiveAt), mode]);
const phases = (...dates: string[]): SubscriptionCommand => ({
  kind: 'schedule',
  scheduleId: 'cmd_1',
  phases: dates.map((at, n) => ({ at: utc(at), change: aChange({ set: [fee(String(40 + n))] }) })),
});

describe('a scheduled change', () => {
  test('waits for the end of the period, and is its close then', () => {
    const life = obey(begun(), change({ set: [fee('20')] }));
    expect(pending(life)).toEqual([['2026-02-01', 'period_end']]);
    expect(life.subscription).toMatchObject({ nextStep: 'apply_change', nextStepAt: utc('2026-02-01') });
    const { lived, life: then } = live(life, '2026-03-01');
    expect(lived.map(({ step, decision }) => [step, ...amounts(decision)])).toEqual([
      ['apply_change', '20.00'],
      ['close_period', '20.00'],
    ]);
    expect(lived[0]?.decision.finished).toEqual([{ id: life.changes[0]?.id, as: 'applied' }]);
    expect(then.changes).toEqual([]);
  });

  test('for an instant prorates there', () => {
    const life = obey(begun(), change({ set: [fee('62')] }, 'at', '2026-01-16'));
    const { lived } = live(life, '2026-01-20');
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual(['-16.00', '32.00']);
  });

  test('replaces the one before, and says so', () => {
    const life = obey(begun(), change({ set: [fee('20')] }));
    const decision = decide(life, change({ set: [fee('62')] }, 'at', '2026-01-16'));
    expect(decision.finished).toEqual([{ id: life.changes[0]?.id, as: 'replaced' }]);
    expect(pending(left(life, decision))).toEqual([['2026-01-16', 'at']]);
  });

  test('for the end of a trial moves with it', () => {
    const life = obey(begun({ trialDays: 10 }), change({ set: [fee('20')] }), '2026-01-05');
    const longer = obey(life, { kind: 'extend_trial', trialEnd: utc('2026-01-21') }, '2026-01-06');
    expect(pending(longer)).toEqual([['2026-01-21', 'period_end']]);
    const { lived } = live(longer, '2026-01-21');
    expect(lived.map(({ step, decision }) => [step, ...amounts(decision)])).toEqual([
      ['apply_change'],
      ['end_trial', '20.00'],
    ]);
  });

  test('for the end of a period moves with a calendar that begins anew', () => {
    const life = obey(begun(), change({ set: [target('more', { unitAmount: '1' })] }));
    const reset = obey(life, change({ set: [fee('62')], anchor: 'reset' }, 'now'), '2026-01-16');
    expect(pending(reset)).toEqual([['2026-02-16', 'period_end']]);
  });

  test('for the end of a year does not wait for the month only', () => {
    const items = [
      target('year', { unitAmount: '365', intervalUnit: 'year' }),
      target('used', { unitAmount: '1', timing: 'in_arrears' }),
    ];
    const life = obey(
      begun({ items }),
      change({ set: [target('year', { unitAmount: '300', intervalUnit: 'year' })] }),
    );
    expect(pending(life)).toEqual([['2027-01-01', 'period_end']]);
  });

  test('that begins the calendar anew waits for everything that was paid ahead', () => {
    const items = [
      target('year', { unitAmount: '365', intervalUnit: 'year' }),
      target('fee', { unitAmount: '31' }),
    ];
    expect(pending(obey(begun({ items }), change({ set: [fee('20')], anchor: 'reset' })))).toEqual([
      ['2027-01-01', 'period_end'],
    ]);
  });

  test('is dropped when it has become impossible, and nothing else stops', () => {
    const life = obey(
      begun({ items: [fee('31'), target('more', { unitAmount: '1' })] }),
      change({ remove: ['more'] }),
    );
    const gone = obey(life, change({ remove: ['more'] }, 'now'), '2026-01-11');
    const { lived } = live(gone, '2026-02-01');
    expect(lived.map(({ step, decision }) => [step, ...decision.events])).toEqual([
      ['apply_change', 'subscription.change_canceled'],
      ['close_period', 'billing.cycle.closed', 'subscription.renewed'],
    ]);
  });

  test('is not billed where a pause takes place at the same instant', () => {
    const planned = obey(begun(), change({ set: [fee('62')] }));
    const pause = { kind: 'pause', credit: true, resumeAt: null, effective: 'period_end', at: null } as const;
    const { lived, life } = live(obey(planned, pause), '2026-02-01');
    expect(lived.map(({ decision }) => decision.invoice)).toEqual([null, null]);
    expect(life.subscription.status).toBe('paused');
    expect(life.priced[0]?.price.terms).toMatchObject({ unitAmount: new Decimal(62) });
  });

  test.each<[string, SubscriptionCommand, string]>([
    [
      'the calendar would move within a period that is paid, without proration',
      change({ set: [fee('62')], anchor: 'reset', proration: 'none' }, 'at', '2026-03-10'),
      'proration_needed',
    ],
    ['it would change nothing', change({ set: [fee('31')] }), 'change_without_effect'],
    ['its cycles are over by then', change({ set: [fee('62')] }, 'at', '2026-07-10'), 'change_not_allowed'],
    ['it goes on anyway', { kind: 'resume', effective: 'at', at: utc('2026-03-10') }, 'resume_not_allowed'],
    [
      'it is further ahead than anybody can look',
      change({ set: [fee('62')] }, 'at', '9000-01-01'),
      'change_not_allowed',
    ],
  ])('is refused now when %s', (_sentence, command, code) => {
    const life = begun({ cycles: code === 'change_not_allowed' ? 6 : null });
    expect(() => decide(life, command)).toThrow(expect.objectContaining({ code }));
  });

  test('to rest takes place although an end was planned after it', () => {
    const pause = { kind: 'pause', credit: true, resumeAt: null, effective: 'period_end', at: null } as const;
    const cancel = { kind: 'cancel', mode: 'at', at: utc('2026-04-10'), reason: null } as const;
    const { life } = live(obey(obey(begun(), pause), cancel), '2026-03-01');
    expect(life.subscription).toMatchObject({ status: 'paused', nextStep: 'cancel' });
  });

  test('is rehearsed where it takes place, although something planned before it moves its period', () => {
    const year = target('fee', { unitAmount: '365', intervalUnit: 'year' });
    const monthly = { at: utc('2026-02-02'), change: aChange({ set: [fee('31')], anchor: 'reset' }) };
    const life = obey(begun({ items: [year] }), {
      kind: 'schedule',
      scheduleId: 'cmd_1',
      phases: [monthly],
    });
    const pause = { kind: 'pause', credit: true, resumeAt: null, effective: 'period_end', at: null } as const;
    const setting = { hasPaymentMethod: true, trialReminderDays: null };
    expect(day(decidePreview(life, pause, utc('2026-01-10'), setting).at)).toBe('2026-03-02');
    const cancel = { kind: 'cancel', mode: 'period_end', at: null, reason: null } as const;
    expect(day(decidePreview(life, cancel, utc('2026-01-10'), setting).at)).toBe('2026-03-02');
    const { life: then } = live(obey(life, pause), '2026-04-01');
    expect(then.subscription).toMatchObject({ status: 'paused', pausedAt: utc('2026-03-02') });
  });

  test('is counted by a commitment that is looked at ahead, less what it gives back', () => {
    const least = target('least', { model: 'minimum_commitment', unitAmount: '100', timing: 'in_arrears' });
    const life = obey(begun({ items: [fee('31'), least] }), change({ set: [fee('62')] }, 'at', '2026-01-16'));
    const known = {
      ...life,
      priced: life.priced.map((entry) =>
        entry.item.key === 'least' ? { ...entry, spent: new Decimal(31) } : entry,
      ),
    };
    const cancel = { kind: 'cancel', mode: 'period_end', at: null, reason: null } as const;
    const setting = { hasPaymentMethod: true, trialReminderDays: null };
    // 100 − (31 − 16 + 32).
    expect(amounts(decidePreview(known, cancel, utc('2026-01-10'), setting).decision)).toEqual(['53.00']);
  });

  test('can be taken back while it waits, once', () => {
    const life = obey(begun(), change({ set: [fee('20')] }));
    const command: SubscriptionCommand = { kind: 'cancel_scheduled_change', id: life.changes[0]?.id ?? '' };
    const back = obey(life, command);
    expect(back).toMatchObject({ changes: [], subscription: { changeAt: null, nextStep: 'close_period' } });
    expect(() => decide(back, command)).toThrow(
      expect.objectContaining({ code: 'scheduled_change_not_pending' }),
    );
  });

  test('does not outlive a cancellation that comes first', () => {
    const life = obey(begun(), change({ set: [fee('20')] }, 'at', '2026-03-10'));
    const cancel = { kind: 'cancel', mode: 'period_end', at: null, reason: null } as const;
    const decision = decide(life, cancel);
    expect(decision.finished).toEqual([{ id: life.changes[0]?.id, as: 'canceled' }]);
    expect(decision.events).toEqual(['subscription.cancel_scheduled', 'subscription.change_canceled']);
    expect(left(life, decision).subscription.changeAt).toBeNull();
  });

  test('to another plan now replaces those that wait; to other seats does not', () => {
    const life = obey(begun(), change({ set: [fee('20')] }));
    const seats = decide(life, change({ set: [target('more', { unitAmount: '1' })] }, 'now'));
    expect(seats.finished).toEqual([]);
    const plan = { planId: 'plan_b', version: 1 };
    const moved = decide(
      life,
      change({ plan, set: [target('fee', { unitAmount: '62', planId: 'plan_b' })] }, 'now'),
    );
    expect(moved.finished).toEqual([{ id: life.changes[0]?.id, as: 'replaced' }]);
  });
});

describe('phases', () => {
  test('stand together and replace everything that waits', () => {
    const life = obey(begun(), change({ set: [fee('20')] }));
    const ramp = obey(life, phases('2026-02-01', '2026-03-01'));
    expect(pending(ramp)).toEqual([
      ['2026-02-01', 'at'],
      ['2026-03-01', 'at'],
    ]);
    const { lived } = live(ramp, '2026-04-01');
    expect(lived.map(({ decision }) => amounts(decision))).toEqual([['40.00'], ['41.00'], ['41.00']]);
  });

  test('leave open what follows from the phase before, not from what is now', () => {
    const year = target('fee', { unitAmount: '365', intervalUnit: 'year' });
    const open = (set: Change['set']) => ({ ...aChange({ set }), proration: null, anchor: null });
    const life = obey(begun(), {
      kind: 'schedule',
      scheduleId: 'cmd_1',
      phases: [
        { at: utc('2026-02-02'), change: open([year]) },
        { at: utc('2026-02-10'), change: open([fee('31')]) },
      ],
    });
    const anchors = life.changes.map(({ action }) => action.kind === 'change' && action.change.anchor);
    expect(anchors).toEqual(['reset', 'reset']);
    const { life: then } = live(life, '2026-02-10');
    expect(day(then.subscription.currentPeriodEnd)).toBe('2026-03-10');
  });

  test('may end what a phase before them began', () => {
    const more = [target('more', { unitAmount: '1' })];
    const ramp = obey(begun(), {
      kind: 'schedule',
      scheduleId: 'cmd_1',
      phases: [
        { at: utc('2026-02-01'), change: aChange({ set: more }) },
        { at: utc('2026-03-01'), change: aChange({ remove: ['more'] }) },
      ],
    });
    const { lived } = live(ramp, '2026-04-01');
    expect(lived.map(({ decision }) => amounts(decision))).toEqual([['31.00', '1.00'], ['31.00'], ['31.00']]);
  });

  test('give way to a single change that comes later', () => {
    const ramp = obey(begun(), phases('2026-02-01', '2026-03-01'));
    expect(pending(obey(ramp, change({ set: [fee('20')] })))).toEqual([['2026-02-01', 'period_end']]);
  });

  test.each([
    ['before now', ['2026-01-05']],
    ['out of order', ['2026-03-01', '2026-02-01']],
    ['twice at once', ['2026-03-01', '2026-03-01']],
  ])('%s are refused', (_sentence, dates) => {
    expect(() => decide(begun(), phases(...dates))).toThrow(
      expect.objectContaining({ code: 'change_too_early' }),
    );
  });
});

describe('a change for an instant that has passed', () => {
  test('is taken at its word where nothing was billed since', () => {
    const decision = decide(begun(), change({ set: [fee('62')] }, 'at', '2026-01-06'), '2026-01-20');
    expect(amounts(decision)).toEqual(['-26.00', '52.00']);
  });

  test.each([
    ['the last closed period', '2026-01-31'],
    ['the beginning', '2025-12-31'],
  ])('before %s is refused', (_sentence, at) => {
    const { life } = live(begun(), '2026-02-01');
    expect(() => decide(life, change({ set: [fee('62')] }, 'at', at), '2026-02-10')).toThrow(
      expect.objectContaining({ code: 'change_too_early' }),
    );
  });

  test('before the last change is refused', () => {
    const life = obey(begun(), change({ set: [fee('62')], proration: 'none' }, 'now'), '2026-01-16');
    expect(() => decide(life, change({ set: [fee('20')] }, 'at', '2026-01-10'), '2026-01-20')).toThrow(
      expect.objectContaining({ code: 'change_too_early' }),
    );
  });
});
