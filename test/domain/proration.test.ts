import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { Cadence, Interval, Period } from '../../src/domain/calendar.ts';
import { contractualPeriod, endOfBilledDay } from '../../src/domain/calendar.ts';
import { Decimal } from '../../src/domain/money.ts';
import { fractionOf, prorate } from '../../src/domain/proration.ts';
import { goldenCase } from '../golden/read-cases.ts';

const utc = (date: string) => DateTime.fromISO(date, { zone: 'utc' }).toJSDate();
const between = (start: string, end: string): Period => ({ start: utc(start), end: utc(end) });
const cents = (amount: Decimal) => amount.times(100).toNumber();
const major = (minor: number) => new Decimal(minor).div(100);

/** The whole period around `date` of an anniversary or calendar cadence in UTC. */
function whole(
  date: string,
  anchor: string,
  unit: Interval['unit'],
  billingCycle: Cadence['billingCycle'] = 'anniversary',
) {
  const cadence: Cadence = { billingCycle, prorationBasis: 'day', timeZone: 'UTC', anchor: utc(anchor) };
  return contractualPeriod(cadence, { unit, count: 1 }, utc(date));
}

function feeFrom(date: string, period: Period, amount: Decimal): Decimal {
  return prorate(amount, fractionOf({ start: utc(date), end: period.end }, period, 'day', 'UTC'), 'USD');
}

describe('the fraction of a period', () => {
  const june = between('2025-06-01', '2025-07-01');

  test.each<[string, Period, 'day' | 'second', number, number]>([
    ['the whole is one', june, 'day', 30, 30],
    ['an empty part is zero', between('2025-06-10', '2025-06-10'), 'day', 0, 30],
    [
      'the day of the start counts however late it starts',
      between('2025-06-10T23:59', '2025-07-01'),
      'day',
      21,
      30,
    ],
    [
      'the day of the end does not, however late it ends',
      between('2025-06-01', '2025-06-10T23:59'),
      'day',
      9,
      30,
    ],
    [
      'a part within one day has no civil day of its own',
      between('2025-06-10T01:00', '2025-06-10T09:00'),
      'day',
      0,
      30,
    ],
    [
      'seconds are exact to the millisecond',
      between('2025-06-30T23:59:59.999', '2025-07-01'),
      'second',
      1,
      2_592_000_000,
    ],
  ])('%s', (_, part, basis, numerator, denominator) => {
    expect(fractionOf(part, june, basis, 'UTC')).toEqual({ numerator, denominator });
  });

  test('a year with 29 February has 366 days, golden convention DENOM_LEAP_YEAR', () => {
    const leap = between('2023-06-29', '2024-06-29');
    expect(fractionOf(leap, leap, 'day', 'UTC').denominator).toBe(366);
  });

  test('daylight saving changes seconds, never days', () => {
    const rome = (text: string) => DateTime.fromISO(text, { zone: 'Europe/Rome' }).toJSDate();
    const march = { start: rome('2025-03-01'), end: rome('2025-04-01') };
    const part = { start: rome('2025-03-30'), end: march.end };
    expect(fractionOf(part, march, 'day', 'Europe/Rome')).toEqual({ numerator: 2, denominator: 31 });
    expect(fractionOf(part, march, 'second', 'Europe/Rome')).toEqual({
      numerator: 47 * 3_600_000,
      denominator: (31 * 24 - 1) * 3_600_000,
    });
  });

  test('days are those of the zone: 23:30 in New York is already tomorrow in UTC', () => {
    const start = new Date('2025-07-01T03:30:00Z');
    const newYork = { start: new Date('2025-06-01T04:00:00Z'), end: new Date('2025-07-01T04:00:00Z') };
    expect(fractionOf({ start, end: newYork.end }, newYork, 'day', 'America/New_York').numerator).toBe(1);
  });

  test('on immediate cancellation the cancel day is billed, rule 12', () => {
    const billed = (cancelAt: string) => ({
      start: june.start,
      end: endOfBilledDay(utc(cancelAt), 'day', 'UTC'),
    });
    expect(fractionOf(billed('2025-06-10T08:00'), june, 'day', 'UTC').numerator).toBe(10);
    expect(fractionOf(billed('2025-06-10T00:00'), june, 'day', 'UTC').numerator).toBe(9);
    expect(fractionOf(billed('2025-06-30T23:59'), june, 'day', 'UTC').numerator).toBe(30);
  });

  test('the parts of a period add up to the whole wherever it is cut', () => {
    const zone = fc.constantFrom(
      'UTC',
      'America/St_Johns',
      'Africa/Cairo',
      'Pacific/Apia',
      'Australia/Lord_Howe',
    );
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
    const day = fc.date({ min: utc('1995-01-01'), max: utc('2040-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(
        zone,
        day,
        cuts,
        fc.constantFrom('day' as const, 'second' as const),
        (timeZone, instant, at, basis) => {
          const cadence: Cadence = {
            billingCycle: 'anniversary',
            prorationBasis: basis,
            timeZone,
            anchor: instant,
          };
          const period = contractualPeriod(cadence, { unit: 'month', count: 1 }, instant);
          const length = period.end.getTime() - period.start.getTime();
          const instants = [...at]
            .sort((a, b) => a - b)
            .map((share) => new Date(period.start.getTime() + Math.floor(share * length)));
          const edges = [period.start, ...instants, period.end];
          const parts = edges.slice(1).map((end, index) => {
            const fraction = fractionOf({ start: edges[index] ?? end, end }, period, basis, timeZone);
            expect(fraction.numerator).toBeGreaterThanOrEqual(0);
            return fraction.numerator;
          });
          const { denominator } = fractionOf(period, period, basis, timeZone);
          expect(parts.reduce((a, b) => a + b, 0)).toBe(denominator);
        },
      ),
    );
  });

  test('refuses a part outside the whole and an empty whole', () => {
    expect(() => fractionOf(between('2025-05-31', '2025-06-02'), june, 'day', 'UTC')).toThrow(RangeError);
    expect(() => fractionOf(between('2025-06-03', '2025-06-02'), june, 'day', 'UTC')).toThrow(RangeError);
    const empty = between('2025-06-01', '2025-06-01');
    expect(() => fractionOf(empty, empty, 'second', 'UTC')).toThrow(RangeError);
  });
});

describe('a prorated amount', () => {
  test.each<[string, string, number, number, string, string]>([
    ['nothing of it', '19.99', 0, 30, 'USD', '0'],
    ['all of it', '19.99', 30, 30, 'USD', '19.99'],
    ['a third is rounded once', '10', 1, 3, 'USD', '3.33'],
    ['a half cent goes away from zero', '0.05', 1, 2, 'USD', '0.03'],
    ['a credit mirrors the charge', '-0.05', 1, 2, 'USD', '-0.03'],
    ['yen', '1000', 10, 31, 'JPY', '323'],
    ['a unit price keeps its decimals until the end', '0.333333333333', 3, 1, 'USD', '1'],
  ])('%s', (_, amount, numerator, denominator, currency, expected) => {
    expect(prorate(new Decimal(amount), { numerator, denominator }, currency).toFixed()).toBe(expected);
  });

  test('of a fraction without a denominator is refused', () => {
    expect(() => prorate(new Decimal(1), { numerator: 0, denominator: 0 }, 'USD')).toThrow(RangeError);
  });
});

describe('golden cases of area B, as far as the calendar and one multiplication decide them', () => {
  type Upgrade = { old_cents: number; new_cents: number; period: [string, string]; change_at: string };

  test.each(['B04', 'B05', 'B06', 'B07', 'B08'])(
    '%s credit and debit are the same in days and in seconds',
    (id) => {
      const { inputs, expected } = goldenCase<Upgrade, { credit_cents: number; debit_cents: number }>(id);
      const period = between(...inputs.period);
      for (const basis of ['day', 'second'] as const) {
        const left = fractionOf({ start: utc(inputs.change_at), end: period.end }, period, basis, 'UTC');
        expect(cents(prorate(major(inputs.old_cents), left, 'USD'))).toBe(expected.credit_cents);
        expect(cents(prorate(major(inputs.new_cents), left, 'USD'))).toBe(expected.debit_cents);
      }
    },
  );

  test('B23 an item added during April, second by second, in a half-open month', () => {
    type Inputs = { amount: number; effective: string[] };
    const { inputs, expected } = goldenCase<Inputs, { charges: string[] }>('B23');
    const april = between('2026-04-01', '2026-05-01');
    const charges = inputs.effective.map((date) =>
      prorate(
        new Decimal(inputs.amount),
        fractionOf({ start: utc(date), end: april.end }, april, 'second', 'UTC'),
        'USD',
      ).toFixed(2),
    );
    expect(charges).toEqual(expected.charges);
  });

  test('B26 and B32 calendar billing charges from the civil day of the start', () => {
    const b26 = goldenCase<{ plans_cents: number[]; start: string }, { fees_cents: number[] }>('B26');
    const march = whole('2024-03-05', b26.inputs.start, 'month', 'calendar');
    const days = [b26.inputs.start, '2024-03-12T12:12', '2024-03-12T13:12'];
    expect(days.map((day, n) => cents(feeFrom(day, march, major(b26.inputs.plans_cents[n] ?? 0))))).toEqual(
      b26.expected.fees_cents,
    );
    const b32 = goldenCase<{ old_charges_cents: number[]; start: string }, { first_invoice: number[] }>(
      'B32',
    );
    const december = whole(b32.inputs.start, b32.inputs.start, 'month', 'calendar');
    expect(
      b32.inputs.old_charges_cents.map((price) => cents(feeFrom(b32.inputs.start, december, major(price)))),
    ).toEqual(b32.expected.first_invoice);
  });

  test('B29 monthly to yearly with the anchor kept: a day of credit and 275 of 366 days', () => {
    type Inputs = { start: string; upgrade: string; monthly_cents: number; yearly_cents: number };
    type Expected = { credit_note_cents: number; first_yearly_invoice_cents: number };
    const { inputs, expected } = goldenCase<Inputs, Expected>('B29');
    const monthly = whole(inputs.upgrade, inputs.start, 'month');
    const yearly = whole(inputs.upgrade, inputs.start, 'year');
    expect(cents(feeFrom(inputs.upgrade, monthly, major(inputs.monthly_cents)))).toBe(
      expected.credit_note_cents,
    );
    expect(cents(feeFrom(inputs.upgrade, yearly, major(inputs.yearly_cents)))).toBe(
      expected.first_yearly_invoice_cents,
    );
  });

  test('B30 a yearly plan joined mid-year is billed to the old anniversary', () => {
    type Inputs = { yearly_cents: number; start: string };
    const { inputs, expected } = goldenCase<Inputs, { effective: string; invoice_cents: number }>('B30');
    const yearly = whole(expected.effective, inputs.start, 'year');
    expect(cents(feeFrom(expected.effective, yearly, major(inputs.yearly_cents)))).toBe(
      expected.invoice_cents,
    );
  });

  test('B33 monthly to annual with anchor day 1', () => {
    type Inputs = { monthly: string; annual: string; change: string };
    const { inputs, expected } = goldenCase<Inputs, { repair: string; new_item: string }>('B33');
    const monthly = whole(inputs.change, '2012-05-01', 'month');
    const annual = whole(inputs.change, '2012-05-01', 'year');
    expect(feeFrom(inputs.change, monthly, new Decimal(inputs.monthly)).negated().toFixed(2)).toBe(
      expected.repair,
    );
    expect(feeFrom(inputs.change, annual, new Decimal(inputs.annual)).toFixed(2)).toBe(expected.new_item);
  });

  test('B34 and B44 a leading stub is measured against the full period that ends at the first anchor', () => {
    type Inputs = { monthly: string; start: string; first_anchor: string };
    const { inputs, expected } = goldenCase<Inputs, { amount: string }>('B34');
    const full = whole(inputs.start, inputs.first_anchor, 'month');
    expect(feeFrom(inputs.start, full, new Decimal(inputs.monthly)).toFixed(2)).toBe(expected.amount);

    const stubs = [
      ['2017-05-01', '2017-05-10', 'year', '2399.95'],
      ['2018-06-21', '2018-07-15', 'month', '19.95'],
      ['2018-07-21', '2018-08-01', 'month', '19.95'],
    ] as const;
    const amounts = stubs.map(([start, anchor, unit, price]) =>
      feeFrom(start, whole(start, anchor, unit), new Decimal(price)).toFixed(2),
    );
    expect(amounts).toEqual(goldenCase<unknown, { amounts: string[] }>('B44').expected.amounts);
  });

  test('B47 plan changes in July, the day of a change belonging to the new price', () => {
    type Inputs = { prices: [number, number, number]; changes: [string, string] };
    const { inputs, expected } = goldenCase<Inputs, { first: string[]; second: string[] }>('B47');
    const july = whole('2022-07-04', '2022-07-01', 'month');
    const lines = inputs.changes.map((change, n) => {
      const [unused = 0, remaining = 0] = inputs.prices.slice(n);
      return [
        feeFrom(change, july, new Decimal(unused)).negated().toFixed(2),
        feeFrom(change, july, new Decimal(remaining)).toFixed(2),
      ];
    });
    expect(lines).toEqual([expected.first, expected.second]);
  });
});
