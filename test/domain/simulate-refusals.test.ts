import { describe, expect, test } from '@jest/globals';
import { PLAIN_TENANT } from '../../src/contract/read-simulation.ts';
import { runSimulation } from '../../src/contract/run-simulation.ts';
import { simulationCreate } from '../../src/contract/simulations.ts';
import { type DomainError, isDomainError } from '../../src/domain/errors.ts';
import { fee, type PlanInput, plan, type SimulationInput } from '../support/simulations.ts';

const basic = plan('basic', fee('30.00'));
const begin = { at: '2027-01-01', action: 'subscribe', subscription: 'main', plan: 'basic' } as const;

/** A simulation that can be, with what makes it one that cannot. */
function input(changes: Partial<SimulationInput>): SimulationInput {
  return { catalogue: { plans: [basic] }, timeline: [begin], until: '2027-12-31', ...changes };
}

function refusal(changes: Partial<SimulationInput>): DomainError {
  try {
    runSimulation(simulationCreate.parse(input(changes)), () => null, PLAIN_TENANT);
  } catch (error) {
    if (isDomainError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

type Case = [sentence: string, changes: Partial<SimulationInput>, path: string, code: string];

const subscriptions = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ ...begin, subscription: `s${n}` }));
const twice: PlanInput[] = [basic, basic];

const cases: Case[] = [
  [
    'an action of a subscription that is made later',
    { timeline: [{ at: '2026-12-01', action: 'cancel', subscription: 'main' }, begin] },
    'timeline[0].subscription',
    'not_yet_there',
  ],
  [
    'an action of a subscription that nobody makes',
    { timeline: [begin, { at: '2027-02-01', action: 'pause', subscription: 'other' }] },
    'timeline[1].subscription',
    'unknown_subscription',
  ],
  ['two subscriptions of one name', { timeline: [begin, begin] }, 'timeline[1].subscription', 'duplicate'],
  [
    'more than an invoice has room for',
    {
      catalogue: {
        plans: [plan('basic', { ...fee('30.00'), model: 'per_unit' } as PlanInput['prices'][number])],
      },
      timeline: [{ ...begin, items: [{ key: 'fee', quantity: '999999999999999' }] }],
    },
    'timeline[0].items[0].quantity',
    'amount_too_large',
  ],
  ['a plan that is nowhere', { timeline: [{ ...begin, plan: 'gold' }] }, 'timeline[0].plan', 'not_found'],
  [
    'a balance that is finer than its currency',
    { customer: { currency: 'USD', balance: '25.555' } },
    'customer.balance',
    'amount_invalid',
  ],
  [
    'a version that the plan has not',
    { timeline: [{ ...begin, plan_version: 7 }] },
    'timeline[0].plan_version',
    'not_found',
  ],
  [
    'a plan that is nowhere, in a phase',
    {
      timeline: [
        begin,
        {
          at: '2027-01-02',
          action: 'schedule',
          subscription: 'main',
          phases: [{ start_at: '2027-03-01', plan: 'gold' }],
        },
      ],
    },
    'timeline[1].phases[0].plan',
    'not_found',
  ],
  [
    'an add-on that is nowhere',
    {
      timeline: [
        begin,
        { at: '2027-01-02', action: 'add', subscription: 'main', add_ons: [{ add_on: 'extra' }] },
      ],
    },
    'timeline[1].add_ons[0].add_on',
    'not_found',
  ],
  [
    'an item that the plan does not sell',
    { timeline: [{ ...begin, items: [{ key: 'seats', quantity: 3 }] }] },
    'timeline[0].items[0].key',
    'unknown_key',
  ],
  [
    'a currency that the plan is not sold in',
    { timeline: [{ ...begin, currency: 'EUR' }] },
    'timeline[0].currency',
    'plan_currency_mismatch',
  ],
  ['the same plan twice', { catalogue: { plans: twice } }, 'catalogue.plans[1].id', 'duplicate'],
  ['a balance in no currency', { customer: { balance: '10.00' } }, 'customer.currency', 'required'],
  ['an end before the last action', { until: '2026-06-30' }, 'until', 'before_last_action'],
  ['more than ten years', { until: '2037-01-02' }, 'until', 'too_far'],
  ['more than twenty subscriptions', { timeline: subscriptions(21) }, 'timeline', 'too_many'],
];

describe('a simulation that cannot be is refused', () => {
  test.each(cases)('%s', (_sentence, changes, path, code) => {
    const { code: problem, details } = refusal(changes);
    expect(problem).toBe('validation_failed');
    expect(details.errors).toEqual([{ path, code, message: expect.stringMatching(/\w{3}.*\.$/) }]);
  });

  test('all that is wrong is named at once', () => {
    const timeline = [
      { ...begin, plan: 'gold' },
      { at: '2027-02-01', action: 'uncancel', subscription: 'other' },
    ];
    const { details } = refusal({ timeline: timeline as SimulationInput['timeline'], until: '2026-01-01' });
    expect(details.errors?.map(({ path }) => path)).toEqual([
      'timeline[0].plan',
      'timeline[1].subscription',
      'until',
    ]);
  });

  test('ten years of a day are too many for several subscriptions, and the answer says how far it came', () => {
    const daily = { ...fee('1.00', 'day') };
    const { code, details } = refusal({
      catalogue: { plans: [plan('basic', daily)] },
      timeline: subscriptions(20),
      until: '2036-12-31',
    });
    expect(code).toBe('simulation_too_large');
    expect(details).toMatchObject({ steps_max: 10_000, reached: expect.stringMatching(/^202\d-/) });
  });

  test('a backdated start that comes to more than an invoice has room for is refused, and what is used likewise', () => {
    const dear = plan('dear', fee('900000000000000', 'day'));
    const backdated = { ...begin, plan: 'dear', start_at: '2026-12-01' };
    const { code, message } = refusal({
      catalogue: { plans: [dear] },
      strict: true,
      timeline: [backdated],
      until: '2027-01-02',
    });
    expect([code, message]).toEqual(['amount_invalid', expect.stringMatching(/more than 15 digits/)]);
  });

  test('with strict an action that the engine refuses ends it all, with its place', () => {
    const timeline = [begin, { at: '2027-02-01', action: 'resume', subscription: 'main' } as const];
    const { code, details } = refusal({ strict: true, timeline });
    expect([code, details['action']]).toEqual(['resume_not_allowed', 1]);
  });

  test('an instant that no calendar has is refused before anything is read', () => {
    for (const at of ['2027-02-29', '2027-13-01', '2027-01-01T25:00', 'tomorrow', '2027-01-01 10:00'])
      expect(simulationCreate.safeParse(input({ timeline: [{ ...begin, at }] })).success).toBe(false);
  });
});
