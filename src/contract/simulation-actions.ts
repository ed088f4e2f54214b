import { z } from 'zod';
import { ANCHORS, PRORATIONS } from '../domain/change.ts';
import { civilTimeOf } from '../domain/simulate/civil-time.ts';
import {
  COLLECTION_METHODS,
  PAYMENT_BEHAVIORS,
  TRIAL_END_BEHAVIORS,
  USAGE_SCOPES,
} from '../domain/subscription.ts';
import { checkChange, refuseTwice } from './changes.ts';
import { currencyIn, instantIn, quantityIn } from './common.ts';
import { priceOverride } from './price-overrides.ts';
import { checkCreation, checkEnd } from './subscriptions.ts';
import { usageProperties, usedQuantityIn } from './usage.ts';
import { usageEventIn } from './usage-events.ts';

/**
 * What can happen on the timeline of a simulation. Each action takes the fields of the API's command of the same name,
 * with one difference: a date without a time is local midnight of the customer, and a time without an offset is local.
 */

/** An instant (RFC 3339), a civil date (its local midnight) or a local date and time. */
export const when = z
  .string()
  .refine((text) => instantIn.safeParse(text).success || civilTimeOf(text) !== null, {
    error:
      'Write an instant such as "2027-01-31T00:00:00Z", a date such as "2027-01-31" (midnight where the customer is), or a local time such as "2027-01-31T09:00".',
    params: { code: 'instant_invalid' },
  })
  .meta({ examples: ['2027-01-31', '2027-01-31T00:00:00-05:00'] });

const NAME_RULE = { error: 'Write a name of 1 to 60 letters, digits, "-", "_", "." or ":".' };

/** A name that the author of a simulation chooses, for a subscription, a plan or an add-on. */
export const handle = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,59}$/, NAME_RULE);

const reference = (noun: string) =>
  z
    .string()
    .min(1)
    .max(400)
    .meta({
      description: `The id of a ${noun} in \`catalogue\`, or one that is stored (id or "external:…").`,
    });

const key = z.string().min(1).max(40);
const ACTION_REMEDY =
  'Write an action with its "action": subscribe, use, event, amend_event, deprecate_event, change, set_quantity, add, remove, pause, resume, cancel, uncancel, end_trial, extend_trial, schedule, cancel_scheduled, pay, void, mark_uncollectible, decline or payment_method.';

const at = when.meta({
  description:
    'When it happens. Actions happen in the order of time; of two at one instant the first comes first.',
});
const subscription = handle.meta({ description: 'The name that its `subscribe` gave it.' });
const effective = z
  .union([z.enum(['now', 'period_end']), when])
  .optional()
  .meta({ description: '"now", "period_end" or an instant; what the API does by default when absent.' });

const firstItems = z
  .array(
    z.strictObject({
      key,
      quantity: quantityIn.optional().meta({ description: 'What it has, else 1, when absent.' }),
    }),
  )
  .min(1, 'Name at least one item, or leave items out.')
  .max(50);
const items = firstItems.superRefine(refuseTwice('key', (item) => item.key));

const addOns = z
  .array(
    z.strictObject({
      add_on: reference('add-on'),
      key: key
        .optional()
        .meta({ description: 'Of its prices the one that is meant; all of them when absent.' }),
      quantity: quantityIn.optional(),
    }),
  )
  .max(50);

const keys = z
  .array(key)
  .max(50)
  .superRefine(refuseTwice(null, (name) => name));

const overrides = z
  .array(priceOverride)
  .max(50)
  .superRefine(refuseTwice('key', (price) => price.key))
  .meta({ description: 'What this subscription pays instead of the list price, by key.' });

/** What a change asks for; also what a phase of a schedule does. */
const changeFields = {
  plan: reference('plan').optional(),
  plan_version: z.int().min(1).optional(),
  items: items.optional(),
  add_ons: addOns.optional(),
  remove: keys.optional(),
  prices: overrides.optional(),
  once: addOns.optional().meta({ description: 'Add-ons that are charged once.' }),
  proration: z.enum(PRORATIONS).optional(),
  anchor: z.enum(ANCHORS).optional(),
  billing_anchor: when.optional(),
  trial: z.enum(['keep', 'end']).optional(),
};

/** Which invoices are meant by what is done to them by hand. */
const whichInvoices = {
  subscription: handle.optional().meta({ description: 'Whose invoices; of all when absent.' }),
  invoice: z
    .string()
    .regex(/^INV-\d{6,}$/, 'Write the number that the answer gives the invoice, such as "INV-000002".')
    .optional()
    .meta({ description: 'The number of one invoice; all that are open when absent.' }),
};

const action = <Name extends string, Shape extends z.ZodRawShape>(name: Name, shape: Shape) =>
  z.strictObject({ at, action: z.literal(name), ...shape });

export const subscribeAction = action('subscribe', {
  subscription: handle.meta({ description: 'The name it is called by from here on.' }),
  plan: reference('plan'),
  plan_version: z.int().min(1).optional(),
  currency: currencyIn.optional(),
  items: firstItems.optional(),
  add_ons: addOns.optional(),
  once: addOns.optional().meta({ description: 'Add-ons that are charged once, with the first invoice.' }),
  prices: overrides.optional(),
  start_at: when.optional().meta({ description: 'Later than `at`, or before it for a backdated start.' }),
  trial_days: z.int().min(0).max(730).optional(),
  trial_end: when.optional(),
  trial_usage: z.enum(['free', 'billed']).default('free'),
  usage_scope: z.enum(USAGE_SCOPES).default('customer'),
  billing_cycle: z.enum(['anniversary', 'calendar']).default('anniversary'),
  billing_anchor: when.optional(),
  proration_basis: z.enum(['day', 'second']).default('day'),
  collection_method: z.enum(COLLECTION_METHODS).default('charge_automatically'),
  net_days: z.int().min(0).max(365).optional(),
  payment_behavior: z.enum(PAYMENT_BEHAVIORS).default('allow_incomplete'),
  trial_end_behavior: z.enum(TRIAL_END_BEHAVIORS).default('activate'),
  cancel_at: when.optional(),
  cycles: z
    .int()
    .min(1)
    .max(1200)
    .optional()
    .meta({ description: 'It ends by itself after so many periods.' }),
}).superRefine(checkCreation);

const schedulePhase = z
  .strictObject({
    start_at: when.optional(),
    after_cycles: z
      .int()
      .min(1)
      .max(120)
      .optional()
      .meta({ description: 'So many periods after the phase before it; instead of start_at.' }),
    ...changeFields,
  })
  .superRefine(checkChange)
  .superRefine(({ start_at: startAt, after_cycles: cycles }, ctx) => {
    if ((startAt === undefined) !== (cycles === undefined)) return;
    ctx.addIssue({
      code: 'custom',
      path: ['start_at'],
      message: 'Say when the phase begins: start_at or after_cycles, one of the two.',
      params: { code: startAt === undefined ? 'required' : 'conflicting_fields' },
    });
  });

/** An addition adds something. */
function checkAddition(
  asked: { items?: unknown; add_ons?: unknown; once?: unknown },
  ctx: z.RefinementCtx,
): void {
  if (asked.items ?? asked.add_ons ?? asked.once) return;
  ctx.addIssue({
    code: 'custom',
    path: [],
    message: 'Say what joins: items, add_ons or once.',
    params: { code: 'required' },
  });
}

const said = {
  idempotency_key: usageEventIn.shape.idempotency_key,
  event_name: usageEventIn.shape.event_name,
  timestamp: when.optional().meta({ description: 'When it was used; at `at` when absent.' }),
  properties: usageEventIn.shape.properties,
  subscription: handle.optional().meta({
    description: 'For a subscription whose usage_scope is "subscription"; whichever counts it when absent.',
  }),
};

export const simulationAction = z
  .discriminatedUnion(
    'action',
    [
      subscribeAction,
      action('use', {
        subscription,
        key,
        quantity: usedQuantityIn,
        timestamp: when.optional().meta({
          description: 'When it was used, in a period that is not closed at `at`; then when absent.',
        }),
        properties: usageProperties,
      }),
      action('event', said).meta({
        description: 'An event of use is sent; meters of the catalogue count it.',
      }),
      action('amend_event', said).meta({ description: 'The event of this key becomes what is said here.' }),
      action('deprecate_event', { idempotency_key: usageEventIn.shape.idempotency_key }).meta({
        description: 'The event of this key counts no more.',
      }),
      action('change', { subscription, ...changeFields, effective }).superRefine(checkChange),
      action('set_quantity', {
        subscription,
        key,
        quantity: quantityIn,
        effective,
        proration: z.enum(PRORATIONS).optional(),
      }),
      action('add', {
        subscription,
        items: items.optional(),
        add_ons: addOns.optional(),
        once: addOns.optional(),
        effective,
        proration: z.enum(PRORATIONS).optional(),
      }).superRefine(checkAddition),
      action('remove', {
        subscription,
        keys: keys.min(1, 'Name at least one item.'),
        effective,
        proration: z.enum(PRORATIONS).optional(),
      }),
      action('pause', {
        subscription,
        effective,
        credit: z.boolean().default(true),
        resume_at: when.optional(),
      }),
      action('resume', {
        subscription,
        effective: z
          .union([z.literal('now'), when], 'Write "now", or the date or instant at which it goes on.')
          .default('now'),
      }),
      action('cancel', {
        subscription,
        mode: z.enum(['now', 'period_end', 'at']).default('period_end'),
        cancel_at: when.optional().meta({ description: 'mode "at" only: when it ends.' }),
        credit: z.enum(['none', 'prorate']).default('none'),
        reason: z.string().max(500).optional(),
      }).superRefine(({ mode, cancel_at: cancelAt }, ctx) => checkEnd(mode, 'cancel_at', cancelAt, ctx)),
      action('uncancel', { subscription }),
      action('end_trial', { subscription }),
      action('extend_trial', { subscription, trial_end: when }),
      action('schedule', { subscription, phases: z.array(schedulePhase).min(1).max(50) }),
      action('cancel_scheduled', {
        subscription,
        effective_at: when
          .optional()
          .meta({ description: 'The one that is due then; all that are pending when absent.' }),
      }),
      action('pay', {
        ...whichInvoices,
        charge: z.boolean().default(false).meta({
          description: 'Whether the payment method is charged now; else the money came outside any gateway.',
        }),
      }).meta({ description: 'What is open is paid, oldest first; with `invoice` also what was given up.' }),
      action('void', whichInvoices).meta({ description: 'What is open is taken back, for good.' }),
      action('mark_uncollectible', whichInvoices).meta({
        description: 'What is open is given up; it can still be paid.',
      }),
      action('decline', {
        hard: z.boolean().default(false),
        code: z.string().min(1).max(60).optional(),
      }).meta({ description: 'From here on charges are declined.' }),
      action('payment_method', {
        behaves: z.enum(['succeeds', 'declines', 'none']).default('succeeds'),
      }).meta({ description: 'The customer gets another payment method, or loses the one it has.' }),
    ],
    { error: ACTION_REMEDY },
  )
  .meta({ id: 'SimulationAction' });
export type SimulationAction = z.output<typeof simulationAction>;
