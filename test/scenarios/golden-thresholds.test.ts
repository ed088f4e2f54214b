import { describe, expect, test } from '@jest/globals';
import { Decimal, sum } from '../../src/domain/money.ts';
import { goldenCase } from '../golden/read-cases.ts';
import { dateOf, fee, inMajor, lifeOf, metered, type PlanInput, plan } from '../support/simulations.ts';

/** The followed cases of threshold invoices: a fee in arrears, usage at 0.0002 a unit, and one threshold of 200.00. */

const UNIT_PRICE = '0.0002';
const THRESHOLD = '200.00';
const FEE_CENTS = 3100;

function inArrears(cents: number): PlanInput['prices'][number] {
  return { ...fee(inMajor(cents)), timing: 'in_arrears' };
}

function withThreshold(id: string, cents: number): PlanInput {
  return { ...plan(id, inArrears(cents), metered(UNIT_PRICE)), usage_thresholds: [{ amount: THRESHOLD }] };
}

type Answer = ReturnType<typeof lifeOf>;

/** Every invoice as its date, its reason and its total. */
function invoicesOf({ invoices }: Answer): [string, string, string][] {
  return invoices.map((invoice) => [dateOf(invoice.at), invoice.billing_reason, invoice.total.amount]);
}

/** What the lines of an invoice came to before what had been billed already was taken off, and what that was. */
function feesAndCredit(invoice: Answer['invoices'][number] | undefined): { fees: string; credit: string } {
  const lines = invoice?.lines ?? [];
  const credit = sum(lines.map(({ trace }) => new Decimal(trace.limits?.already_billed ?? 0)));
  const total = sum(lines.map(({ amount }) => new Decimal(amount.amount)));
  return { fees: total.plus(credit).toFixed(2), credit: credit.toFixed(2) };
}

const use = (at: string, quantity: number) => ({ at, action: 'use', key: 'used', quantity });

/** How many units come to an amount. */
const unitsFor = (cents: number): number => new Decimal(cents).div(100).div(UNIT_PRICE).toNumber();

type Totals = { fees: number; credit: number; total: number };

describe('a followed case with a threshold', () => {
  test('G07: what a threshold billed is taken off the last invoice', () => {
    type Inputs = { plan_cents: number; start: string; terminated: string };
    const { inputs, expected } = goldenCase<Inputs, Totals>('G07');
    const answer = lifeOf(
      [withThreshold('p', inputs.plan_cents)],
      [
        { at: inputs.start, action: 'subscribe', plan: 'p' },
        use('2022-12-16', unitsFor(expected.credit)),
        { at: inputs.terminated, action: 'cancel', mode: 'now' },
      ],
      '2023-01-31',
    );
    expect(invoicesOf(answer)).toEqual([
      ['2022-12-16', 'threshold', inMajor(expected.credit)],
      [inputs.terminated, 'subscription_cancel', inMajor(expected.total)],
    ]);
    expect(feesAndCredit(answer.invoices[1])).toEqual({
      fees: inMajor(expected.fees),
      credit: inMajor(expected.credit),
    });
  });

  test('G08: and off what a change bills of the old plan', () => {
    type Inputs = { plan_cents: number; start: string; upgraded: string };
    const { inputs, expected } = goldenCase<Inputs, Totals>('G08');
    const answer = lifeOf(
      [withThreshold('p', inputs.plan_cents), plan('large', inArrears(62_000))],
      [
        { at: inputs.start, action: 'subscribe', plan: 'p' },
        use('2022-12-16', unitsFor(expected.credit)),
        { at: inputs.upgraded, action: 'change', plan: 'large', effective: 'now' },
      ],
      inputs.upgraded,
    );
    expect(invoicesOf(answer)).toEqual([
      ['2022-12-16', 'threshold', inMajor(expected.credit)],
      [inputs.upgraded, 'subscription_update', inMajor(expected.total)],
    ]);
    expect(feesAndCredit(answer.invoices[1])).toEqual({
      fees: inMajor(expected.fees),
      credit: inMajor(expected.credit),
    });
  });

  test('G10: a threshold that does not recur comes once in a life', () => {
    type Inputs = { period_units: [number, number, number] };
    const { inputs, expected } = goldenCase<Inputs, { finals: number[] }>('G10');
    const [first, second, third] = inputs.period_units;
    const answer = lifeOf(
      [withThreshold('p', FEE_CENTS)],
      [
        { at: '2022-12-01', action: 'subscribe', plan: 'p' },
        use('2022-12-16', first),
        use('2023-01-16', second),
        use('2023-02-16', third),
      ],
      '2023-03-01',
    );
    expect(invoicesOf(answer)).toEqual([
      ['2022-12-16', 'threshold', THRESHOLD],
      ...expected.finals.map((cents, n) => [`2023-0${n + 1}-01`, 'subscription_cycle', inMajor(cents)]),
    ]);
  });

  test('G11: a draft that waits for its grace to end is left alone', () => {
    type Expected = { p1_total: number; progressive: number; p2: Totals };
    const { inputs, expected } = goldenCase<{ grace_days: number; units_p2: number }, Expected>('G11');
    const life = (until: string) =>
      lifeOf(
        [withThreshold('p', FEE_CENTS)],
        [{ at: '2022-12-01', action: 'subscribe', plan: 'p' }, use('2023-01-16', inputs.units_p2)],
        until,
        { tenant: { invoice_grace_hours: inputs.grace_days * 24 } },
      );
    const crossed = life('2023-01-16');
    expect(crossed.invoices.map(({ status, total }) => [status, total.amount])).toEqual([
      ['draft', inMajor(expected.p1_total)],
      ['paid', inMajor(expected.progressive)],
    ]);
    const closed = life('2023-02-01');
    expect(closed.invoices.map(({ status, total }) => [status, total.amount])).toEqual([
      ['paid', inMajor(expected.p1_total)],
      ['paid', inMajor(expected.progressive)],
      ['draft', inMajor(expected.p2.total)],
    ]);
    expect(feesAndCredit(closed.invoices[2])).toEqual({
      fees: inMajor(expected.p2.fees),
      credit: inMajor(expected.p2.credit),
    });
  });
});
