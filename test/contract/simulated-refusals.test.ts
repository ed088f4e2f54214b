import { describe, expect, test } from '@jest/globals';
import { validate } from '../../api/validate.ts';
import { PLAIN_TENANT } from '../../src/contract/read-simulation.ts';
import { runSimulation } from '../../src/contract/run-simulation.ts';
import type { FindStored, Offered } from '../../src/contract/simulated-catalogue.ts';
import { simulationCreate } from '../../src/contract/simulations.ts';
import { type DomainError, type FieldError, isDomainError } from '../../src/domain/errors.ts';
import { fee, lifeOf, metered, type PlanInput, plan, play } from '../support/simulations.ts';

const seats = {
  key: 'seats',
  model: 'per_unit',
  currency: 'USD',
  unit_amount: '10.00',
  interval: { unit: 'month' },
} as const;
const basic = plan('basic', fee('30.00'), seats, metered('1.00'));
const pro = plan('pro', fee('90.00'));
const abroad = plan('abroad', { ...fee('80.00'), currency: 'EUR' });
const begin = { at: '2027-03-01', action: 'subscribe', plan: 'basic' };

/** What the engine says of the second action. */
function refusedFor(action: { at: string; action: string } & Record<string, unknown>) {
  const { refused } = lifeOf([basic, pro, abroad], [begin, action], '2027-12-31');
  return refused;
}

type Said = [sentence: string, action: Parameters<typeof refusedFor>[0], path: string, code: string];

describe('what the engine refuses in a simulation is told with its place in the body', () => {
  const cases: Said[] = [
    [
      'a plan in another currency',
      { at: '2027-03-10', action: 'change', plan: 'abroad' },
      'timeline[1].plan',
      'plan_currency_mismatch',
    ],
    [
      'a change to the plan it has',
      { at: '2027-03-10', action: 'change', plan: 'basic' },
      'timeline[1].plan',
      'change_without_effect',
    ],
    [
      'a quantity that it has',
      { at: '2027-03-10', action: 'set_quantity', key: 'seats', quantity: '1' },
      'timeline[1].quantity',
      'change_without_effect',
    ],
    [
      'usage of an item that counts none',
      { at: '2027-03-10', action: 'use', key: 'seats', quantity: '2' },
      'timeline[1].key',
      'not_metered',
    ],
    [
      'a start that lies too far ahead',
      {
        at: '2027-03-10',
        action: 'subscribe',
        subscription: 'later',
        plan: 'basic',
        start_at: '2037-05-01',
      },
      'timeline[1].start_at',
      'too_far',
    ],
    [
      'a change before the last closed period',
      { at: '2027-05-10', action: 'change', plan: 'pro', effective: '2027-03-10' },
      'timeline[1].effective',
      'change_too_early',
    ],
    [
      'the key of a quantity, which is no list there',
      { at: '2027-03-10', action: 'set_quantity', key: 'desks', quantity: '2' },
      'timeline[1].key',
      'unknown_key',
    ],
    [
      'the keys of a removal, which are called keys there',
      { at: '2027-03-10', action: 'remove', keys: ['desks'] },
      'timeline[1].keys[0]',
      'unknown_key',
    ],
    [
      'usage of an item that is not there',
      { at: '2027-03-10', action: 'use', key: 'desks', quantity: '2' },
      'timeline[1].key',
      'item_unknown',
    ],
    [
      'the end of a subscription, which is called cancel_at there',
      { at: '2027-03-10', action: 'cancel', mode: 'at', cancel_at: '2027-03-05' },
      'timeline[1].cancel_at',
      'cancel_at_in_past',
    ],
    [
      'a phase that lies behind',
      { at: '2027-03-10', action: 'schedule', phases: [{ start_at: '2027-03-05', plan: 'pro' }] },
      'timeline[1].phases[0].start_at',
      'in_past',
    ],
  ];
  test.each(cases)('%s', (_sentence, action, path, code) => {
    expect(refusedFor(action)).toMatchObject([{ action: 1, errors: [{ path, code }] }]);
  });

  test('with strict it is the answer, at the same place', () => {
    const body = {
      catalogue: { plans: [basic] },
      timeline: [
        { ...begin, subscription: 'main' },
        { at: '2027-03-10', action: 'remove', subscription: 'main', keys: ['desks'] },
      ],
      until: '2027-12-31',
      strict: true,
    };
    let refusal: DomainError | null = null;
    try {
      runSimulation(simulationCreate.parse(body), () => null, PLAIN_TENANT);
    } catch (error) {
      if (isDomainError(error)) refusal = error;
    }
    expect(refusal?.message).toMatch(/^timeline\[1\]\.keys\[0\]: /);
    expect(refusal?.details).toMatchObject({ action: 1, errors: [{ path: 'timeline[1].keys[0]' }] });
  });
});

function saidAgainst(action: Record<string, unknown>): FieldError[] {
  try {
    validate(simulationCreate, { timeline: [action], until: '2027-12-31' });
    return [];
  } catch (error) {
    if (isDomainError(error) && error.details.errors) return error.details.errors;
    throw error;
  }
}

describe('an action contradicts itself no more than the command of the API may', () => {
  const main = { at: '2027-03-10', subscription: 'main' };
  const subscribe = { ...main, action: 'subscribe', plan: 'basic' };
  const cases: [sentence: string, action: Record<string, unknown>, path: string, code: string][] = [
    [
      'two ends of a trial',
      { ...subscribe, trial_days: 3, trial_end: '2027-03-20' },
      'trial_end',
      'conflicting_fields',
    ],
    [
      'an anchor of calendar billing',
      { ...subscribe, billing_cycle: 'calendar', billing_anchor: '2027-03-20' },
      'billing_anchor',
      'conflicting_fields',
    ],
    ['days to pay what is charged', { ...subscribe, net_days: 5 }, 'net_days', 'conflicting_fields'],
    [
      'one item twice',
      { ...subscribe, items: [{ key: 'seats' }, { key: 'seats' }] },
      'items[1].key',
      'duplicate',
    ],
    ['a change of nothing', { ...main, action: 'change' }, '', 'required'],
    [
      'a phase of nothing',
      { ...main, action: 'schedule', phases: [{ after_cycles: 1 }] },
      'phases[0]',
      'required',
    ],
    [
      'two new calendars',
      { ...main, action: 'change', anchor: 'reset', billing_anchor: '2027-03-20' },
      'anchor',
      'conflicting_fields',
    ],
    ['an end at no instant', { ...main, action: 'cancel', mode: 'at' }, 'cancel_at', 'required'],
    [
      'an instant of an end that is now',
      { ...main, action: 'cancel', mode: 'now', cancel_at: '2027-03-20' },
      'cancel_at',
      'conflicting_fields',
    ],
    [
      'a resume at the end of a period that does not run',
      { ...main, action: 'resume', effective: 'period_end' },
      'effective',
      'instant_invalid',
    ],
    ['an addition of nothing', { ...main, action: 'add' }, '', 'required'],
    ['no action that there is', { ...main, action: 'dance' }, 'action', 'not_one_of'],
    [
      'an invoice that is called otherwise',
      { ...main, action: 'void', invoice: '7' },
      'invoice',
      'format_invalid',
    ],
  ];
  test.each(cases)('%s', (_sentence, action, field, code) => {
    const path = field === '' ? 'timeline[0]' : `timeline[0].${field}`;
    const said = saidAgainst(action);
    expect(said).toMatchObject([{ path, code }]);
    for (const { message } of said) expect(message).toMatch(/^[A-Z"0-9].*[.]$/);
  });
});

describe('a version without a plan is one of the plan that the subscription has', () => {
  const versions: PlanInput[] = [basic, { ...plan('basic', fee('33.00'), seats), version: 2 }];
  const move = { at: '2027-03-10', action: 'change', plan_version: 2, effective: 'period_end' };

  test('of the catalogue', () => {
    const { subscriptions, refused } = lifeOf(versions, [{ ...begin, plan_version: 1 }, move], '2027-05-01');
    expect([subscriptions[0]?.plan_version, refused]).toEqual([2, []]);
  });

  test('of what is stored, however the body called it', () => {
    const asked: string[] = [];
    const stored: FindStored = ({ reference, version }) => {
      asked.push(`${reference} ${version}`);
      return reference === 'external:gold' ? gold(version ?? 1) : null;
    };
    const body = simulationCreate.parse({
      timeline: [
        { ...begin, subscription: 'main', plan: 'external:gold', plan_version: 1 },
        { ...move, subscription: 'main' },
      ],
      until: '2027-05-01',
    });
    const { subscriptions, refused } = runSimulation(body, stored, PLAIN_TENANT);
    expect([subscriptions[0]?.plan_version, refused]).toEqual([2, []]);
    expect(asked).toContain('external:gold 2');
  });
});

/** A stored plan in two versions. */
function gold(version: number): Offered {
  const [own] = simulationCreate.parse({
    catalogue: { plans: [plan('gold', fee(version === 1 ? '30.00' : '31.00'))] },
    timeline: [{ ...begin, subscription: 'main', plan: 'gold' }],
    until: '2027-05-01',
  }).catalogue.plans;
  const [draft] = own?.prices ?? [];
  if (!draft) throw new Error('the plan has a price');
  const { interval, item, ...terms } = draft;
  const price = {
    ...terms,
    id: `price_${version}`,
    tenantId: '',
    planId: 'plan_gold',
    planVersion: version,
    subscriptionId: null,
    itemId: item,
    meterId: null,
    intervalUnit: interval?.unit ?? null,
    intervalCount: interval?.count ?? null,
    createdAt: new Date(0),
  };
  return {
    kind: 'plan',
    planId: 'plan_gold',
    version,
    name: 'Gold',
    trialDays: null,
    thresholds: [],
    graceHours: null,
    archived: false,
    prices: [price],
  };
}

test('a simulation that is refused nothing says so', () => {
  expect(
    play({
      catalogue: { plans: [basic] },
      timeline: [{ ...begin, subscription: 'main' } as never],
      until: '2027-04-01',
    }).refused,
  ).toEqual([]);
});
