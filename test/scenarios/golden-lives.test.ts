import { describe, expect, test } from '@jest/globals';
import { goldenCase } from '../golden/read-cases.ts';
import {
  amountsOf,
  dateOf,
  fee,
  inMajor,
  lifeOf,
  metered,
  type PlanInput,
  plan,
} from '../support/simulations.ts';

/** The followed cases that are lives, or can be told as one: each goes through the simulator with the numbers of the file. */

/** A subscription begun on a date. */
function subscribe(at: string, to: string, more: object = {}) {
  return { at, action: 'subscribe', plan: to, ...more };
}

/** The dates of all invoices but the first. */
function renewals(
  start: string,
  until: string,
  unit: Parameters<typeof fee>[1],
  more: object = {},
): string[] {
  const answer = lifeOf([plan('p', fee('10.00', unit))], [subscribe(start, 'p', more)], until);
  return answer.invoices.slice(1).map(({ at }) => dateOf(at));
}

const stories: Record<string, () => void> = {
  C01() {
    const { inputs, expected } = goldenCase<{ anchor: string }, { renewals: string[] }>('C01');
    expect(renewals(inputs.anchor, expected.renewals.at(-1) ?? '', 'month')).toEqual(expected.renewals);
  },

  C03() {
    const { inputs, expected } = goldenCase<{ start: string }, { periods: [string, string][] }>('C03');
    const answer = lifeOf([plan('p', fee('10.00'))], [subscribe(inputs.start, 'p')], '2024-04-01');
    const lastDays = answer.invoices.map(({ lines: [line] }) => [
      dateOf(line?.period.start ?? ''),
      dateOf(new Date(Date.parse(line?.period.end ?? '') - 86_400_000).toISOString()),
    ]);
    expect(lastDays).toEqual(expected.periods);
  },

  C08() {
    const { inputs, expected } = goldenCase<{ start: string }, { billing_days: string[] }>('C08');
    const days = renewals(inputs.start, '2023-12-31', 'month');
    expect(days).toEqual(expect.arrayContaining(expected.billing_days));
    expect(days.every((date) => date.endsWith('-28'))).toBe(true);
  },

  C09() {
    type Expected = { from_1231: string[]; from_0430: string[]; from_0228: string[] };
    const { expected } = goldenCase<unknown, Expected>('C09');
    const in2023 = (start: string) =>
      renewals(start, '2023-12-31', 'quarter').filter((date) => date.startsWith('2023'));
    expect(in2023('2022-12-31')).toEqual(expected.from_1231);
    expect(in2023('2022-04-30')).toEqual(expected.from_0430);
    expect(in2023('2022-02-28')).toEqual(expected.from_0228);
  },

  C10() {
    type Expected = { yearly_2023: string; semiannual_2023_second: string; not_billed: string[] };
    const { inputs, expected } = goldenCase<{ start: string }, Expected>('C10');
    const yearly = renewals(inputs.start, '2024-12-31', 'year');
    const halfYearly = renewals(inputs.start, '2023-12-31', 'half_year');
    expect(yearly).toContain(expected.yearly_2023);
    expect(yearly).toContain('2024-02-29');
    expect(halfYearly).toContain(expected.semiannual_2023_second);
    for (const date of expected.not_billed) expect([...yearly, ...halfYearly]).not.toContain(date);
  },

  C16() {
    const { inputs, expected } = goldenCase<{ start: string }, Record<string, string>>('C16');
    for (const [timeZone, boundary] of Object.entries(expected)) {
      const answer = lifeOf(
        [plan('p', fee('10.00'))],
        [subscribe(inputs.start, 'p', { billing_cycle: 'calendar' })],
        '2026-09-02',
        { customer: { time_zone: timeZone } },
      );
      expect(answer.invoices[1]?.at).toBe(new Date(boundary).toISOString());
    }
  },

  C23() {
    type Inputs = { start: string; anchor: string };
    const { inputs, expected } = goldenCase<Inputs, { periods: [string, string][] }>('C23');
    const answer = lifeOf(
      [plan('p', fee('10.00'))],
      [subscribe(inputs.start, 'p', { billing_anchor: inputs.anchor })],
      '2025-09-01',
    );
    const periods = answer.invoices.map(({ lines: [line] }) => [
      dateOf(line?.period.start ?? ''),
      dateOf(line?.period.end ?? ''),
    ]);
    expect(periods).toEqual(expected.periods);
  },

  C25() {
    type Expected = { after_20120430: string; number_of_periods_20170131_20170331_incl: number };
    const { expected } = goldenCase<unknown, Expected>('C25');
    const days = renewals('2012-01-31', '2017-04-01', 'month');
    expect(days[days.indexOf('2012-04-30') + 1]).toBe(expected.after_20120430);
    expect(days.filter((date) => date >= '2017-01-31' && date <= '2017-03-31')).toHaveLength(
      expected.number_of_periods_20170131_20170331_incl,
    );
  },

  C27() {
    type Inputs = { tz: string; trial_days: number; start_local: string };
    const { inputs, expected } = goldenCase<Inputs, { anchor_day: number; first_invoice: string[] }>('C27');
    const answer = lifeOf(
      [plan('p', fee('10.00'))],
      [subscribe(inputs.start_local, 'p', { trial_days: inputs.trial_days })],
      '2017-05-01',
      { customer: { time_zone: inputs.tz } },
    );
    const { start = '', end = '' } = answer.invoices[0]?.lines[0]?.period ?? {};
    expect([dateOf(start, inputs.tz), dateOf(end, inputs.tz)]).toEqual(expected.first_invoice);
    expect(Number(dateOf(start, inputs.tz).slice(8))).toBe(expected.anchor_day);
  },

  C29() {
    type Inputs = { tz: string; clock: string };
    type Expected = { start_date: string; charged_through: string[] };
    const { inputs, expected } = goldenCase<Inputs, Expected>('C29');
    const answer = lifeOf(
      [plan('p', fee('10.00'))],
      [subscribe(inputs.clock.replace(' local', ''), 'p', { start_at: '2015-03-08T02:00' })],
      '2015-04-30',
      { customer: { time_zone: inputs.tz } },
    );
    const periods = answer.invoices.map(({ lines: [line] }) => line?.period);
    expect(dateOf(periods[0]?.start ?? '', inputs.tz)).toBe(expected.start_date);
    expect(periods.map((period) => dateOf(period?.end ?? '', inputs.tz))).toEqual(expected.charged_through);
  },

  C30() {
    type Inputs = { tz: string; created: string; billing_runs: string[] };
    const { inputs, expected } = goldenCase<Inputs, { local_days: string[]; invoices: number }>('C30');
    const answer = lifeOf(
      [plan('p', fee('10.00', 'week'))],
      [subscribe(inputs.created, 'p')],
      inputs.billing_runs[1]?.replace('Z', ':00Z') ?? '',
      { customer: { time_zone: inputs.tz } },
    );
    const billed = answer.invoices.slice(1);
    expect(billed).toHaveLength(expected.invoices);
    expect(dateOf(billed[0]?.at ?? '', inputs.tz)).toBe(expected.local_days[0]);
  },

  // That a restarted engine bills what it missed is told by the catch-up tests; here is what it then bills.
  C31() {
    type Inputs = { down: [string, string]; due: string };
    const { inputs, expected } = goldenCase<Inputs, { invoices_after_restart: number }>('C31');
    const [stopped, restarted] = inputs.down;
    const days = renewals('2024-01-10', restarted, 'month');
    const missed = days.filter((date) => date > stopped && date <= restarted);
    expect(missed).toEqual([inputs.due]);
    expect(missed).toHaveLength(expected.invoices_after_restart);
  },

  D02() {
    type Inputs = { amount_cents: number; start: string; trial_days: number; upgraded: string };
    const { inputs, expected } = goldenCase<Inputs, { billed_after: string; fee_cents: number }>('D02');
    const answer = lifeOf(
      [plan('small', fee('1000.00')), plan('large', fee(inMajor(inputs.amount_cents)))],
      [
        subscribe(withSeconds(inputs.start), 'small', {
          billing_cycle: 'calendar',
          trial_days: inputs.trial_days,
        }),
        { at: inputs.upgraded, action: 'change', plan: 'large' },
      ],
      '2024-03-20',
    );
    expect(answer.invoices.map(({ at, total }) => [at, total.amount])).toEqual([
      [new Date(expected.billed_after).toISOString(), inMajor(expected.fee_cents)],
    ]);
  },

  D03() {
    type Inputs = { amount_cents: number; start: string; trial_days: number; unit_price_cents: number };
    type Expected = { on_2024_04_01: { charge_cents: number }; on_2024_04_19: number };
    const { inputs, expected } = goldenCase<Inputs, Expected>('D03');
    const answer = lifeOf(
      [plan('p', fee(inMajor(inputs.amount_cents)), metered(inMajor(inputs.unit_price_cents)))],
      [
        subscribe(withSeconds(inputs.start), 'p', {
          billing_cycle: 'calendar',
          trial_days: inputs.trial_days,
          trial_usage: 'billed',
        }),
        { at: '2024-03-12', action: 'use', key: 'used', quantity: 1 },
      ],
      '2024-04-20',
    );
    expect(answer.invoices.map(({ at, total }) => [dateOf(at), total.amount])).toEqual([
      ['2024-04-01', inMajor(expected.on_2024_04_01.charge_cents)],
      ['2024-04-19', inMajor(expected.on_2024_04_19)],
    ]);
  },

  D06() {
    type Inputs = { min_cents: number; sub_fee_cents: number; usage_cents: number };
    const { inputs, expected } = goldenCase<Inputs, { true_up_cents: number }>('D06');
    const answer = lifeOf(
      [plan('p', fee(inMajor(inputs.sub_fee_cents)), metered('1.00'), commitment(inMajor(inputs.min_cents)))],
      [
        subscribe('2024-03-05', 'p', { trial_days: 10 }),
        { at: '2024-03-20', action: 'use', key: 'used', quantity: inMajor(inputs.usage_cents) },
      ],
      '2024-04-16',
    );
    const line = answer.invoices[1]?.lines.find(({ key }) => key === 'commitment');
    expect(line?.amount.amount).toBe(inMajor(expected.true_up_cents));
  },

  G01: () => commitmentStub('G01', 'week', '2023-02-01', '2023-02-06'),
  G03: () => commitmentStub('G03', 'quarter', '2023-02-04', '2023-04-01'),

  I01() {
    const { inputs, expected } = goldenCase<{ waits_days: number[] }, { cumulative: number[] }>('I01');
    const failed = '2027-02-01';
    const answer = lifeOf(
      [plan('p', fee('10.00'))],
      [subscribe('2027-01-01', 'p'), { at: '2027-01-15', action: 'decline' }],
      '2027-03-31',
      { tenant: { dunning_policy: { retry_days: expected.cumulative, end_action: 'cancel' } } },
    );
    expect(inputs.waits_days.reduce((sum, days) => sum + days, 0)).toBe(expected.cumulative.at(-1));
    const last = new Date(Date.parse(failed) + (expected.cumulative.at(-1) ?? 0) * 86_400_000);
    const [main] = answer.subscriptions;
    expect(main?.states.map(({ status, from }) => [status, dateOf(from)])).toEqual([
      ['active', '2027-01-01'],
      ['past_due', failed],
      ['canceled', dateOf(last.toISOString())],
    ]);
    // One step is the renewal whose charge failed, the others are the retries.
    expect(answer.steps - 1).toBe(expected.cumulative.length);
  },
};

/** The fee of a plan in arrears and a commitment next to it, both prorated in the stub that a calendar begins with. */
function commitmentStub(id: string, unit: 'week' | 'quarter', start: string, boundary: string): void {
  type Inputs = { min_cents: number; plan_fee_cents: number };
  const { inputs, expected } = goldenCase<Inputs, { commitment_fee_cents: number }>(id);
  const inArrears = { ...fee(inMajor(inputs.plan_fee_cents), unit), timing: 'in_arrears' as const };
  const answer = lifeOf(
    [plan('p', inArrears, commitment(inMajor(inputs.min_cents), unit))],
    [subscribe(start, 'p', { billing_cycle: 'calendar' })],
    boundary,
  );
  expect(amountsOf(answer.invoices[0]).at(-1)).toBe(inMajor(expected.commitment_fee_cents));
}

function commitment(
  unitAmount: string,
  unit: 'week' | 'month' | 'quarter' = 'month',
): PlanInput['prices'][number] {
  return {
    key: 'commitment',
    model: 'minimum_commitment',
    currency: 'USD',
    unit_amount: unitAmount,
    interval: { unit },
  };
}

/** The file writes minutes; RFC 3339 wants seconds. */
function withSeconds(instant: string): string {
  return instant.replace('Z', ':00Z');
}

describe('a followed case as a life in the simulator', () => {
  test.each(Object.keys(stories))('%s', (id) => stories[id]?.());
});
