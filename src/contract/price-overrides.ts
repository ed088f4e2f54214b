import { z } from 'zod';
import type { FieldError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import type { Price } from '../domain/plan.ts';
import type { PriceTerms } from '../domain/price-terms.ts';
import { problemsOfLimits } from '../domain/rating/check-terms.ts';
import { checkPrice, problemsOfDigits } from './check-price.ts';
import { draftOf, mayBe, type PriceDraft } from './price-draft.ts';
import { amountIn, eachModel, MODEL_REMEDY } from './price-terms.ts';
import { common, intervalIn, keyIn } from './prices.ts';

/** Prices that are agreed with one subscription, in its currency, each for one of its items. */

const { billing: _billing, ...kept } = common;
const fields = {
  key: keyIn.meta({ description: 'The item it is for.' }),
  interval: intervalIn.optional().meta({ description: 'That of the price it stands in for when absent.' }),
};

/** Only an amount is another one; everything that is not said is as it is sold. */
const otherAmount = z.strictObject({
  ...kept,
  ...fields,
  model: z.literal('as_sold').optional().meta({
    description: 'The model of the price that it stands in for, with its tiers and everything else.',
  }),
  unit_amount: amountIn.optional().meta({ description: 'That of the price it stands in for when absent.' }),
});

export const priceOverride = z
  .discriminatedUnion('model', [...eachModel({ ...common, ...fields }), otherAmount], {
    error: `${MODEL_REMEDY.replace(/\.$/, '')}, or without one when only its amount is another.`,
  })
  .superRefine((override, ctx) => {
    if (isModelled(override)) checkPrice(override, ctx);
    else if (Object.keys(override).every((field) => field === 'key' || field === 'model'))
      ctx.addIssue({
        code: 'custom',
        path: ['unit_amount'],
        message: 'Say what is agreed: unit_amount, minimum, maximum, or a model with its fields.',
        params: { code: 'required' },
      });
  })
  .meta({
    id: 'PriceOverride',
    description: 'Each model has fields of its own; without a model only the amount is another one.',
  });
export type PriceOverride = z.output<typeof priceOverride>;
type Modelled = Extract<PriceOverride, { billing?: unknown }>;
type OtherAmount = z.output<typeof otherAmount>;

function isModelled(override: PriceOverride): override is Modelled {
  return override.model !== undefined && override.model !== 'as_sold';
}

/** What is wrong with an override once it is known what it stands in for. */
export function problemsOfOverride(override: PriceOverride, sold: Price): FieldError[] {
  const draft = overrideDraft(override, sold);
  const problems = problemsOfDigits({ ...override, model: draft.terms.model }, sold.currency);
  if (!isModelled(override)) {
    if (override.unit_amount !== undefined && !('unitAmount' in sold.terms)) {
      const message = `"${sold.key}" does not have one unit price; give its model, ${sold.terms.model}, with all its fields.`;
      problems.push({ path: 'unit_amount', code: 'conflicting_fields', message });
    }
    problems.push(...problemsOfLimits(draft.minimum, draft.maximum));
  }
  if (draft.billing === 'usage' && draft.timing === 'in_advance') {
    const message = 'What is used is known only afterwards; leave timing out.';
    problems.push({ path: 'timing', code: 'conflicting_fields', message });
  }
  return problems;
}

/** An override beside the price it stands in for, which gives what it does not say. */
export function overrideDraft(override: PriceOverride, sold: Price): PriceDraft {
  if (!isModelled(override)) return asSold(override, sold);
  const sameWay = override.billing === undefined && mayBe(override.model, sold.billing);
  return draftOf({
    ...override,
    name: override.name ?? sold.name,
    currency: sold.currency,
    billing: sameWay ? sold.billing : override.billing,
    timing: override.timing ?? (sameWay && override.model !== 'minimum_commitment' ? sold.timing : undefined),
    interval: override.interval ?? intervalOfSold(sold),
  });
}

function asSold(override: OtherAmount, sold: Price): PriceDraft {
  const limit = (asked: string | null | undefined, ofSold: Decimal | null) =>
    asked === undefined ? ofSold : asked === null ? null : new Decimal(asked);
  return {
    key: override.key,
    name: override.name ?? sold.name,
    item: override.item ?? null,
    meter: null,
    currency: sold.currency,
    terms: withAmount(sold.terms, override.unit_amount),
    billing: sold.billing,
    timing: override.timing ?? sold.timing,
    minimum: limit(override.minimum, sold.minimum),
    maximum: limit(override.maximum, sold.maximum),
    interval: override.interval ?? intervalOfSold(sold),
  };
}

function withAmount(terms: PriceTerms, amount: string | undefined): PriceTerms {
  if (amount === undefined || !('unitAmount' in terms)) return terms;
  return { ...terms, unitAmount: new Decimal(amount) };
}

function intervalOfSold({ intervalUnit: unit, intervalCount: count }: Price): PriceDraft['interval'] {
  return unit && count ? { unit, count } : null;
}
