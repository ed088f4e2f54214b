import { z } from 'zod';
import { ANCHORS, PRORATIONS } from '../domain/change.ts';
import { instantIn, quantityIn, reference } from './common.ts';
import { previewToken } from './preview-token.ts';
import { priceOverride } from './price-overrides.ts';
import { keyIn } from './prices.ts';

/** What changes a subscription's life: the bodies of its commands, each of which can be previewed. */

const ENTRIES_MAX = 50;

/** When it takes place. */
const effective = z
  .union([z.enum(['now', 'period_end']), instantIn], 'Write "now", "period_end" or an instant (RFC 3339).')
  .meta({ examples: ['now', 'period_end', '2027-03-15T00:00:00-04:00'] });

const existingKey = z.string().min(1).max(40);

const items = z
  .array(
    z.strictObject({
      key: existingKey,
      quantity: quantityIn.optional().meta({ description: 'What it has, else 1, when absent.' }),
    }),
  )
  .min(1, 'Name at least one item, or leave items out.')
  .max(ENTRIES_MAX);

/** Add-ons that join a subscription, or are charged once. */
export const addOnsIn = z
  .array(
    z.strictObject({
      add_on: reference('plan', 'add-on'),
      key: keyIn.optional().meta({ description: 'Of its prices the one that is meant; all when absent.' }),
      quantity: quantityIn.optional().meta({ description: 'What it has, else 1, when absent.' }),
    }),
  )
  .max(ENTRIES_MAX);

/** Prices that are agreed with one subscription. */
export const overridesIn = z
  .array(priceOverride)
  .max(ENTRIES_MAX)
  .superRefine(refuseTwice('key', (price) => price.key));

/** What is to be different; everything that is not named stays. */
const changeFields = {
  plan: reference('plan', 'plan').optional().meta({
    description:
      'Another plan. Its prices take the place of those of the plan that is left, with the quantities of the same keys.',
  }),
  plan_version: z.int().min(1).optional().meta({
    description:
      'A version of the plan (of the one it has, when no plan is named); the one that is sold when absent.',
  }),
  items: items
    .superRefine(refuseTwice('key', (item) => item.key))
    .optional()
    .meta({ description: 'Quantities by key; a key of the plan that it does not have joins.' }),
  add_ons: addOnsIn.optional().meta({ description: 'Add-ons that join, or whose quantity changes.' }),
  remove: z
    .array(existingKey)
    .max(ENTRIES_MAX)
    .superRefine(refuseTwice(null, (key) => key))
    .optional()
    .meta({ description: 'Keys of items that end.' }),
  prices: overridesIn.optional().meta({
    description: 'Prices agreed with this subscription alone, in the place of those that are sold.',
  }),
  once: addOnsIn.optional().meta({ description: 'Add-ons that are charged once.' }),
  proration: z.enum(PRORATIONS).optional().meta({
    description: 'Where credit and charge go: on an invoice now (when absent), on the next one, or nowhere.',
  }),
  anchor: z.enum(ANCHORS).optional().meta({
    description:
      'Whether a new period begins now or the calendar stays; when absent an interval that changes resets where that is possible.',
  }),
  billing_anchor: instantIn.optional().meta({ description: 'A new instant to count boundaries from.' }),
  trial: z.enum(['keep', 'end']).default('keep').meta({ description: 'In a trial: whether it goes on.' }),
};

const NAMED = [
  'plan',
  'plan_version',
  'items',
  'add_ons',
  'remove',
  'prices',
  'once',
  'billing_anchor',
] as const;

type Named = Partial<Record<(typeof NAMED)[number] | 'anchor' | 'trial', unknown>>;

/** A change names something, and does not contradict itself. */
export function checkChange(body: Named, ctx: z.RefinementCtx): void {
  const refuse = (path: string[], code: string, message: string) =>
    ctx.addIssue({ code: 'custom', path, message, params: { code } });
  const asksForNothing =
    NAMED.every((field) => body[field] === undefined) && body.anchor !== 'reset' && body.trial !== 'end';
  if (asksForNothing)
    refuse(
      [],
      'required',
      'Say what is to change: plan, items, add_ons, remove, prices, once or billing_anchor.',
    );
  if (body.anchor === 'reset' && body.billing_anchor !== undefined)
    refuse(['anchor'], 'conflicting_fields', 'A billing_anchor is kept; leave anchor out.');
}

export const subscriptionChange = z
  .strictObject({
    ...changeFields,
    effective: effective.optional().meta({
      description: 'When; an upgrade now and a downgrade at the end of the period when absent.',
    }),
    preview_token: previewToken,
  })
  .superRefine(checkChange)
  .meta({
    id: 'SubscriptionChange',
    examples: [
      { plan: 'external:pro', effective: 'now' },
      { items: [{ key: 'seats', quantity: 12 }], proration: 'next_invoice' },
    ],
  });
export type ChangeIn = z.output<typeof subscriptionChange>;

export const subscriptionQuantity = z
  .strictObject({
    key: existingKey,
    quantity: quantityIn,
    effective: effective.optional().meta({ description: 'As for a change.' }),
    proration: z.enum(PRORATIONS).optional(),
    preview_token: previewToken,
  })
  .meta({ id: 'SubscriptionQuantity', examples: [{ key: 'seats', quantity: 12 }] });

export const subscriptionPause = z
  .strictObject({
    effective: effective.default('now'),
    credit: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether what was paid ahead is given back; without, it runs out.' }),
    resume_at: instantIn.optional().meta({ description: 'When it goes on by itself; never when absent.' }),
    preview_token: previewToken,
  })
  .meta({ id: 'SubscriptionPause', examples: [{}, { effective: 'period_end', credit: false }] });

export const subscriptionResume = z
  .strictObject({
    effective: z.union([z.literal('now'), instantIn], 'Write "now" or an instant (RFC 3339).').default('now'),
    preview_token: previewToken,
  })
  .meta({ id: 'SubscriptionResume', examples: [{}] });

const phase = z
  .strictObject({
    start_at: instantIn.optional(),
    after_cycles: z
      .int('Write a whole number.')
      .min(1)
      .max(120)
      .optional()
      .meta({ description: 'So many periods after the phase before it began; instead of start_at.' }),
    ...changeFields,
  })
  .superRefine(checkChange)
  .superRefine((body, ctx) => {
    if ((body.start_at === undefined) !== (body.after_cycles === undefined)) return;
    const both = body.start_at !== undefined;
    ctx.addIssue({
      code: 'custom',
      path: ['start_at'],
      message: 'Say when the phase begins: start_at or after_cycles, one of the two.',
      params: { code: both ? 'conflicting_fields' : 'required' },
    });
  });

export const subscriptionSchedule = z
  .strictObject({
    phases: z.array(phase).min(1, 'Give at least one phase.').max(ENTRIES_MAX),
    preview_token: previewToken,
  })
  .meta({
    id: 'SubscriptionSchedule',
    description: 'Changes one after the other; each is thought from what the one before it made.',
    examples: [
      {
        phases: [
          { after_cycles: 3, items: [{ key: 'seats', quantity: 20 }] },
          { after_cycles: 3, plan: 'external:pro' },
        ],
      },
    ],
  });

/** Refuses entries that name the same thing twice; `field` null: the entries are the names. */
export function refuseTwice<T>(field: string | null, nameOf: (entry: T) => string) {
  return (entries: readonly T[], ctx: z.RefinementCtx): void => {
    const names = entries.map(nameOf);
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) === index) continue;
      ctx.addIssue({
        code: 'custom',
        path: field === null ? [index] : [index, field],
        message: `"${name}" is named twice; keep one.`,
        params: { code: 'duplicate' },
      });
    }
  };
}
