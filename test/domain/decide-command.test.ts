import { describe, expect, test } from '@jest/globals';
import { decideCommand, effectiveAt, type SubscriptionCommand } from '../../src/domain/decide-command.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { after, conceive, day, type Life, live, utc } from '../support/lives.ts';

const begun = (terms: Partial<SubscriptionTerms> = {}) =>
  live(conceive(terms, '2026-01-01'), '2026-01-01').life;
const active = begun();
const trialing = begun({ trialDays: 30 });
const incomplete = begun({ paymentBehavior: 'allow_incomplete' });
const scheduled = conceive({ startAt: utc('2026-02-01') }, '2026-01-01');
const paused = live(
  conceive({ trialDays: 5, trialEndBehavior: 'pause' }, '2026-01-01'),
  '2026-01-06',
  false,
).life;
const ended = live(conceive({ cancelAt: utc('2026-01-05') }, '2026-01-01'), '2026-01-05').life;

const now: SubscriptionCommand = { kind: 'cancel', mode: 'now', at: null, reason: null };
const atPeriodEnd: SubscriptionCommand = {
  kind: 'cancel',
  mode: 'period_end',
  at: null,
  reason: 'moving away',
};
const at = (instant: string): SubscriptionCommand => ({
  kind: 'cancel',
  mode: 'at',
  at: utc(instant),
  reason: null,
});
const uncancel: SubscriptionCommand = { kind: 'uncancel' };
const endTrial: SubscriptionCommand = { kind: 'end_trial' };
const extendTo = (instant: string): SubscriptionCommand => ({ kind: 'extend_trial', trialEnd: utc(instant) });

function decide(
  life: Life,
  command: SubscriptionCommand,
  requestedAt = '2026-01-10',
  reminderDays: number | null = null,
) {
  const setting = { hasPaymentMethod: true, trialReminderDays: reminderDays };
  return decideCommand(life, command, utc(requestedAt), setting);
}
const obey = (life: Life, command: SubscriptionCommand, requestedAt?: string, reminderDays?: number): Life =>
  after(life, decide(life, command, requestedAt, reminderDays));

describe('what is refused, and why', () => {
  test.each<[string, Life, SubscriptionCommand, string]>([
    ['canceling what has ended', ended, now, 'subscription_ended'],
    ['taking back a cancellation that happened', ended, uncancel, 'subscription_ended'],
    ['ending the trial of what has ended', ended, endTrial, 'subscription_ended'],
    ['taking back a cancellation that nobody asked for', active, uncancel, 'cancel_not_scheduled'],
    ['ending a trial that is over', active, endTrial, 'not_trialing'],
    [
      'ending a trial that has not begun',
      conceive({ startAt: utc('2026-02-01'), trialDays: 5 }, '2026-01-01'),
      endTrial,
      'not_trialing',
    ],
    ['extending a trial that is over', active, extendTo('2026-02-01'), 'not_trialing'],
    ['extending a trial to yesterday', trialing, extendTo('2026-01-09'), 'trial_too_long'],
    ['extending a trial beyond two years of its start', trialing, extendTo('2028-01-02'), 'trial_too_long'],
    ['canceling at an instant that has passed', active, at('2026-01-09'), 'cancel_at_in_past'],
    ['canceling at this very instant', active, at('2026-01-10'), 'cancel_at_in_past'],
    [
      'canceling what is paused at the end of a period, because none runs',
      paused,
      atPeriodEnd,
      'change_not_allowed',
    ],
  ])('%s', (_sentence, life, command, code) => {
    expect(() => decide(life, command)).toThrow(expect.objectContaining({ code }));
  });

  test('canceling what is paused at the end of a period says that none runs, and what to do', () => {
    expect(() => decide(paused, atPeriodEnd)).toThrow(
      /no period runs.*mode "now" or "at", or resume it first/,
    );
  });
});

describe('a cancellation', () => {
  test.each<[string, Life, string]>([
    ['of a running subscription comes with the end of its period', active, '2026-02-01'],
    ['of a trial comes with its end', trialing, '2026-01-31'],
    ['of what has not begun comes before it begins', scheduled, '2026-02-01'],
    ['of what owes its first payment comes with the period that it owes', incomplete, '2026-02-01'],
  ])('at period end %s', (_sentence, life, end) => {
    const { subscription } = obey(life, atPeriodEnd);
    expect(subscription).toMatchObject({
      cancelMode: 'period_end',
      canceledAt: utc('2026-01-10'),
      cancellationReason: 'moving away',
      endedAt: null,
    });
    expect(day(subscription.cancelAt)).toBe(end);
    expect(decide(life, atPeriodEnd).events).toEqual(['subscription.cancel_scheduled']);
  });

  test('a later word replaces an earlier one', () => {
    const { subscription } = obey(obey(active, atPeriodEnd), at('2026-05-01'), '2026-01-11');
    expect(subscription).toMatchObject({
      cancelAt: utc('2026-05-01'),
      cancelMode: 'at',
      canceledAt: utc('2026-01-11'),
      cancellationReason: null,
    });
  });

  test('for later keeps in mind what is to be given back then', () => {
    const noted = obey(active, { ...at('2026-01-20'), credit: 'prorate' } as SubscriptionCommand);
    expect(noted.subscription).toMatchObject({ status: 'active', cancelCredit: 'prorate' });
    expect(obey(noted, uncancel).subscription).toMatchObject({ cancelAt: null, cancelCredit: 'none' });
    expect(obey(noted, atPeriodEnd).subscription.cancelCredit).toBe('none');
  });

  test('now ends it', () => {
    expect(obey(active, now).subscription).toMatchObject({
      status: 'canceled',
      endedAt: utc('2026-01-10'),
      nextStep: null,
    });
  });

  test('taken back leaves nothing behind', () => {
    const back = obey(obey(active, atPeriodEnd), uncancel);
    expect(back).toEqual(active);
  });

  test('of a paused subscription ends it without an invoice', () => {
    expect(decide(paused, now)).toMatchObject({ invoice: null, coverage: [] });
  });
});

describe('a trial', () => {
  test('ended early bills from now on', () => {
    const { subscription } = obey(trialing, endTrial);
    expect(subscription).toMatchObject({
      status: 'active',
      anchorAt: utc('2026-01-10'),
      trialEndedAt: utc('2026-01-10'),
      currentPeriodEnd: utc('2026-02-10'),
    });
  });

  test('canceled for its end and then ended early runs for the period that begins', () => {
    const { subscription } = obey(obey(trialing, atPeriodEnd), endTrial, '2026-01-11');
    expect(subscription).toMatchObject({
      cancelMode: 'period_end',
      cancelAt: utc('2026-02-11'),
      nextStep: 'cancel',
    });
  });

  test('canceled for a date and then ended early keeps the date', () => {
    expect(obey(obey(trialing, at('2026-03-03')), endTrial, '2026-01-11').subscription.cancelAt).toEqual(
      utc('2026-03-03'),
    );
  });

  test('extended moves its end and that of its period', () => {
    const life = obey(trialing, extendTo('2026-03-01'));
    expect(life.subscription).toMatchObject({
      trialEndsAt: utc('2026-03-01'),
      currentPeriodEnd: utc('2026-03-01'),
      nextStep: 'end_trial',
      nextStepAt: utc('2026-03-01'),
    });
    expect(life.priced.map(({ item }) => item.currentPeriodEnd)).toEqual([utc('2026-03-01')]);
  });

  test('extended takes a cancellation at its end along', () => {
    expect(obey(obey(trialing, atPeriodEnd), extendTo('2026-03-01')).subscription.cancelAt).toEqual(
      utc('2026-03-01'),
    );
  });

  test.each<[string, number | null, Partial<SubscriptionTerms>, string, string | null]>([
    ['extended is announced for its new end', 3, { trialReminderDays: 3 }, '2026-03-01', '2026-02-26'],
    [
      'shortened is announced at once when the notice has passed',
      3,
      { trialReminderDays: 3 },
      '2026-01-11',
      '2026-01-10',
    ],
    ['extended is not announced to a tenant who does not want it', null, {}, '2026-03-01', null],
  ])('%s', (_sentence, days, terms, end, announced) => {
    const { subscription } = obey(
      begun({ trialDays: 30, ...terms }),
      extendTo(end),
      '2026-01-10',
      days ?? undefined,
    );
    expect(day(subscription.trialReminderAt)).toBe(announced);
  });

  test('that was announced already is announced again only when there is time for it', () => {
    const toldOf = live(begun({ trialDays: 30, trialReminderDays: 3 }), '2026-01-29').life;
    expect(toldOf.subscription.trialReminderAt).toBeNull();
    expect(obey(toldOf, extendTo('2026-02-28'), '2026-01-29', 3).subscription.trialReminderAt).toEqual(
      utc('2026-02-25'),
    );
    expect(obey(toldOf, extendTo('2026-02-01'), '2026-01-29', 3).subscription.trialReminderAt).toBeNull();
  });
});

describe('when a command takes effect', () => {
  test('as it was requested', () => {
    expect(effectiveAt(active.subscription, utc('2026-01-10'))).toEqual(utc('2026-01-10'));
  });

  test.each<[string, Life, string]>([
    ['never before the period that has begun meanwhile', live(active, '2026-02-01').life, '2026-02-01'],
    ['never before the trial that has ended meanwhile', live(trialing, '2026-01-31').life, '2026-01-31'],
    ['never before the start', active, '2026-01-01'],
  ])('%s', (_sentence, { subscription }, instant) => {
    expect(effectiveAt(subscription, new Date(utc(instant).getTime() - 100))).toEqual(utc(instant));
  });
});
