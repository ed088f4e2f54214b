import { z } from 'zod';
import {
  COLLECTION_METHODS,
  PAYMENT_BEHAVIORS,
  STEP_NAMES,
  SUBSCRIPTION_STATUSES,
  TRIAL_END_BEHAVIORS,
  USAGE_SCOPES,
} from '../domain/subscription.ts';
import { addOnsIn, overridesIn } from './changes.ts';
import {
  currencyIn,
  externalId,
  idOut,
  instantIn,
  instantOut,
  metadataIn,
  metadataOut,
  quantityIn,
  reference,
} from './common.ts';
import { customerOut } from './customers.ts';
import { previewToken } from './preview-token.ts';
import { priceOut } from './prices.ts';

export const subscriptionCreate = z
  .strictObject({
    customer: reference('cus', 'customer'),
    plan: reference('plan', 'plan'),
    external_id: externalId.optional(),
    items: z
      .array(z.strictObject({ key: z.string().min(1).max(40), quantity: quantityIn.default('1') }))
      .min(1, 'Name at least one item, or leave items out to take all of the plan.')
      .max(50)
      .optional()
      .meta({
        description: 'Which prices of the plan, and how many units; all of them, one unit each, when absent.',
      }),
    currency: currencyIn
      .optional()
      .meta({ description: "The customer's currency, else the plan's only one, when absent." }),
    plan_version: z.int().min(1).optional().meta({ description: 'The one that is sold when absent.' }),
    add_ons: addOnsIn.optional().meta({ description: 'Add-ons that join from the start.' }),
    once: addOnsIn.optional().meta({
      description:
        'Add-ons that are charged once, with the first invoice; where it begins with a trial, then.',
    }),
    prices: overridesIn
      .optional()
      .meta({ description: 'Prices agreed with this subscription, in the place of those that are sold.' }),
    start_at: instantIn.optional().meta({
      description:
        "Now when absent. A start in the past, within the tenant's `backdate_days_max`, bills every elapsed period on the first invoice.",
    }),
    cycles: z
      .int('Write a whole number of cycles.')
      .min(1, 'Write at least 1 cycle, or leave it out to go on for ever.')
      .max(1200)
      .optional()
      .meta({ description: 'It ends by itself after so many periods, counted from where billing begins.' }),
    trial_usage: z
      .enum(['free', 'billed'])
      .default('free')
      .meta({ description: 'Whether what is used during a trial is billed.' }),
    usage_scope: z.enum(USAGE_SCOPES).default('customer').meta({
      description:
        'Whose events its metered prices count: all of its customer that name no other subscription, or only those that name this one. A second subscription on the same meter needs `subscription`.',
    }),
    trial_days: z
      .int('Write a whole number of days.')
      .min(0, 'Write the days of the trial; 0 means no trial.')
      .max(730, { error: 'A trial lasts at most 730 days.' })
      .optional()
      .meta({ description: "The plan's trial when absent; 0 for none." }),
    trial_end: instantIn
      .optional()
      .meta({ description: 'Instead of trial_days: the instant at which the trial ends.' }),
    billing_cycle: z.enum(['anniversary', 'calendar']).default('anniversary'),
    billing_anchor: instantIn
      .optional()
      .meta({ description: 'Anniversary billing only: the instant all boundaries are counted from.' }),
    proration_basis: z.enum(['day', 'second']).default('day'),
    collection_method: z.enum(COLLECTION_METHODS).default('charge_automatically'),
    net_days: z
      .int()
      .min(0)
      .max(365)
      .optional()
      .meta({ description: 'send_invoice only: days until an invoice is due; 30 when absent.' }),
    payment_behavior: z.enum(PAYMENT_BEHAVIORS).default('allow_incomplete').meta({
      description:
        'While its first invoice is unpaid a subscription is `incomplete` and expires 23 hours after that was due. With `error_if_incomplete` a declined creation expires at once. With `default_active` it is active all the same, and past due only when a retry fails too. With `default_incomplete` nothing is charged at creation, and an invoice that is sent has to be paid first as well.',
    }),
    trial_end_behavior: z.enum(TRIAL_END_BEHAVIORS).default('activate'),
    cancel_at: instantIn.optional().meta({ description: 'End it at this instant.' }),
    metadata: metadataIn.optional(),
  })
  .superRefine(checkCreation)
  .meta({
    id: 'SubscriptionCreate',
    examples: [{ customer: 'external:acme-42', plan: 'external:pro', trial_days: 14 }],
  });

type CreationFields = Partial<
  Record<
    'trial_days' | 'trial_end' | 'billing_anchor' | 'billing_cycle' | 'net_days' | 'collection_method',
    unknown
  >
> & { items?: readonly { key: string }[] | undefined };

/** A creation does not contradict itself. */
export function checkCreation(body: CreationFields, ctx: z.RefinementCtx): void {
  const refuse = (field: string, message: string) =>
    ctx.addIssue({ code: 'custom', path: [field], message, params: { code: 'conflicting_fields' } });
  if (body.trial_days !== undefined && body.trial_end !== undefined)
    refuse('trial_end', 'Give trial_days or trial_end, not both.');
  if (body.billing_anchor !== undefined && body.billing_cycle === 'calendar')
    refuse(
      'billing_anchor',
      'Calendar billing has its own boundaries; leave billing_anchor out, or bill by anniversary.',
    );
  if (body.net_days !== undefined && body.collection_method !== 'send_invoice')
    refuse('net_days', 'Only for collection_method "send_invoice"; leave net_days out.');
  const keys = body.items?.map((item) => item.key) ?? [];
  for (const [index, key] of keys.entries()) {
    if (keys.indexOf(key) < index)
      ctx.addIssue({
        code: 'custom',
        path: ['items', index, 'key'],
        message: `"${key}" is named twice; add up the quantities.`,
        params: { code: 'duplicate' },
      });
  }
}

export const subscriptionCancel = z
  .strictObject({
    mode: z.enum(['now', 'period_end', 'at']).default('period_end'),
    at: instantIn.optional().meta({ description: 'mode "at" only: when it ends.' }),
    reason: z.string().max(500).optional(),
    credit: z
      .enum(['none', 'prorate'])
      .default('none')
      .meta({ description: 'Whether what was paid ahead for the time after the end is given back.' }),
    preview_token: previewToken,
  })
  .superRefine((body, ctx) => checkEnd(body.mode, 'at', body.at, ctx))
  .meta({ id: 'SubscriptionCancel', examples: [{ mode: 'period_end', reason: 'too expensive' }] });

/** An end at an instant says which, and no other end does. */
export function checkEnd(mode: string, field: string, at: string | undefined, ctx: z.RefinementCtx): void {
  if ((mode === 'at') === (at !== undefined)) return;
  const message =
    mode === 'at'
      ? 'Say at which instant it ends.'
      : 'Only for mode "at"; leave it out, or set mode to "at".';
  const code = mode === 'at' ? 'required' : 'conflicting_fields';
  ctx.addIssue({ code: 'custom', path: [field], message, params: { code } });
}

export const subscriptionExtendTrial = z
  .strictObject({ trial_end: instantIn })
  .meta({ id: 'SubscriptionExtendTrial', examples: [{ trial_end: '2027-03-01T00:00:00Z' }] });

export const emptyBody = z
  .strictObject({})
  .meta({ id: 'EmptyBody', description: 'No fields; the body may be left out.' });

export const subscriptionItemOut = z
  .object({
    object: z.literal('subscription_item'),
    id: idOut('si'),
    key: z.string(),
    price: priceOut,
    quantity: z.string(),
    current_period: z.object({ start: instantOut, end: instantOut }).nullable(),
  })
  .meta({ id: 'SubscriptionItem' });

export const subscriptionOut = z
  .object({
    object: z.literal('subscription'),
    id: idOut('sub'),
    external_id: z.string().nullable(),
    customer: z
      .union([idOut('cus'), customerOut])
      .meta({ description: 'The id; the whole customer with `expand[]=customer`.' }),
    plan: idOut('plan'),
    plan_version: z.int(),
    status: z.enum(SUBSCRIPTION_STATUSES),
    currency: z.string(),
    items: z.array(subscriptionItemOut),
    current_period: z.object({ start: instantOut, end: instantOut }).nullable(),
    next_step: z
      .object({ step: z.enum(STEP_NAMES), at: instantOut })
      .nullable()
      .meta({ description: 'What happens next, and when.' }),
    time_zone: z.string(),
    billing_cycle: z.enum(['anniversary', 'calendar']),
    billing_anchor: instantOut,
    proration_basis: z.enum(['day', 'second']),
    collection_method: z.enum(COLLECTION_METHODS),
    net_days: z.int().nullable(),
    payment_behavior: z.enum(PAYMENT_BEHAVIORS),
    trial_end_behavior: z.enum(TRIAL_END_BEHAVIORS),
    start_at: instantOut,
    started_at: instantOut.nullable(),
    trial_end: instantOut.nullable(),
    trial_ended_at: instantOut.nullable(),
    trial_usage: z.enum(['free', 'billed']),
    usage_scope: z.enum(USAGE_SCOPES),
    cycles: z.int().nullable(),
    ends_at: instantOut.nullable().meta({ description: 'When its cycles are over.' }),
    change_at: instantOut.nullable().meta({ description: 'When the next scheduled change takes place.' }),
    expires_at: instantOut.nullable(),
    paused_at: instantOut.nullable(),
    past_due_since: instantOut.nullable(),
    cancel_at: instantOut.nullable(),
    cancel_mode: z.enum(['period_end', 'at']).nullable(),
    cancel_credit: z
      .enum(['none', 'prorate'])
      .meta({ description: 'Whether what was paid ahead is given back at `cancel_at`.' }),
    canceled_at: instantOut.nullable(),
    cancellation_reason: z.string().nullable(),
    ended_at: instantOut.nullable(),
    latest_invoice: z.string().nullable(),
    test_clock: z.string().nullable(),
    blocked_reason: z.string().nullable(),
    revision: z.int(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Subscription' });
