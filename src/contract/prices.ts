import { z } from 'zod';
import { INTERVAL_UNITS, type IntervalUnit } from '../domain/calendar.ts';
import { formatAmount } from '../domain/money.ts';
import { BILLINGS, type Price, TIMINGS } from '../domain/plan.ts';
import { PRICE_MODELS } from '../domain/price-terms.ts';
import { checkPrice } from './check-price.ts';
import { currencyIn, idOut, instantOut, nameIn, presentInstant, reference } from './common.ts';
import { draftOf } from './price-draft.ts';
import { amountIn, ofEachModel, presentTerms, termsOut } from './price-terms.ts';

/** At most about ten years, so that every boundary stays a date that calendars know. */
const COUNT_MAX: Record<IntervalUnit, number> = {
  day: 365,
  week: 104,
  month: 120,
  quarter: 40,
  half_year: 20,
  year: 10,
};

/** How often a price recurs (billing rule 7). */
export const intervalIn = z
  .strictObject({
    unit: z.enum(INTERVAL_UNITS),
    count: z.int().min(1, 'Write a whole number from 1 upward.').default(1),
  })
  .superRefine(({ unit, count }, ctx) => {
    if (count > COUNT_MAX[unit]) {
      ctx.addIssue({
        code: 'custom',
        path: ['count'],
        message: `At most ${COUNT_MAX[unit]} for the unit ${unit}.`,
        params: { code: 'too_big' },
      });
    }
  })
  .meta({ examples: [{ unit: 'month', count: 1 }] });

/** The slot of a price within its plan. */
export const keyIn = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, {
    error: 'Write 1 to 40 small letters, digits, "-" or "_", such as "seats".',
  })
  .meta({
    description: 'The stable slot of the plan that versions and currencies share.',
    examples: ['base'],
  });

/** What every price may say, whatever its model. */
export const common = {
  name: nameIn.optional().meta({ description: 'Stands on invoices; the key when absent.' }),
  item: reference('item', 'item')
    .optional()
    .meta({ description: 'What it is counted under in reports.', examples: ['external:api-calls'] }),
  billing: z.enum(BILLINGS).optional().meta({
    description:
      'Whether the quantity is agreed on (seats) or comes from what was used. When absent: usage for percentage, graduated_percentage, dynamic and matrix, which know nothing else, and licensed for the others.',
  }),
  timing: z
    .enum(TIMINGS)
    .optional()
    .meta({ description: 'When absent: in_advance for licensed prices, in_arrears for usage.' }),
  minimum: amountIn.nullable().optional().meta({ description: 'What a whole period costs at least.' }),
  maximum: amountIn.nullable().optional().meta({ description: 'What a whole period costs at most.' }),
};

/** What counts a price that is billed by usage. */
const counted = {
  meter: reference('mtr', 'meter')
    .optional()
    .meta({
      description:
        'What counts it, from events. When absent, the quantities of a usage price are reported per subscription.',
      examples: ['external:traffic'],
    }),
};

/** A recurring price of a plan. */
export const priceCreate = ofEachModel({
  ...common,
  ...counted,
  key: keyIn,
  currency: currencyIn,
  interval: intervalIn,
})
  .superRefine(checkPrice)
  .transform(draftOf)
  .meta({ id: 'PriceCreate', description: 'Each model has fields of its own.' });

/** A price of an add-on, which may be charged once. */
export const addOnPriceCreate = ofEachModel({
  ...common,
  ...counted,
  key: keyIn,
  currency: currencyIn,
  interval: intervalIn.nullable().meta({ description: 'Null: charged once.' }),
})
  .superRefine(checkPrice)
  .transform(draftOf)
  .meta({ id: 'AddOnPriceCreate', description: 'Each model has fields of its own.' });

/** A price that nobody is sold: only what it comes to is asked. */
export const inlinePrice = ofEachModel({
  ...common,
  ...counted,
  key: keyIn.default('price'),
  currency: currencyIn,
  interval: intervalIn.nullable().default({ unit: 'month', count: 1 }),
})
  .superRefine(checkPrice)
  .transform(draftOf)
  .meta({ id: 'InlinePrice', description: 'Each model has fields of its own.' });

export const priceOut = z
  .object({
    object: z.literal('price'),
    id: idOut('price'),
    plan: idOut('plan'),
    plan_version: z.int(),
    subscription: z
      .string()
      .nullable()
      .meta({ description: 'Set for a price agreed with one subscription, which nobody else is sold.' }),
    key: z.string(),
    name: z.string(),
    item: z.string().nullable(),
    meter: z
      .string()
      .nullable()
      .meta({ description: 'What counts it; null for seats and for what is reported per subscription.' }),
    model: z.enum(PRICE_MODELS),
    currency: z.string(),
    ...termsOut,
    billing: z.enum(BILLINGS),
    minimum: z.string().nullable(),
    maximum: z.string().nullable(),
    timing: z.enum(TIMINGS),
    interval: z
      .object({ unit: z.enum(INTERVAL_UNITS), count: z.int() })
      .nullable()
      .meta({ description: 'Null for what is charged once.' }),
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Price', description: 'Immutable; a new price is a new version of its plan.' });

/** A price as the world sees it: with the fields of its model. */
export function presentPrice(price: Price): z.infer<typeof priceOut> {
  const money = (amount: Price['minimum']) => amount && formatAmount(amount, price.currency);
  return {
    object: 'price',
    id: price.id,
    plan: price.planId,
    plan_version: price.planVersion,
    subscription: price.subscriptionId,
    key: price.key,
    name: price.name,
    item: price.itemId,
    meter: price.meterId,
    model: price.terms.model,
    currency: price.currency,
    ...presentTerms(price.terms),
    billing: price.billing,
    minimum: money(price.minimum),
    maximum: money(price.maximum),
    timing: price.timing,
    interval: price.intervalUnit && { unit: price.intervalUnit, count: price.intervalCount ?? 1 },
    created_at: presentInstant(price.createdAt),
    updated_at: presentInstant(price.createdAt),
  };
}
