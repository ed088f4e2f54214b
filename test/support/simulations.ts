import type { z } from 'zod';
import { PLAIN_TENANT } from '../../src/contract/read-simulation.ts';
import { runSimulation } from '../../src/contract/run-simulation.ts';
import { type SimulationAnswer, simulationCreate } from '../../src/contract/simulations.ts';
import { Decimal } from '../../src/domain/money.ts';
import { wallTimeOf } from '../../src/domain/zoned-time.ts';

export type SimulationInput = z.input<typeof simulationCreate>;
export type PlanInput = NonNullable<NonNullable<SimulationInput['catalogue']>['plans']>[number];
export type PriceInput = PlanInput['prices'][number];
export type ActionInput = SimulationInput['timeline'][number];
type Invoice = SimulationAnswer['invoices'][number];

/** A simulation with nothing stored, for a tenant that has changed none of its settings. */
export function play(input: SimulationInput): SimulationAnswer {
  return runSimulation(simulationCreate.parse(input), () => null, PLAIN_TENANT);
}

type Unit = 'day' | 'week' | 'month' | 'quarter' | 'half_year' | 'year';

/** A fee that is the same whatever the quantity, paid ahead. */
export function fee(unitAmount: string, unit: Unit = 'month', key = 'fee'): PriceInput {
  return { key, model: 'flat', currency: 'USD', unit_amount: unitAmount, interval: { unit } };
}

/** Something that is billed by what is used. */
export function metered(unitAmount: string, unit: Unit = 'month', key = 'used'): PriceInput {
  return {
    key,
    model: 'per_unit',
    billing: 'usage',
    currency: 'USD',
    unit_amount: unitAmount,
    interval: { unit },
  };
}

export function plan(id: string, ...prices: PriceInput[]): PlanInput {
  return { id, prices };
}

/** The life of one subscription called "main", in UTC unless it says otherwise. */
export function lifeOf(
  plans: PlanInput[],
  timeline: ({ at: string; action: string } & Record<string, unknown>)[],
  until: string,
  more: Partial<SimulationInput> = {},
): SimulationAnswer {
  const actions = timeline.map((action) => ({ ...ofMain(action.action), ...action })) as ActionInput[];
  return play({ catalogue: { plans }, timeline: actions, until, ...more });
}

/** What happens to the customer happens to no subscription. */
function ofMain(action: string): object {
  return action === 'decline' || action === 'payment_method' ? {} : { subscription: 'main' };
}

/** The amounts of an invoice's lines. */
export function amountsOf(invoice: Invoice | undefined): string[] {
  return invoice?.lines.map(({ amount }) => amount.amount) ?? [];
}

/** Every invoice as the local date it was made on and the amounts of its lines. */
export function billsOf({ invoices }: SimulationAnswer, timeZone = 'UTC'): [string, ...string[]][] {
  return invoices.map((invoice) => [dateOf(invoice.at, timeZone), ...amountsOf(invoice)]);
}

/** The civil date of an instant. */
export function dateOf(instant: string, timeZone = 'UTC'): string {
  return new Date(wallTimeOf(new Date(instant), timeZone)).toISOString().slice(0, 10);
}

/** Cents as major units. */
export function inMajor(cents: number): string {
  return new Decimal(cents).div(100).toFixed(2);
}
