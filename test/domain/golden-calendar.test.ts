import { describe, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import type { Cadence, Interval, IntervalUnit } from '../../src/domain/calendar.ts';
import {
  addCivilDays,
  anchorOnDayOfMonth,
  boundaryAfter,
  boundaryAtOrBefore,
  contractualPeriod,
  firstAnchor,
} from '../../src/domain/calendar.ts';
import { Decimal } from '../../src/domain/money.ts';
import { fractionOf, prorate } from '../../src/domain/proration.ts';
import { followedCases, goldenCase } from '../golden/read-cases.ts';

const month: Interval = { unit: 'month', count: 1 };
const quarter: Interval = { unit: 'quarter', count: 1 };

/** Golden dates without a zone hold in every zone and in both bases; these stand for all. */
const worlds = ['UTC', 'America/Los_Angeles', 'Asia/Kolkata', 'Pacific/Kiritimati'].flatMap((timeZone) =>
  (['day', 'second'] as const).map((prorationBasis) => ({ timeZone, prorationBasis })),
);
type World = (typeof worlds)[number];

/** Midnight of a date, or a local date and time, as an instant; luxon's own parser is the second opinion here. */
function at(local: string, { timeZone }: { timeZone: string }): Date {
  return DateTime.fromISO(local, { zone: timeZone }).toJSDate();
}

function dateOf(instant: Date, { timeZone }: { timeZone: string }): string {
  return DateTime.fromJSDate(instant, { zone: timeZone }).toFormat('yyyy-MM-dd');
}

function dayBefore(date: string): string {
  return DateTime.fromISO(date, { zone: 'utc' }).minus({ days: 1 }).toFormat('yyyy-MM-dd');
}

function anniversary(anchor: string, world: World): Cadence {
  return { ...world, billingCycle: 'anniversary', anchor: at(anchor, world) };
}

/** The local dates of the next `count` boundaries after an instant. */
function renewals(cadence: Cadence, interval: Interval, after: Date, count: number): string[] {
  const dates: string[] = [];
  for (let instant = after; dates.length < count; ) {
    instant = boundaryAfter(cadence, interval, instant);
    dates.push(dateOf(instant, cadence));
  }
  return dates;
}

/** The local dates of all boundaries in one calendar year. */
function renewalsIn(year: number, cadence: Cadence, interval: Interval): string[] {
  const lastInstantBefore = new Date(at(`${year}-01-01`, cadence).getTime() - 1);
  return renewals(cadence, interval, lastInstantBefore, 13).filter((date) => date.startsWith(`${year}-`));
}

/** What each followed case of area C asks of the calendar. */
const stories: Record<string, (world: World) => void> = {
  C01(world) {
    const { inputs, expected } = goldenCase<{ anchor: string }, { renewals: string[] }>('C01');
    const cadence = anniversary(inputs.anchor, world);
    expect(renewals(cadence, month, cadence.anchor, expected.renewals.length)).toEqual(expected.renewals);
  },

  C03(world) {
    const { inputs, expected } = goldenCase<{ start: string }, { periods: [string, string][] }>('C03');
    const cadence = anniversary(inputs.start, world);
    for (const [first, lastInclusive] of expected.periods) {
      const period = contractualPeriod(cadence, month, at(first, world));
      expect([dateOf(period.start, world), dayBefore(dateOf(period.end, world))]).toEqual([
        first,
        lastInclusive,
      ]);
    }
  },

  C08(world) {
    const { inputs, expected } = goldenCase<{ start: string }, { billing_days: string[] }>('C08');
    const billed = renewalsIn(2023, anniversary(inputs.start, world), month);
    expect(billed).toEqual(expect.arrayContaining(expected.billing_days));
    expect(billed.every((date) => date.endsWith('-28'))).toBe(true);
  },

  C09(world) {
    type Expected = { from_1231: string[]; from_0430: string[]; from_0228: string[] };
    const { expected } = goldenCase<unknown, Expected>('C09');
    expect(renewalsIn(2023, anniversary('2022-12-31', world), quarter)).toEqual(expected.from_1231);
    expect(renewalsIn(2023, anniversary('2022-04-30', world), quarter)).toEqual(expected.from_0430);
    expect(renewalsIn(2023, anniversary('2022-02-28', world), quarter)).toEqual(expected.from_0228);
  },

  C10(world) {
    type Expected = { yearly_2023: string; semiannual_2023_second: string; not_billed: string[] };
    const { inputs, expected } = goldenCase<{ start: string }, Expected>('C10');
    const cadence = anniversary(inputs.start, world);
    const yearly = renewalsIn(2023, cadence, { unit: 'year', count: 1 });
    const halfYearly = renewalsIn(2023, cadence, { unit: 'half_year', count: 1 });
    expect(yearly).toEqual([expected.yearly_2023]);
    expect(halfYearly).toEqual([expected.yearly_2023, expected.semiannual_2023_second]);
    for (const date of expected.not_billed) expect([...yearly, ...halfYearly]).not.toContain(date);
    expect(renewalsIn(2024, cadence, { unit: 'year', count: 1 })).toEqual(['2024-02-29']);
  },

  C16({ prorationBasis }) {
    const { inputs, expected } = goldenCase<{ start: string }, Record<string, string>>('C16');
    const anchor = new Date(inputs.start);
    for (const [timeZone, boundary] of Object.entries(expected)) {
      const cadence: Cadence = { billingCycle: 'calendar', prorationBasis, timeZone, anchor };
      expect(boundaryAfter(cadence, month, anchor)).toEqual(new Date(boundary));
    }
  },

  C23(world) {
    const { inputs, expected } = goldenCase<
      { start: string; anchor: string },
      { periods: [string, string][] }
    >('C23');
    const cadence = anniversary(inputs.anchor, world);
    let start = at(inputs.start, world);
    for (const period of expected.periods) {
      const end = boundaryAfter(cadence, month, start);
      expect([dateOf(start, world), dateOf(end, world)]).toEqual(period);
      start = end;
    }
  },

  C24(world) {
    const { inputs, expected } = goldenCase<{ rows: [string][] }, { first_anchor: string[] }>('C24');
    const units: Record<string, IntervalUnit> = { monthly: 'month', annual: 'year' };
    const answers = inputs.rows.map(([row]) => {
      const [, unit = '', date = '', day = ''] = /^(\w+) start ([\d-]+) day (\d+)$/.exec(row) ?? [];
      const interval: Interval = { unit: units[unit] ?? 'day', count: 1 };
      const start = at(date, world);
      const answer = firstAnchor(start, Number(day), interval, world.timeZone);
      const anchor = anchorOnDayOfMonth(start, Number(day), interval, world.timeZone);
      const cadence: Cadence = { ...world, billingCycle: 'anniversary', anchor };
      expect(boundaryAtOrBefore(cadence, interval, answer)).toEqual(answer);
      return dateOf(answer, world);
    });
    expect(answers).toEqual(expected.first_anchor);
  },

  C25(world) {
    type Expected = { after_20120430: string; number_of_periods_20170131_20170331_incl: number };
    const { expected } = goldenCase<unknown, Expected>('C25');
    const on31 = anniversary('2012-01-31', world);
    expect(dateOf(boundaryAfter(on31, month, at('2012-04-30', world)), world)).toBe(expected.after_20120430);
    const begun = renewalsIn(2017, on31, month).filter(
      (date) => date >= '2017-01-31' && date <= '2017-03-31',
    );
    expect(begun).toHaveLength(expected.number_of_periods_20170131_20170331_incl);
  },

  C27({ prorationBasis }) {
    type Inputs = { tz: string; trial_days: number; start_local: string };
    const { inputs, expected } = goldenCase<Inputs, { anchor_day: number; first_invoice: string[] }>('C27');
    const world = { timeZone: inputs.tz, prorationBasis };
    const anchor = addCivilDays(at(inputs.start_local, world), inputs.trial_days, inputs.tz);
    expect(DateTime.fromJSDate(anchor, { zone: inputs.tz }).day).toBe(expected.anchor_day);
    expect(DateTime.fromJSDate(anchor, { zone: inputs.tz }).toFormat('HH:mm')).toBe('23:30');
    const { start, end } = contractualPeriod(
      { ...world, billingCycle: 'anniversary', anchor },
      month,
      anchor,
    );
    expect([dateOf(start, world), dateOf(end, world)]).toEqual(expected.first_invoice);
  },

  C29({ prorationBasis }) {
    type Expected = { start_date: string; charged_through: string[] };
    const { inputs, expected } = goldenCase<{ tz: string; clock: string }, Expected>('C29');
    const world = { timeZone: inputs.tz, prorationBasis };
    const anchor = addCivilDays(at(inputs.clock.replace(' local', ''), world), 1, inputs.tz);
    expect(dateOf(anchor, world)).toBe(expected.start_date);
    const cadence: Cadence = { ...world, billingCycle: 'anniversary', anchor };
    expect(renewals(cadence, month, anchor, expected.charged_through.length)).toEqual(
      expected.charged_through,
    );
  },

  // That the two runs make one invoice is the engine's promise; the calendar's part is that both see one boundary.
  C30({ prorationBasis }) {
    type Inputs = { tz: string; created: string; billing_runs: string[] };
    const { inputs, expected } = goldenCase<Inputs, { local_days: string[]; invoices: number }>('C30');
    const world = { timeZone: inputs.tz, prorationBasis };
    const cadence = anniversary(inputs.created, world);
    const runs = inputs.billing_runs.map((run) => new Date(run));
    expect(runs.map((run) => dateOf(run, world))).toEqual(expected.local_days);
    const due = runs.map((run) => boundaryAtOrBefore(cadence, { unit: 'week', count: 1 }, run).getTime());
    expect(new Set(due).size).toBe(expected.invoices);
  },

  // That the restarted engine bills it is the engine's promise; the calendar's part is which boundary was missed.
  C31(world) {
    const { inputs, expected } = goldenCase<
      { down: [string, string]; due: string },
      { invoices_after_restart: number }
    >('C31');
    const cadence = anniversary('2024-01-10', world);
    const [stopped, restarted] = inputs.down;
    const missed: string[] = [];
    let boundary = boundaryAfter(cadence, month, at(stopped, world));
    for (; boundary <= at(restarted, world); boundary = boundaryAfter(cadence, month, boundary)) {
      missed.push(dateOf(boundary, world));
    }
    expect(missed).toEqual([inputs.due]);
    expect(missed).toHaveLength(expected.invoices_after_restart);
    const period = contractualPeriod(cadence, month, at(restarted, world));
    expect([dateOf(period.start, world), dateOf(period.end, world)]).toEqual([inputs.due, '2024-05-10']);
  },
};

describe('golden cases of area C, calendar', () => {
  const cases = followedCases('C');

  test('every followed case has its story here', () => {
    expect(cases.map(({ id }) => id).sort()).toEqual(Object.keys(stories).sort());
  });

  for (const { id, title } of cases) {
    test.each(worlds)(`${id} ${title} ($timeZone, $prorationBasis)`, (world) => stories[id]?.(world));
  }
});

describe('golden cases of area D, trials, as far as the calendar decides them', () => {
  const utc = { timeZone: 'UTC', prorationBasis: 'day' } as const;

  /** The fee of the first paid stretch in calendar billing: from the end of the trial to the end of the month. */
  function firstFee(start: string, trialDays: number, amount: Decimal): { paidFrom: Date; fee: string } {
    const paidFrom = addCivilDays(new Date(start), trialDays, 'UTC');
    const whole = contractualPeriod(
      { ...utc, billingCycle: 'calendar', anchor: new Date(start) },
      month,
      paidFrom,
    );
    const fraction = fractionOf({ start: paidFrom, end: whole.end }, whole, 'day', 'UTC');
    return { paidFrom, fee: prorate(amount, fraction, 'USD').times(100).toFixed() };
  }

  test('D02 a trial of 13 days ends at its wall time and 14 of 31 days of March are billed', () => {
    const { inputs, expected } = goldenCase<
      { start: string; trial_days: number; amount_cents: number },
      { billed_after: string; fee_cents: number }
    >('D02');
    const { paidFrom, fee } = firstFee(
      inputs.start,
      inputs.trial_days,
      new Decimal(inputs.amount_cents).div(100),
    );
    expect(paidFrom).toEqual(new Date(expected.billed_after));
    expect(fee).toBe(String(expected.fee_cents));
  });

  test('D03 a trial of 45 days outlives March and 12 of 30 days of April are billed', () => {
    const { inputs, expected } = goldenCase<
      { start: string; trial_days: number; amount_cents: number },
      { on_2024_04_19: number }
    >('D03');
    const { paidFrom, fee } = firstFee(
      inputs.start,
      inputs.trial_days,
      new Decimal(inputs.amount_cents).div(100),
    );
    expect(dateOf(paidFrom, utc)).toBe('2024-04-19');
    expect(fee).toBe(String(expected.on_2024_04_19));
  });
});
