import { describe, expect, test } from '@jest/globals';
import { decideChange } from '../../src/domain/decide-change.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import { decidePause, decideResume } from '../../src/domain/decide-pause.ts';
import type { Life } from '../../src/domain/life.ts';
import { Decimal } from '../../src/domain/money.ts';
import { goldenCase } from '../golden/read-cases.ts';
import { aChange, amounts, cents, changing, inMajor, target, totalOf } from '../support/changes.ts';
import { after, conceive, live, type PriceChanges, utc } from '../support/lives.ts';

/** The followed cases that are one decision, or a few: each reads its numbers from the file and says how they are asked of the engine. */

/** A subscription to one in-advance price, begun and paid. */
function begun(price: PriceChanges, start: string, terms: Partial<SubscriptionTerms> = {}): Life {
  return live(conceive({ items: [target('fee', price)], ...terms }, start), utc(start).toISOString()).life;
}

const intervalOf = ([from, to]: [string, string]) =>
  utc(to).getTime() - utc(from).getTime() > 200 * 86_400_000
    ? ({ intervalUnit: 'year' } as const)
    : ({ intervalUnit: 'month' } as const);

type Upgrade = { old_cents: number; new_cents: number; period: [string, string]; change_at: string };

function upgrade(id: string): void {
  const { inputs, expected } = goldenCase<Upgrade, { credit_cents: number; debit_cents: number }>(id);
  const interval = intervalOf(inputs.period);
  for (const prorationBasis of ['day', 'second'] as const) {
    const life = begun({ ...interval, unitAmount: cents(inputs.old_cents) }, inputs.period[0], {
      prorationBasis,
    });
    const { decision } = changing(life, inputs.change_at, {
      set: [target('fee', { ...interval, unitAmount: cents(inputs.new_cents) })],
    });
    expect(amounts(decision)).toEqual([`-${inMajor(expected.credit_cents)}`, inMajor(expected.debit_cents)]);
  }
}

const stories: Record<string, () => void> = {
  B04: () => upgrade('B04'),
  B05: () => upgrade('B05'),
  B06: () => upgrade('B06'),
  B07: () => upgrade('B07'),
  B08: () => upgrade('B08'),

  B23() {
    const { inputs, expected } = goldenCase<{ amount: number; effective: string[] }, { charges: string[] }>(
      'B23',
    );
    const charges = inputs.effective.map((at) => {
      const life = begun({ unitAmount: '5' }, '2026-04-01', { prorationBasis: 'second' });
      const added = target('added', { unitAmount: String(inputs.amount) });
      return amounts(changing(life, at, { set: [added] }).decision);
    });
    expect(charges).toEqual(expected.charges.map((charge) => [charge]));
  },

  B25() {
    const { inputs, expected } = goldenCase<{ amounts: number[]; effective: string }, { total: string }>(
      'B25',
    );
    const life = begun({ unitAmount: '5' }, '2026-04-01');
    const { decision } = changing(life, inputs.effective, {
      set: inputs.amounts.map((unitAmount, n) => target(`added${n}`, { unitAmount: String(unitAmount) })),
    });
    expect(totalOf(amounts(decision))).toBe(expected.total);
  },

  // Taxes are not here yet: the amounts without them are followed.
  B26() {
    const { inputs, expected } = goldenCase<
      { plans_cents: number[]; start: string; upgrades: string[]; tax_pct: number },
      { fees_cents: number[]; credit_notes_incl_tax_cents: number[] }
    >('B26');
    const [first, second, third] = inputs.plans_cents.map((plan) =>
      target('fee', { unitAmount: cents(plan) }),
    );
    if (!first || !second || !third) throw new Error('the case has three plans');
    const [firstUpgrade = '', secondUpgrade = ''] = inputs.upgrades.map((at) => `${at}:00Z`);
    const { life, lived } = live(
      conceive({ items: [first], billingCycle: 'calendar' }, inputs.start),
      utc(inputs.start).toISOString(),
    );
    const one = changing(life, firstUpgrade, { set: [second] });
    const two = changing(one.life, secondUpgrade, { set: [third] });
    const [fee] = amounts(lived[0]?.decision ?? { invoice: null });
    const untaxed = expected.credit_notes_incl_tax_cents.map((credit) =>
      new Decimal(credit).div(1 + inputs.tax_pct / 100).toDecimalPlaces(0),
    );
    expect([fee, ...amounts(one.decision), ...amounts(two.decision)]).toEqual([
      inMajor(expected.fees_cents[0] ?? 0),
      `-${inMajor(untaxed[0]?.toNumber() ?? 0)}`,
      inMajor(expected.fees_cents[1] ?? 0),
      `-${inMajor(untaxed[1]?.toNumber() ?? 0)}`,
      inMajor(expected.fees_cents[2] ?? 0),
    ]);
  },

  B29() {
    const { inputs, expected } = goldenCase<
      { start: string; upgrade: string; monthly_cents: number; yearly_cents: number },
      { credit_note_cents: number; first_yearly_invoice_cents: number }
    >('B29');
    const life = begun({ unitAmount: cents(inputs.monthly_cents) }, inputs.start);
    const { decision } = changing(life, inputs.upgrade, {
      set: [target('fee', { unitAmount: cents(inputs.yearly_cents), intervalUnit: 'year' })],
    });
    const [credit, charge] = amounts(decision);
    expect(credit).toBe(`-${inMajor(expected.credit_note_cents)}`);
    expect(charge).toBe(inMajor(expected.first_yearly_invoice_cents));
  },

  B30() {
    const { inputs, expected } = goldenCase<
      { monthly_cents: number; yearly_cents: number; start: string },
      { effective: string; period: [string, string]; invoice_cents: number }
    >('B30');
    const life = begun({ unitAmount: cents(inputs.monthly_cents) }, inputs.start);
    const before = live(life, new Date(utc(expected.effective).getTime() - 1).toISOString()).life;
    const yearly = target('fee', { unitAmount: cents(inputs.yearly_cents), intervalUnit: 'year' });
    const decision = decideChangeAt(before, expected.effective, yearly);
    expect(amounts(decision)).toEqual([inMajor(expected.invoice_cents)]);
    expect(decision.invoice?.period.start).toEqual(utc(expected.period[0]));
    // The file writes the last day of the period, and periods here end when the next begins.
    expect(decision.invoice?.period.end).toEqual(new Date(utc(expected.period[1]).getTime() + 86_400_000));
  },

  B32() {
    const { inputs, expected } = goldenCase<
      { old_charges_cents: number[]; new_charges_cents: number[]; start: string; upgrade: string },
      { first_invoice: number[]; upgrade_invoice: number[] }
    >('B32');
    const [ends, grows] = inputs.old_charges_cents.map((charge) => ({ unitAmount: cents(charge) }));
    const [grown, comes] = inputs.new_charges_cents.map((charge) => ({ unitAmount: cents(charge) }));
    if (!ends || !grows || !grown || !comes) throw new Error('the case has two charges in each plan');
    const start = inputs.start.replace('Z', ':00Z');
    const { life, lived } = live(
      conceive({ items: [target('ends', ends), target('grows', grows)], billingCycle: 'calendar' }, start),
      start,
    );
    const first = expected.first_invoice.map(inMajor);
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual(first);
    const [endsBack, growsBack, grownFee, comesFee] = amounts(
      changing(life, inputs.upgrade.replace('Z', ':00Z'), {
        set: [target('grows', grown), target('comes', comes)],
        remove: ['ends'],
      }).decision,
    );
    expect([endsBack, growsBack]).toEqual(first.map((amount) => `-${amount}`));
    // The file nets the charge that grows with what was paid for it the same day.
    expect([totalOf([growsBack ?? '', grownFee ?? '']), comesFee]).toEqual(
      expected.upgrade_invoice.map(inMajor),
    );
  },

  B33() {
    const { inputs, expected } = goldenCase<
      { monthly: string; annual: string; period: [string, string]; change: string },
      { repair: string; new_item: string; new_period: [string, string] }
    >('B33');
    const life = begun({ unitAmount: inputs.monthly }, inputs.period[0]);
    const { decision } = changing(life, inputs.change, {
      set: [target('fee', { unitAmount: inputs.annual, intervalUnit: 'year' })],
    });
    expect(amounts(decision)).toEqual([expected.repair, expected.new_item]);
    expect(decision.invoice?.lines[1]?.period).toEqual({
      start: utc(expected.new_period[0]),
      end: utc(expected.new_period[1]),
    });
  },

  B34() {
    const { inputs, expected } = goldenCase<
      { monthly: string; start: string; first_anchor: string },
      { amount: string; unrounded: string }
    >('B34');
    const { lived } = live(
      conceive(
        {
          items: [target('fee', { unitAmount: inputs.monthly })],
          billingAnchor: utc(inputs.first_anchor),
        },
        inputs.start,
      ),
      utc(inputs.start).toISOString(),
    );
    const line = lived[0]?.decision.invoice?.lines[0];
    expect([line?.amount.toFixed(), line?.trace.exact]).toEqual([expected.amount, expected.unrounded]);
  },

  B39() {
    const { inputs, expected } = goldenCase<
      {
        monthly: string;
        period: [string, string];
        item_adjustment: number;
        change: string;
        new_monthly: string;
      },
      { new_item: string; repair: string; credit: string }
    >('B39');
    const life = begun({ unitAmount: inputs.monthly }, inputs.period[0]);
    const adjusted: Life = {
      ...life,
      priced: life.priced.map((entry) => ({
        ...entry,
        fees: (entry.fees ?? []).map((fee) => ({ ...fee, credited: new Decimal(-inputs.item_adjustment) })),
      })),
    };
    const { decision } = changing(adjusted, inputs.change, {
      set: [target('fee', { unitAmount: inputs.new_monthly })],
    });
    expect(amounts(decision)).toEqual([expected.repair, expected.new_item]);
    expect(totalOf(amounts(decision))).toBe(`-${expected.credit}`);
  },

  B40() {
    const { inputs, expected } = goldenCase<
      { prices: string[]; period: [string, string]; changes: string[] },
      { first: Record<string, string>; second: Record<string, string> }
    >('B40');
    const [first = '', second = '', third = ''] = inputs.prices;
    const life = begun({ unitAmount: first }, inputs.period[0]);
    const one = changing(life, inputs.changes[0] ?? '', { set: [target('fee', { unitAmount: second })] });
    const two = changing(one.life, inputs.changes[1] ?? '', { set: [target('fee', { unitAmount: third })] });
    expect(amounts(one.decision)).toEqual([expected.first['repair'], expected.first['item']]);
    expect(amounts(two.decision)).toEqual([expected.second['repair'], expected.second['item']]);
    expect(totalOf(amounts(one.decision))).toBe(`-${expected.first['credit']}`);
    expect(totalOf(amounts(two.decision))).toBe(expected.second['credit_used']);
  },

  B42() {
    const { inputs, expected } = goldenCase<
      { old: string; new: string; change: string; new_anchor_day: number },
      { repair: string; stub_0505_0510: string; credit: string; next_full_0510_0610: string }
    >('B42');
    const life = begun({ unitAmount: inputs.old }, '2016-05-01');
    const { decision, life: changed } = changing(life, inputs.change, {
      set: [target('fee', { unitAmount: inputs.new })],
      billingAnchor: utc(`2016-05-${inputs.new_anchor_day}`),
    });
    expect(amounts(decision)).toEqual([expected.repair, expected.stub_0505_0510]);
    expect(totalOf(amounts(decision))).toBe(`-${expected.credit}`);
    const { lived } = live(changed, '2016-05-10T00:00:00Z');
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual([expected.next_full_0510_0610]);
  },

  B44() {
    const { expected } = goldenCase<unknown, { amounts: string[] }>('B44');
    const stubs = [
      ['2017-05-01', '2017-05-10', '2399.95', 'year'],
      ['2018-06-21', '2018-07-15', '19.95', 'month'],
      ['2018-07-21', '2018-08-01', '19.95', 'month'],
    ] as const;
    const charged = stubs.map(([start, anchor, unitAmount, intervalUnit]) => {
      const { lived } = live(
        conceive({ items: [target('fee', { unitAmount, intervalUnit })], billingAnchor: utc(anchor) }, start),
        utc(start).toISOString(),
      );
      return amounts(lived[0]?.decision ?? { invoice: null })[0];
    });
    expect(charged).toEqual(expected.amounts);
  },

  B47() {
    const { inputs, expected } = goldenCase<
      { prices: number[]; changes: string[] },
      { first: string[]; second: string[] }
    >('B47');
    const [first, second, third] = inputs.prices.map(String);
    const life = begun({ unitAmount: first ?? '' }, '2022-07-01');
    const one = changing(life, inputs.changes[0] ?? '', {
      set: [target('fee', { unitAmount: second ?? '' })],
    });
    const two = changing(one.life, inputs.changes[1] ?? '', {
      set: [target('fee', { unitAmount: third ?? '' })],
    });
    expect([amounts(one.decision), amounts(two.decision)]).toEqual([expected.first, expected.second]);
  },

  // Kill Bill settles the pause afterwards and moves the year; here the unused rest is given back and the stub billed. What
  // they have in common is the worth of the days paused.
  B51() {
    const { inputs, expected } = goldenCase<
      { annual: string; period: [string, string]; pause: string; resume: string },
      { repair_0512_0604: string }
    >('B51');
    const life = begun({ unitAmount: inputs.annual, intervalUnit: 'year' }, inputs.period[0]);
    const pause = decidePause(life, { credit: true, resumeAt: null }, utc(inputs.pause));
    const resume = decideResume(after(life, pause), utc(inputs.resume));
    expect(totalOf([...amounts(pause), ...amounts(resume)])).toBe(expected.repair_0512_0604);
  },
};

function decideChangeAt(life: Life, at: string, to: ReturnType<typeof target>) {
  return decideChange(life, aChange({ set: [to] }), utc(at), true);
}

describe('a followed case that is a change', () => {
  test.each(Object.keys(stories))('%s', (id) => stories[id]?.());
});
