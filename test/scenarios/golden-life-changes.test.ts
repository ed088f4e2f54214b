import { describe, expect, test } from '@jest/globals';
import { goldenCase } from '../golden/read-cases.ts';
import { amountsOf, billsOf, dateOf, fee, inMajor, lifeOf, plan } from '../support/simulations.ts';

/** The followed cases of changes, told as lives in the simulator: from the subscribe to the invoice that shows the change. */

const BASES = ['day', 'second'] as const;

/** A subscription begun on a date. */
function subscribe(at: string, to: string, more: object = {}) {
  return { at, action: 'subscribe', plan: to, ...more };
}

/** The unused rest of the old and the charge for the new, on one invoice. */
type Upgrade = { old_cents: number; new_cents: number; period: [string, string]; change_at: string };

function upgrade(id: string): void {
  const { inputs, expected } = goldenCase<Upgrade, { credit_cents: number; debit_cents: number }>(id);
  const [from, to] = inputs.period;
  const unit = Date.parse(to) - Date.parse(from) > 200 * 86_400_000 ? 'year' : 'month';
  for (const basis of BASES) {
    const answer = lifeOf(
      [plan('old', fee(inMajor(inputs.old_cents), unit)), plan('new', fee(inMajor(inputs.new_cents), unit))],
      [
        subscribe(from, 'old', { proration_basis: basis }),
        { at: inputs.change_at, action: 'change', plan: 'new', effective: 'now' },
      ],
      inputs.change_at,
    );
    expect(amountsOf(answer.invoices[1])).toEqual([
      `-${inMajor(expected.credit_cents)}`,
      inMajor(expected.debit_cents),
    ]);
  }
}

const stories: Record<string, () => void> = {
  B04: () => upgrade('B04'),
  B05: () => upgrade('B05'),
  B06: () => upgrade('B06'),
  B07: () => upgrade('B07'),
  B08: () => upgrade('B08'),

  B23() {
    type Inputs = { amount: number; effective: string[] };
    const { inputs, expected } = goldenCase<Inputs, { charges: string[] }>('B23');
    const charges = inputs.effective.map((at) => {
      const answer = lifeOf(
        [plan('base', fee('5.00'))],
        [
          subscribe('2026-04-01', 'base', { proration_basis: 'second' }),
          { at, action: 'add', add_ons: [{ add_on: 'more' }], effective: 'now' },
        ],
        at,
        {
          catalogue: {
            plans: [plan('base', fee('5.00'))],
            add_ons: [{ id: 'more', prices: [fee(`${inputs.amount}.00`, 'month', 'more')] }],
          },
        },
      );
      return amountsOf(answer.invoices[1])[0];
    });
    expect(charges).toEqual(expected.charges);
  },

  B25() {
    type Inputs = { amounts: number[]; effective: string };
    const { inputs, expected } = goldenCase<Inputs, { total: string }>('B25');
    const addOns = inputs.amounts.map((amount, n) => ({
      id: `add-on-${n}`,
      prices: [fee(`${amount}.00`, 'month', `extra${n}`)],
    }));
    const answer = lifeOf(
      [],
      [
        subscribe('2026-04-01', 'base'),
        { at: inputs.effective, action: 'add', add_ons: addOns.map(({ id }) => ({ add_on: id })) },
      ],
      inputs.effective,
      { catalogue: { plans: [plan('base', fee('5.00'))], add_ons: addOns } },
    );
    expect(answer.invoices[1]?.total.amount).toBe(expected.total);
  },

  // Taxes are not here yet: the fees are what is compared.
  B26() {
    type Inputs = { plans_cents: number[]; start: string; upgrades: string[] };
    const { inputs, expected } = goldenCase<Inputs, { fees_cents: number[] }>('B26');
    const plans = inputs.plans_cents.map((cents, n) => plan(`plan${n}`, fee(inMajor(cents))));
    const answer = lifeOf(
      plans,
      [
        subscribe(inputs.start, 'plan0', { billing_cycle: 'calendar' }),
        ...inputs.upgrades.map((at, n) => ({ at, action: 'change', plan: `plan${n + 1}` })),
      ],
      '2024-03-31',
    );
    expect(answer.invoices.map((invoice) => amountsOf(invoice).at(-1))).toEqual(
      expected.fees_cents.map(inMajor),
    );
  },

  // The day of the month stays the 29th, as it does with anchor "keep".
  B29() {
    type Inputs = { start: string; upgrade: string; monthly_cents: number; yearly_cents: number };
    type Expected = { credit_note_cents: number; first_yearly_invoice_cents: number };
    const { inputs, expected } = goldenCase<Inputs, Expected>('B29');
    const answer = lifeOf(
      [
        plan('monthly', fee(inMajor(inputs.monthly_cents))),
        plan('yearly', fee(inMajor(inputs.yearly_cents), 'year')),
      ],
      [
        subscribe(inputs.start, 'monthly'),
        { at: inputs.upgrade, action: 'change', plan: 'yearly', effective: 'now', anchor: 'keep' },
      ],
      inputs.upgrade,
    );
    expect(amountsOf(answer.invoices.at(-1))).toEqual([
      `-${inMajor(expected.credit_note_cents)}`,
      inMajor(expected.first_yearly_invoice_cents),
    ]);
  },

  B30() {
    type Inputs = { monthly_cents: number; yearly_cents: number; start: string; downgrade_requested: string };
    type Expected = { effective: string; period: [string, string]; invoice_cents: number };
    const { inputs, expected } = goldenCase<Inputs, Expected>('B30');
    const answer = lifeOf(
      [
        plan('monthly', fee(inMajor(inputs.monthly_cents))),
        plan('yearly', fee(inMajor(inputs.yearly_cents), 'year')),
      ],
      [
        subscribe(inputs.start, 'monthly'),
        { at: inputs.downgrade_requested, action: 'change', plan: 'yearly', anchor: 'keep' },
      ],
      '2023-12-31',
    );
    const bill = answer.invoices.at(-1);
    expect([dateOf(bill?.at ?? ''), ...amountsOf(bill)]).toEqual([
      expected.effective,
      inMajor(expected.invoice_cents),
    ]);
    // The file writes the last day of the period.
    const { start = '', end = '' } = bill?.lines[0]?.period ?? {};
    expect([dateOf(start), dateOf(end)]).toEqual([expected.period[0], '2024-07-19']);
  },

  B32() {
    type Inputs = { old_charges_cents: number[]; new_charges_cents: number[] };
    const { inputs, expected } = goldenCase<Inputs, { first_invoice: number[]; upgrade_invoice: number[] }>(
      'B32',
    );
    const [ends = 0, grows = 0] = inputs.old_charges_cents;
    const [grown = 0, comes = 0] = inputs.new_charges_cents;
    const answer = lifeOf(
      [
        plan('old', fee(inMajor(ends), 'month', 'ends'), fee(inMajor(grows), 'month', 'grows')),
        plan('new', fee(inMajor(grown), 'month', 'grows'), fee(inMajor(comes), 'month', 'comes')),
      ],
      [
        subscribe('2025-12-22T12:12', 'old', { billing_cycle: 'calendar' }),
        { at: '2025-12-22T13:12', action: 'change', plan: 'new', effective: 'now' },
      ],
      '2025-12-31',
    );
    const [first, second] = answer.invoices;
    expect(amountsOf(first)).toEqual(expected.first_invoice.map(inMajor));
    const byKey = (key: string) =>
      (second?.lines ?? [])
        .filter((line) => line.key === key)
        .reduce((sum, line) => sum + Number(line.amount.amount) * 100, 0);
    // What the old plan was paid for comes off the same charge of the new one.
    expect([byKey('grows'), byKey('comes')].map(Math.round)).toEqual([
      expected.upgrade_invoice[0],
      expected.upgrade_invoice[1],
    ]);
  },

  B33() {
    type Inputs = { monthly: string; annual: string; period: [string, string]; change: string };
    type Expected = { repair: string; new_item: string; new_period: [string, string] };
    const { inputs, expected } = goldenCase<Inputs, Expected>('B33');
    const answer = lifeOf(
      [plan('monthly', fee(inputs.monthly)), plan('annual', fee(inputs.annual, 'year'))],
      [
        subscribe(inputs.period[0], 'monthly'),
        { at: inputs.change, action: 'change', plan: 'annual', effective: 'now', anchor: 'keep' },
      ],
      inputs.change,
    );
    expect(amountsOf(answer.invoices[1])).toEqual([expected.repair, expected.new_item]);
    const { start = '', end = '' } = answer.invoices[1]?.lines[1]?.period ?? {};
    expect([dateOf(start), dateOf(end)]).toEqual(expected.new_period);
  },

  B34() {
    type Inputs = { monthly: string; start: string; first_anchor: string };
    const { inputs, expected } = goldenCase<Inputs, { amount: string; unrounded: string }>('B34');
    const answer = lifeOf(
      [plan('p', fee(inputs.monthly))],
      [subscribe(inputs.start, 'p', { billing_anchor: inputs.first_anchor })],
      inputs.start,
    );
    const [line] = answer.invoices[0]?.lines ?? [];
    expect([line?.amount.amount, line?.trace.exact]).toEqual([expected.amount, expected.unrounded]);
  },

  B40() {
    type Inputs = { prices: string[]; period: [string, string]; changes: string[] };
    type Expected = {
      first: Record<string, string>;
      second: Record<string, string>;
      next_months_use_credit: string;
    };
    const { inputs, expected } = goldenCase<Inputs, Expected>('B40');
    const answer = lifeOf(
      inputs.prices.map((price, n) => plan(`plan${n}`, fee(price))),
      [
        subscribe(inputs.period[0], 'plan0'),
        ...inputs.changes.map((at, n) => ({ at, action: 'change', plan: `plan${n + 1}`, effective: 'now' })),
      ],
      '2012-06-01',
    );
    const [, one, two, next] = answer.invoices;
    expect([one, two].map(amountsOf)).toEqual([
      [expected.first['repair'], expected.first['item']],
      [expected.second['repair'], expected.second['item']],
    ]);
    expect(one?.balance_applied.amount).toBe(`-${expected.first['credit']}`);
    expect(two?.balance_applied.amount).toBe(expected.second['credit_used']);
    expect(next?.balance_applied.amount).toBe(expected.next_months_use_credit);
  },

  B42() {
    type Inputs = { old: string; new: string; change: string; new_anchor_day: number };
    type Expected = { repair: string; stub_0505_0510: string; credit: string; next_full_0510_0610: string };
    const { inputs, expected } = goldenCase<Inputs, Expected>('B42');
    const answer = lifeOf(
      [plan('old', fee(inputs.old)), plan('new', fee(inputs.new))],
      [
        subscribe('2016-05-01', 'old'),
        {
          at: inputs.change,
          action: 'change',
          plan: 'new',
          effective: 'now',
          billing_anchor: `2016-05-${inputs.new_anchor_day}`,
        },
      ],
      '2016-05-31',
    );
    expect(billsOf(answer).slice(1)).toEqual([
      [inputs.change, expected.repair, expected.stub_0505_0510],
      ['2016-05-10', expected.next_full_0510_0610],
    ]);
    expect(answer.invoices[1]?.balance_applied.amount).toBe(`-${expected.credit}`);
    expect(dateOf(answer.invoices[2]?.lines[0]?.period.end ?? '')).toBe('2016-06-10');
  },

  B44() {
    const { expected } = goldenCase<unknown, { amounts: string[] }>('B44');
    const stubs = [
      ['2017-05-01', '2017-05-10', '2399.95', 'year'],
      ['2018-06-21', '2018-07-15', '19.95', 'month'],
      ['2018-07-21', '2018-08-01', '19.95', 'month'],
    ] as const;
    const charged = stubs.map(([start, anchor, amount, unit]) => {
      const answer = lifeOf(
        [plan('p', fee(amount, unit))],
        [subscribe(start, 'p', { billing_anchor: anchor })],
        start,
      );
      return amountsOf(answer.invoices[0])[0];
    });
    expect(charged).toEqual(expected.amounts);
  },

  B47() {
    type Inputs = { prices: number[]; changes: string[] };
    const { inputs, expected } = goldenCase<Inputs, { first: string[]; second: string[] }>('B47');
    const answer = lifeOf(
      inputs.prices.map((price, n) => plan(`plan${n}`, fee(`${price}.00`))),
      [
        subscribe('2022-07-01', 'plan0'),
        ...inputs.changes.map((at, n) => ({ at, action: 'change', plan: `plan${n + 1}`, effective: 'now' })),
      ],
      '2022-07-31',
    );
    expect(answer.invoices.slice(1).map(amountsOf)).toEqual([expected.first, expected.second]);
  },

  // Kill Bill settles the pause afterwards and moves the year; here the unused rest is given back and the stub billed.
  // What they have in common is the worth of the days paused.
  B51() {
    type Inputs = { annual: string; period: [string, string]; pause: string; resume: string };
    const { inputs, expected } = goldenCase<Inputs, { repair_0512_0604: string }>('B51');
    const answer = lifeOf(
      [plan('annual', fee(inputs.annual, 'year'))],
      [
        subscribe(inputs.period[0], 'annual'),
        { at: inputs.pause, action: 'pause' },
        { at: inputs.resume, action: 'resume' },
      ],
      inputs.resume,
    );
    const [, paused, resumed] = answer.invoices;
    const worth = Number(paused?.total.amount) + Number(resumed?.total.amount);
    expect(worth.toFixed(2)).toBe(expected.repair_0512_0604);
  },
};

describe('a followed case of a change, as a life in the simulator', () => {
  test.each(Object.keys(stories))('%s', (id) => stories[id]?.());
});
