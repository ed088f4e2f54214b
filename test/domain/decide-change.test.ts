import { describe, expect, test } from '@jest/globals';
import type { Change } from '../../src/domain/change.ts';
import { decideChange } from '../../src/domain/decide-change.ts';
import type { SubscriptionTerms } from '../../src/domain/decide-create.ts';
import type { Life } from '../../src/domain/life.ts';
import { Decimal } from '../../src/domain/money.ts';
import { aChange, amounts, billed, changing, target } from '../support/changes.ts';
import { after, conceive, live, type PriceChanges, using, utc } from '../support/lives.ts';

const fee = (unitAmount: string, changes: PriceChanges = {}) => target('fee', { unitAmount, ...changes });
const seats = (quantity: string, unitAmount = '10') =>
  target('seats', { model: 'per_unit', unitAmount }, quantity);
const used = target('used', { model: 'per_unit', unitAmount: '2', billing: 'usage', timing: 'in_arrears' });
const arrears = fee('62', { timing: 'in_arrears' });

const begun = (terms: Partial<SubscriptionTerms> = {}, start = '2026-01-01'): Life =>
  live(conceive({ items: [fee('31')], ...terms }, start), start).life;
/** The first invoice is open, and this much of it is owed. */
const owing = (life: Life, owed: string): Life => ({
  ...life,
  priced: life.priced.map((entry) => ({
    ...entry,
    fees: (entry.fees ?? []).map((one) => ({ ...one, owed: one.owed.plus(owed) })),
  })),
});

describe('the lines of a change', () => {
  test.each<[string, Partial<SubscriptionTerms>, string, Partial<Change>, string[], string[]]>([
    [
      'give back the unused old and charge the remaining new, from the day of the change on',
      {},
      '2026-01-16T17:00:00Z',
      { set: [fee('62')] },
      ['-16 2026-01-16..2026-02-01', '32 2026-01-16..2026-02-01'],
      [],
    ],
    [
      'of more seats give back the old seats and charge all the new ones',
      { items: [seats('10')] },
      '2026-01-16',
      { set: [seats('12')] },
      ['-51.61 2026-01-16..2026-02-01', '61.94 2026-01-16..2026-02-01'],
      [],
    ],
    [
      'wait for the next invoice when they are to',
      {},
      '2026-01-16',
      { set: [fee('62')], proration: 'next_invoice' },
      [],
      ['-16 2026-01-16..2026-02-01', '32 2026-01-16..2026-02-01'],
    ],
    ['are none without proration', {}, '2026-01-16', { set: [fee('62')], proration: 'none' }, [], []],
    [
      'bill what ran in arrears at its old price, and nothing ahead',
      { items: [arrears] },
      '2026-01-16',
      { set: [fee('93', { timing: 'in_arrears' })] },
      ['30 2026-01-01..2026-01-16'],
      [],
    ],
    [
      'bill what ran in arrears even without proration, later',
      { items: [arrears] },
      '2026-01-16',
      { set: [fee('93', { timing: 'in_arrears' })], proration: 'none' },
      [],
      ['30 2026-01-01..2026-01-16'],
    ],
    [
      'of an item that joins are its part of the period',
      {},
      '2026-01-16',
      { set: [target('more', { unitAmount: '62' })] },
      ['32 2026-01-16..2026-02-01'],
      [],
    ],
    [
      'of an item that leaves are what it was paid ahead for',
      { items: [fee('31'), seats('10')] },
      '2026-01-16',
      { remove: ['seats'] },
      ['-51.61 2026-01-16..2026-02-01'],
      [],
    ],
    [
      'at the very start of a period exchange the whole fee',
      {},
      '2026-01-01',
      { set: [fee('62')] },
      ['-31 2026-01-01..2026-02-01', '62 2026-01-01..2026-02-01'],
      [],
    ],
    [
      'at the end of a period are those of its close',
      { items: [fee('31'), seats('10')] },
      '2026-01-31T23:59:59.999Z',
      { set: [fee('62')] },
      ['-1 2026-01-31..2026-02-01', '2 2026-01-31..2026-02-01'],
      [],
    ],
    [
      'of a yearly price begin a new year with a new anchor',
      { items: [fee('31'), seats('10')] },
      '2026-01-16',
      { set: [fee('365', { intervalUnit: 'year' })], anchor: 'reset' },
      [
        '-16 2026-01-16..2026-02-01',
        '365 2026-01-16..2027-01-16',
        '-51.61 2026-01-16..2026-02-01',
        '100 2026-01-16..2026-02-16',
      ],
      [],
    ],
    [
      'of a yearly price run to the next year of the old anchor when that is kept',
      {},
      '2026-01-16',
      { set: [fee('365', { intervalUnit: 'year' })] },
      ['-16 2026-01-16..2026-02-01', '350 2026-01-16..2027-01-01'],
      [],
    ],
    [
      'of another billing day give back what was paid ahead and charge up to it',
      {},
      '2026-01-16',
      { billingAnchor: utc('2026-01-20') },
      ['-16 2026-01-16..2026-02-01', '4 2026-01-16..2026-01-20'],
      [],
    ],
    [
      'are of what is charged once, too',
      {},
      '2026-01-16T09:00:00Z',
      { once: [target('setup', { unitAmount: '99', intervalUnit: null, intervalCount: null })] },
      ['99 2026-01-16..2026-01-17'],
      [],
    ],
  ])('%s', (_sentence, terms, at, change, now, later) => {
    expect(billed(changing(begun(terms), at, change).decision)).toEqual({ now, later });
  });

  test('say what they are', () => {
    const { decision } = changing(begun({ items: [seats('10')] }), '2026-01-16', { set: [seats('12')] });
    expect(decision.invoice?.lines.map(({ description }) => description)).toEqual([
      'Unused time: Fee × 10 (16 of 31 days)',
      'Fee × 12 (16 of 31 days)',
    ]);
    expect(decision.invoice?.lines[0]?.trace).toMatchObject({
      model: 'per_unit',
      unitAmount: '10',
      quantity: '10',
      fraction: { numerator: 16, denominator: 31, unit: 'day' },
      rounded: '-51.61',
    });
    expect(decision.invoice?.billingReason).toBe('subscription_update');
  });

  test('bill usage as it was used until the change, never a part of it', () => {
    const life = using(begun({ items: [used] }), { used: '7' });
    const { decision } = changing(life, '2026-01-16', {
      set: [target('used', { model: 'per_unit', unitAmount: '3', billing: 'usage', timing: 'in_arrears' })],
    });
    expect(billed(decision).now).toEqual(['14 2026-01-01..2026-01-16']);
    expect(decision.coverage).toMatchObject([{ side: 'usage', reason: 'billed', line: 0 }]);
  });
});

describe('a change at the end of a period', () => {
  test('is one decision with its close, and everything that ends there goes on', () => {
    const life = begun({ items: [fee('31'), seats('10')] });
    const decision = decideChange(life, aChange({ set: [fee('62')] }), utc('2026-02-01'), true);
    expect(billed(decision).now).toEqual(['62 2026-02-01..2026-03-01', '100 2026-02-01..2026-03-01']);
    expect(decision.invoice?.billingReason).toBe('subscription_cycle');
    expect(decision.events).toEqual(['billing.cycle.closed', 'subscription.renewed', 'subscription.updated']);
    expect(after(life, decision).subscription).toMatchObject({
      nextStep: 'close_period',
      nextStepAt: utc('2026-03-01'),
    });
  });

  test.each(['next_invoice', 'none'] as const)('bills what begins at once with proration %s', (proration) => {
    const decision = decideChange(begun(), aChange({ set: [fee('62')], proration }), utc('2026-02-01'), true);
    expect(billed(decision)).toEqual({ now: ['62 2026-02-01..2026-03-01'], later: [] });
  });
});

describe('without proration', () => {
  test('the new price is billed from the next period on', () => {
    const { life } = changing(begun(), '2026-01-16', { set: [fee('62')], proration: 'none' });
    const { lived } = live(life, '2026-02-01');
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual(['62.00']);
  });

  test('a fee that was paid at the old price is given back at the old price', () => {
    const { life } = changing(begun(), '2026-01-10', { set: [fee('62')], proration: 'none' });
    expect(billed(changing(life, '2026-01-16', { set: [fee('93')] }).decision).now).toEqual([
      '-16 2026-01-16..2026-02-01',
      '48 2026-01-16..2026-02-01',
    ]);
  });

  test('what joins is free until its next period', () => {
    const { decision, life } = changing(begun(), '2026-01-16', { set: [seats('3')], proration: 'none' });
    expect(decision.coverage).toMatchObject([{ reason: 'waived', line: null, pendingLine: null }]);
    const { lived } = live(life, '2026-02-01');
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual(['31.00', '30.00']);
  });

  test.each<[string, Partial<Change>]>([
    ['the calendar cannot move', { set: [fee('62')], anchor: 'reset' }],
    ['the billing day cannot move', { billingAnchor: utc('2026-01-20') }],
    ['what was paid ahead cannot run in arrears', { set: [arrears] }],
  ])('in the middle of a period %s', (_sentence, change) => {
    expect(() => changing(begun(), '2026-01-16', { ...change, proration: 'none' })).toThrow(
      expect.objectContaining({ code: 'proration_needed' }),
    );
  });
});

describe('a change that needs proration', () => {
  test('says until when was paid, and what helps also to who asked for the end of a period', () => {
    const yearly = target('licence', { unitAmount: '120', intervalUnit: 'year' });
    const life = begun({ items: [fee('31'), yearly] });
    const change = { set: [fee('62')], anchor: 'reset', proration: 'none' } as const;
    expect(() => changing(life, '2026-02-01', change)).toThrow(
      expect.objectContaining({
        code: 'proration_needed',
        message: expect.stringMatching(
          /"invoice_now" or "next_invoice", or let it take effect at 2027-01-01/,
        ),
        details: { paid_until: '2027-01-01T00:00:00.000Z' },
      }),
    );
  });
});

describe('what is given back', () => {
  test('reduces the invoice that is still owed and never becomes spendable', () => {
    const { decision } = changing(owing(begun(), '31'), '2026-01-16', { set: [fee('62')] });
    expect(decision.credits.map(({ amount }) => amount.toFixed())).toEqual(['16']);
    expect(amounts(decision)).toEqual(['32.00']);
  });

  test('of a fee within limits is a part of what the whole period is limited to', () => {
    const capped = fee('198.04', { maximum: new Decimal('198.04') });
    const life = begun({ items: [capped], billingCycle: 'calendar' }, '2027-01-28');
    // 198.04 × 3/31 = 19.165; from the stub's own 25.55 it would be a cent less.
    expect(amounts(changing(life, '2027-01-29', { set: [fee('0')] }).decision)).toEqual(['-19.17', '0.00']);
  });

  test('beyond what is owed becomes a line', () => {
    const { decision } = changing(owing(begun(), '10'), '2026-01-16', { set: [fee('62')] });
    expect(decision.credits.map(({ amount }) => amount.toFixed())).toEqual(['10']);
    expect(amounts(decision)).toEqual(['-6.00', '32.00']);
  });

  test('of two fees of one invoice shares what is owed on it', () => {
    const life = owing(begun({ items: [fee('31'), seats('10', '3.1')] }), '20');
    const { decision } = changing(life, '2026-01-16', { set: [fee('62')], remove: ['seats'] });
    expect(decision.credits.map(({ amount }) => amount.toFixed())).toEqual(['16', '4']);
    expect(amounts(decision)).toEqual(['32.00', '-12.00']);
  });

  test('of a fee that waits for an invoice waits with it', () => {
    const { life } = changing(begun(), '2026-01-10', { set: [fee('62')], proration: 'next_invoice' });
    const { decision, life: then } = changing(life, '2026-01-16', {
      set: [fee('93')],
      proration: 'next_invoice',
    });
    expect(decision.pending[0]?.reverses).toMatchObject({ lineId: null, pendingId: life.pending[1]?.id });
    // 31 − 22 + 44 of January, − 32 + 48 of the second change, and February.
    const { lived } = live(then, '2026-02-01');
    expect(amounts(lived[0]?.decision ?? { invoice: null })).toEqual([
      '93.00',
      '-22.00',
      '44.00',
      '-32.00',
      '48.00',
    ]);
    expect(lived[0]?.decision.takesPending).toBe(true);
    expect(lived[0]?.life.pending).toEqual([]);
  });
});
