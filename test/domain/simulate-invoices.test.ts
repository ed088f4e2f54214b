import { describe, expect, test } from '@jest/globals';
import type { SimulationAnswer } from '../../src/contract/simulations.ts';
import { fee, lifeOf, metered, plan } from '../support/simulations.ts';

const basic = plan('basic', fee('30.00'));
const begin = { at: '2027-03-01', action: 'subscribe', plan: 'basic' };
const decline = { at: '2027-03-05', action: 'decline' };

const states = ({ subscriptions }: SimulationAnswer) =>
  subscriptions[0]?.states.map(({ status, from }) => [status, from.slice(0, 10)]);
const invoices = (answer: SimulationAnswer) => answer.invoices.map(({ number, status }) => [number, status]);

describe('what is done to invoices by hand, in a simulation', () => {
  test('a voided invoice is owed no more, and the subscription is active again', () => {
    const answer = lifeOf(
      [basic],
      [begin, decline, { at: '2027-04-02', action: 'void', invoice: 'INV-000002' }],
      '2027-04-20',
    );
    expect(invoices(answer)).toEqual([
      ['INV-000001', 'paid'],
      ['INV-000002', 'void'],
    ]);
    expect(states(answer)).toEqual([
      ['active', '2027-03-01'],
      ['past_due', '2027-04-01'],
      ['active', '2027-04-02'],
    ]);
  });

  test('a debt that is given up is tried no more, and can still be paid', () => {
    const answer = lifeOf(
      [basic],
      [
        begin,
        decline,
        { at: '2027-04-03', action: 'mark_uncollectible' },
        { at: '2027-04-09', action: 'pay', invoice: 'INV-000002' },
      ],
      '2027-04-20',
    );
    expect(invoices(answer)[1]).toEqual(['INV-000002', 'paid']);
    expect(answer.invoices[1]?.attempts.map(({ outcome }) => outcome)).toEqual([
      'declined',
      'declined',
      'paid_out_of_band',
    ]);
    expect(states(answer)?.at(-1)).toEqual(['active', '2027-04-03']);
  });

  test('a charge that somebody asks for is no retry of the policy when it fails', () => {
    const answer = lifeOf(
      [basic],
      [begin, decline, { at: '2027-04-01T12:00', action: 'pay', charge: true }],
      '2027-04-03',
    );
    expect(answer.invoices[1]?.attempts.map(({ at, outcome }) => [at, outcome])).toEqual([
      ['2027-04-01T00:00:00.000Z', 'declined'],
      ['2027-04-01T12:00:00.000Z', 'declined'],
      ['2027-04-02T09:00:00.000Z', 'declined'],
    ]);
  });

  test('one invoice is paid by its number, the other stays open', () => {
    const answer = lifeOf(
      [basic],
      [
        { ...begin, collection_method: 'send_invoice', net_days: 60 },
        { at: '2027-04-10', action: 'pay', invoice: 'INV-000002' },
      ],
      '2027-04-20',
    );
    expect(invoices(answer)).toEqual([
      ['INV-000001', 'open'],
      ['INV-000002', 'paid'],
    ]);
  });

  test('a number that is not there yet, and an invoice that is not open, are refused', () => {
    const { refused } = lifeOf(
      [basic],
      [
        begin,
        { at: '2027-03-02', action: 'void', invoice: 'INV-000002' },
        { at: '2027-03-03', action: 'void', invoice: 'INV-000001' },
        { at: '2027-03-04', action: 'mark_uncollectible' },
      ],
      '2027-03-20',
    );
    expect(refused.map(({ code }) => code)).toEqual(['not_found', 'invoice_not_open', 'nothing_to_pay']);
  });
});

describe('usage that is reported later', () => {
  const used = plan('used', metered('1.00'));
  const report = { action: 'use', key: 'used' };

  test('belongs to the instant at which it was used', () => {
    const answer = lifeOf(
      [used],
      [
        { ...begin, plan: 'used' },
        { ...report, at: '2027-04-10', quantity: '5' },
        { ...report, at: '2027-04-20', timestamp: '2027-04-03', quantity: '2' },
      ],
      '2027-05-01',
    );
    const events = answer.invoices[1]?.lines[0]?.quantity;
    expect([answer.refused, events]).toEqual([[], '7']);
  });

  test('is refused once its period is closed', () => {
    const { refused } = lifeOf(
      [used],
      [
        { ...begin, plan: 'used' },
        { ...report, at: '2027-04-10', timestamp: '2027-03-20', quantity: '5' },
      ],
      '2027-05-01',
    );
    expect(refused).toMatchObject([{ code: 'usage_not_accepted' }]);
  });

  test('cannot have been used after it is reported', () => {
    expect(() =>
      lifeOf(
        [used],
        [
          { ...begin, plan: 'used' },
          { ...report, at: '2027-03-10', timestamp: '2027-03-20', quantity: '5' },
        ],
        '2027-05-01',
      ),
    ).toThrow(/timeline\[1\]\.timestamp/);
  });
});
