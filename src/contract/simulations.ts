import { z } from 'zod';
import { BILLING_REASONS, INVOICE_STATUSES } from '../domain/invoice.ts';
import { STEP_NAMES, SUBSCRIPTION_STATUSES } from '../domain/subscription.ts';
import { currencyIn, instantOut, moneyOut, timeZoneIn } from './common.ts';
import { lineUsageOut } from './invoices.ts';
import { simulatedMeterIn } from './meters.ts';
import { addOnCreate, planCreate } from './plans.ts';
import { handle, simulationAction, when } from './simulation-actions.ts';
import { dunningPolicyIn } from './tenants.ts';
import { traceOut } from './traces.ts';
import { checkThresholds } from './usage-thresholds.ts';

/**
 * `POST /v1/simulations`: a catalogue, a customer and a dated timeline in, every invoice and state to come out. Nothing
 * is stored, and the engine that answers is the one that bills.
 */

export const SIMULATION_ACTIONS_MAX = 10_000;
export const SIMULATED_SUBSCRIPTIONS_MAX = 20;
export const SIMULATION_YEARS_MAX = 10;
/** How many steps the engine takes before it gives up: four times what twenty monthly subscriptions need for ten years. */
export const SIMULATION_STEPS_MAX = 10_000;

const called = handle.meta({ description: 'What the timeline calls it.' });
const { external_id: _planId, metadata: _planMetadata, ...planFields } = planCreate.shape;
const { external_id: _addOnId, metadata: _addOnMetadata, ...addOnFields } = addOnCreate.shape;

/** A plan as `POST /v1/plans` takes it, with a name of its own to call it by. */
const simulatedPlan = z
  .strictObject({
    id: called,
    version: z.int().min(1).default(1).meta({
      description: 'The same plan may be given in several versions; the highest is the one that is sold.',
    }),
    ...planFields,
    name: planFields.name.optional(),
  })
  .superRefine(checkThresholds);

const simulatedAddOn = z.strictObject({ id: called, ...addOnFields, name: addOnFields.name.optional() });

const simulatedMeter = simulatedMeterIn(called, when);

export const simulationCreate = z
  .strictObject({
    catalogue: z
      .strictObject({
        plans: z.array(simulatedPlan).max(100).default([]),
        add_ons: z.array(simulatedAddOn).max(100).default([]),
        meters: z.array(simulatedMeter).max(20).default([]).meta({
          description:
            'What counts the `event` actions of the timeline; prices name one by `external:` and its id.',
        }),
      })
      .prefault({})
      .meta({ description: 'Plans that exist only in this simulation; stored ones need not be repeated.' }),
    customer: z
      .strictObject({
        time_zone: timeZoneIn.optional().meta({ description: "The tenant's when absent." }),
        currency: currencyIn.optional(),
        balance: z
          .string()
          .regex(/^(0|[1-9]\d{0,14})(\.\d{1,4})?$/, 'Write an amount from zero upward, such as "25.00".')
          .optional()
          .meta({ description: 'What the customer has to his credit at the start; needs `currency`.' }),
        payment_method: z.enum(['succeeds', 'declines', 'none']).default('succeeds'),
      })
      .prefault({}),
    tenant: z
      .strictObject({
        invoice_grace_hours: z.int().min(0).max(720).optional(),
        dunning_policy: dunningPolicyIn.nullable().optional(),
        backdate_days_max: z.int().min(0).max(730).optional(),
        late_window_days: z.int().min(1).max(400).optional(),
      })
      .prefault({})
      .meta({ description: "Settings that differ from the tenant's own." }),
    timeline: z
      .array(simulationAction)
      .min(1, 'Let at least one thing happen; begin with a subscribe.')
      .max(SIMULATION_ACTIONS_MAX, `A simulation has at most ${SIMULATION_ACTIONS_MAX} actions; split it.`),
    until: when.meta({
      description: `The last instant that is looked at; at most ${SIMULATION_YEARS_MAX} years after the first action.`,
    }),
    strict: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether an action that is refused ends it all with that refusal.' }),
  })
  .meta({
    id: 'SimulationCreate',
    examples: [
      {
        catalogue: {
          plans: [
            {
              id: 'pro',
              prices: [
                {
                  key: 'base',
                  model: 'flat',
                  unit_amount: '29.00',
                  currency: 'USD',
                  interval: { unit: 'month' },
                },
              ],
            },
          ],
        },
        customer: { time_zone: 'America/New_York' },
        timeline: [{ at: '2027-01-31', action: 'subscribe', subscription: 'main', plan: 'pro' }],
        until: '2027-12-31',
      },
    ],
  });
export type SimulationBody = z.output<typeof simulationCreate>;

const period = z.object({ start: instantOut, end: instantOut });
const optionalInstant = instantOut.nullable();

const simulatedLine = z.object({
  description: z.string(),
  key: z.string().nullable(),
  plan: z.string().nullable(),
  quantity: z.string(),
  unit_amount: z.string().nullable(),
  amount: moneyOut,
  period,
  proration: z.boolean(),
  usage: lineUsageOut,
  trace: traceOut,
  explanation: z.array(z.string()).meta({ description: 'The same in sentences.' }),
});

const simulatedInvoice = z.object({
  number: z.string().nullable().meta({ description: 'In the order of finalization; null while a draft.' }),
  subscription: z.string(),
  at: instantOut.meta({ description: 'When it was made.' }),
  status: z.enum(INVOICE_STATUSES),
  billing_reason: z.enum(BILLING_REASONS),
  period,
  lines: z.array(simulatedLine),
  subtotal: moneyOut,
  total: moneyOut,
  balance_applied: moneyOut.meta({
    description: "What the customer's balance paid; negative where the invoice gave to the balance.",
  }),
  amount_credited: moneyOut,
  amount_paid: moneyOut,
  amount_due: moneyOut,
  finalize_at: optionalInstant,
  finalized_at: optionalInstant,
  due_at: optionalInstant,
  overdue_since: optionalInstant,
  paid_at: optionalInstant,
  voided_at: optionalInstant,
  marked_uncollectible_at: optionalInstant,
  attempts: z
    .array(
      z.object({
        at: instantOut,
        outcome: z.enum(['settled', 'declined', 'not_tried', 'paid_out_of_band']),
        code: z.string().nullable(),
      }),
    )
    .meta({ description: 'Every try to get it paid; not_tried where there was no method that could be.' }),
  next: z.object({ step: z.string(), at: instantOut }).nullable(),
});

const simulatedSubscription = z.object({
  name: z.string(),
  plan: z.string(),
  plan_version: z.int(),
  status: z.enum(SUBSCRIPTION_STATUSES),
  currency: z.string(),
  billing_anchor: instantOut,
  current_period: period.nullable(),
  trial_end: optionalInstant,
  cancel_at: optionalInstant,
  ended_at: optionalInstant,
  states: z
    .array(
      z.object({
        status: z.enum(SUBSCRIPTION_STATUSES),
        from: instantOut,
        to: instantOut.nullable().meta({ description: 'Null for the one it is in.' }),
      }),
    )
    .meta({ description: 'Every state it was in, with its dates.' }),
  items: z.array(
    z.object({
      key: z.string(),
      plan: z.string(),
      quantity: z.string(),
      current_period: period.nullable(),
    }),
  ),
  next: z
    .object({ step: z.enum(STEP_NAMES), at: instantOut })
    .nullable()
    .meta({ description: 'What is due next.' }),
  scheduled: z.array(
    z.object({ effective_at: instantOut, action: z.enum(['change', 'pause', 'resume']), mode: z.string() }),
  ),
  pending: z.array(simulatedLine).meta({ description: 'Lines that wait for its next invoice.' }),
  usage: z
    .array(z.object({ key: z.string(), quantity: z.string() }))
    .meta({ description: 'What was used in the running period.' }),
});

const simulatedCreditNote = z.object({
  at: instantOut,
  invoice: z.string().nullable().meta({ description: 'The number of the invoice that it reduces.' }),
  amount: moneyOut,
  lines: z.array(z.object({ description: z.string(), amount: moneyOut })),
});

export const simulationOut = z
  .object({
    object: z.literal('simulation'),
    from: instantOut,
    until: instantOut,
    subscriptions: z.array(simulatedSubscription),
    invoices: z.array(simulatedInvoice).meta({ description: 'In the order in which they were made.' }),
    credit_notes: z.array(simulatedCreditNote),
    balances: z.array(moneyOut).meta({ description: "The customer's balance at the end, per currency." }),
    refused: z
      .array(
        z.object({
          action: z.int(),
          at: instantOut,
          code: z.string(),
          detail: z.string(),
          errors: z
            .array(z.object({ path: z.string(), code: z.string(), message: z.string() }))
            .meta({ description: 'Where in the body it is, and what to do.' }),
        }),
      )
      .meta({ description: 'Actions that the engine refused, by their place in the timeline (from 0).' }),
    steps: z.int().meta({ description: 'How many steps the engine took.' }),
  })
  .meta({ id: 'Simulation' });
export type SimulationAnswer = z.input<typeof simulationOut>;
