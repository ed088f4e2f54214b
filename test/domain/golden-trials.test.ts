import { describe, expect, test } from '@jest/globals';
import { goldenCase } from '../golden/read-cases.ts';
import { amounts, cents, changing, inMajor, target } from '../support/changes.ts';
import { conceive, live, using, utc } from '../support/lives.ts';

/** The followed cases of trials and minimum commitments, with their numbers from the file. */

const stories: Record<string, () => void> = {
  D02() {
    const { inputs, expected } = goldenCase<
      { amount_cents: number; start: string; trial_days: number; upgraded: string },
      { billed_after: string; fee_cents: number }
    >('D02');
    const start = inputs.start.replace('Z', ':00Z');
    const life = live(
      conceive(
        {
          items: [target('fee', { unitAmount: '1000' })],
          trialDays: inputs.trial_days,
          billingCycle: 'calendar',
        },
        start,
      ),
      start,
    ).life;
    const { life: upgraded } = changing(life, inputs.upgraded, {
      set: [target('fee', { unitAmount: cents(inputs.amount_cents) })],
    });
    const { lived } = live(upgraded, '2024-03-20T00:00:00Z');
    expect(lived.map(({ at, decision }) => [at, ...amounts(decision)])).toEqual([
      [utc(expected.billed_after.replace('Z', ':00Z')), inMajor(expected.fee_cents)],
    ]);
  },

  D03() {
    const { inputs, expected } = goldenCase<
      {
        amount_cents: number;
        start: string;
        trial_days: number;
        usage_events: number;
        unit_price_cents: number;
      },
      { on_2024_04_01: { charge_cents: number }; on_2024_04_19: number }
    >('D03');
    const used = target('used', {
      model: 'per_unit',
      unitAmount: cents(inputs.unit_price_cents),
      billing: 'usage',
      timing: 'in_arrears',
    });
    const start = inputs.start.replace('Z', ':00Z');
    let life = live(
      conceive(
        {
          items: [target('fee', { unitAmount: cents(inputs.amount_cents) }), used],
          trialDays: inputs.trial_days,
          trialUsage: 'billed',
          billingCycle: 'calendar',
        },
        start,
      ),
      start,
    ).life;
    const first = live(using(life, { used: String(inputs.usage_events) }), '2024-04-01T00:00:00Z');
    expect(first.lived.map(({ decision }) => amounts(decision))).toEqual([
      [inMajor(expected.on_2024_04_01.charge_cents)],
    ]);
    life = using(first.life, {});
    const trialEnd = live(life, '2024-04-20T00:00:00Z').lived;
    expect(trialEnd.map(({ decision }) => amounts(decision))).toEqual([[inMajor(expected.on_2024_04_19)]]);
  },

  D06() {
    const { inputs, expected } = goldenCase<
      { min_cents: number; sub_fee_cents: number; usage_cents: number },
      { true_up_cents: number }
    >('D06');
    const commitment = target('least', {
      model: 'minimum_commitment',
      unitAmount: cents(inputs.min_cents),
      timing: 'in_arrears',
    });
    const used = target('used', {
      model: 'per_unit',
      unitAmount: '1',
      billing: 'usage',
      timing: 'in_arrears',
    });
    const fee = target('fee', { unitAmount: cents(inputs.sub_fee_cents) });
    const { life } = live(
      conceive({ items: [commitment, fee, used], trialDays: 10 }, '2024-03-05'),
      '2024-03-16T00:00:00Z',
    );
    const closed = live(
      using(life, { used: cents(inputs.usage_cents) }, cents(inputs.sub_fee_cents)),
      '2024-04-15T00:00:00Z',
    ).lived;
    expect(closed[0]?.decision.invoice?.lines.at(-1)?.amount.toFixed(2)).toBe(
      inMajor(expected.true_up_cents),
    );
  },

  G01: () => commitmentOf('G01', 'week', '2023-02-01', '2023-02-06'),
  G03: () => commitmentOf('G03', 'quarter', '2023-02-04', '2023-04-01'),
};

/** A plan fee in arrears and a commitment next to it, both prorated in the stub that a calendar begins with. */
function commitmentOf(id: string, intervalUnit: 'week' | 'quarter', start: string, boundary: string): void {
  const { inputs, expected } = goldenCase<
    { min_cents: number; plan_fee_cents: number },
    { commitment_fee_cents: number }
  >(id);
  const timing = 'in_arrears';
  const least = {
    model: 'minimum_commitment',
    unitAmount: cents(inputs.min_cents),
    timing,
    intervalUnit,
  } as const;
  const items = [
    target('least', least),
    target('fee', { unitAmount: cents(inputs.plan_fee_cents), timing, intervalUnit }),
  ];
  const { life } = live(conceive({ items, billingCycle: 'calendar' }, start), utc(start).toISOString());
  const { lived } = live(using(life, {}), utc(boundary).toISOString());
  expect(amounts(lived[0]?.decision ?? { invoice: null }).at(-1)).toBe(
    inMajor(expected.commitment_fee_cents),
  );
}

describe('a followed case of a trial or a commitment', () => {
  test.each(Object.keys(stories))('%s', (id) => stories[id]?.());
});
