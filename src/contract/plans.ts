import { z } from 'zod';
import { INTERVAL_UNITS, type IntervalUnit } from '../domain/calendar.ts';
import { isCurrency } from '../domain/currency.ts';
import { isDomainError } from '../domain/errors.ts';
import { formatUnitPrice, parseAmount, parseUnitPrice } from '../domain/money.ts';
import { type Plan, type PlanVersion, type Price, TIMINGS, unitAmountOf } from '../domain/plan.ts';
import { PRICE_MODELS } from '../domain/price-terms.ts';
import {
  currencyIn,
  externalId,
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  nameIn,
  presentInstant,
  presentOptionalInstant,
} from './common.ts';

/** At most about ten years, so that every boundary stays a date that calendars know. */
const COUNT_MAX: Record<IntervalUnit, number> = {
  day: 365,
  week: 104,
  month: 120,
  quarter: 40,
  half_year: 20,
  year: 10,
};

const interval = z
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

const priceCreate = z
  .strictObject({
    key: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, {
        error: 'Write 1 to 40 small letters, digits, "-" or "_", such as "seats".',
      })
      .meta({
        description: 'The stable slot of the plan that versions and currencies share.',
        examples: ['base'],
      }),
    name: nameIn.optional().meta({ description: 'Stands on invoices; the key when absent.' }),
    model: z.enum(['flat', 'per_unit']),
    currency: currencyIn,
    unit_amount: z
      .string('Write the amount as a decimal string such as "19.99", never as a number.')
      .max(40)
      .meta({
        description:
          'Per period (flat) or per unit and period (per_unit). A unit price may have up to 12 decimals.',
        examples: ['19.99'],
      }),
    timing: z.enum(TIMINGS).default('in_advance'),
    interval: interval,
  })
  .superRefine(checkAmount);

const prices = z
  .array(priceCreate)
  .min(1, 'A plan needs at least one price.')
  .max(50, 'A plan has at most 50 prices.')
  .superRefine(checkSlots);

const trialDays = z
  .int()
  .min(1, 'Write the days of the trial, from 1; leave it out for no trial.')
  .max(730, { error: 'A trial lasts at most 730 days.' });

export const planCreate = z
  .strictObject({
    name: nameIn,
    external_id: externalId.optional(),
    description: z.string().max(2000).optional(),
    trial_days: trialDays
      .nullable()
      .optional()
      .meta({ description: 'The trial of new subscriptions that do not say otherwise.' }),
    prices,
    metadata: metadataIn.optional(),
  })
  .meta({
    id: 'PlanCreate',
    examples: [
      {
        name: 'Pro',
        external_id: 'pro',
        prices: [
          {
            key: 'base',
            model: 'flat',
            unit_amount: '29.00',
            currency: 'USD',
            interval: { unit: 'month', count: 1 },
          },
        ],
      },
    ],
  });

export const planVersionCreate = z
  .strictObject({ trial_days: trialDays.nullable().optional(), prices })
  .meta({
    id: 'PlanVersionCreate',
    description: 'The whole new price list; subscribers of earlier versions stay where they are.',
  });

export const planUpdate = z
  .strictObject({
    name: nameIn.optional(),
    description: z.string().max(2000).nullable().optional(),
    external_id: externalId.nullable().optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'PlanUpdate' });

export const priceOut = z
  .object({
    object: z.literal('price'),
    id: idOut('price'),
    plan: idOut('plan'),
    plan_version: z.int(),
    key: z.string(),
    name: z.string(),
    model: z.enum(PRICE_MODELS),
    currency: z.string(),
    unit_amount: z.string().nullable(),
    timing: z.enum(TIMINGS),
    interval: z.object({ unit: z.enum(INTERVAL_UNITS), count: z.int() }).nullable(),
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Price', description: 'Immutable; a new price is a new version of its plan.' });

export const planOut = z
  .object({
    object: z.literal('plan'),
    id: idOut('plan'),
    external_id: z.string().nullable(),
    name: z.string(),
    description: z.string().nullable(),
    version: z.int(),
    latest_version: z.int(),
    trial_days: z.int().nullable(),
    prices: z.array(priceOut),
    archived_at: instantOut.nullable(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Plan' });

/** A price as the world sees it. */
export function presentPrice(price: Price): z.infer<typeof priceOut> {
  const unitAmount = unitAmountOf(price);
  return {
    object: 'price',
    id: price.id,
    plan: price.planId,
    plan_version: price.planVersion,
    key: price.key,
    name: price.name,
    model: price.terms.model,
    currency: price.currency,
    unit_amount: unitAmount && formatUnitPrice(unitAmount),
    timing: price.timing,
    interval: price.intervalUnit && { unit: price.intervalUnit, count: price.intervalCount ?? 1 },
    created_at: presentInstant(price.createdAt),
    updated_at: presentInstant(price.createdAt),
  };
}

/** A plan at one of its versions, with that version's prices. */
export function presentPlan(
  plan: Plan,
  version: PlanVersion,
  latestVersion: number,
  prices: readonly Price[],
): z.infer<typeof planOut> {
  return {
    object: 'plan',
    id: plan.id,
    external_id: plan.externalId,
    name: plan.name,
    description: plan.description,
    version: version.version,
    latest_version: latestVersion,
    trial_days: version.trialDays,
    prices: prices.map(presentPrice),
    archived_at: presentOptionalInstant(plan.archivedAt),
    metadata: plan.metadata,
    created_at: presentInstant(plan.createdAt),
    updated_at: presentInstant(plan.updatedAt),
  };
}

type PriceInput = {
  key: string;
  currency: string;
  model: 'flat' | 'per_unit';
  unit_amount: string;
  timing: string;
  interval: { unit: string; count: number };
};

/** A flat price is an amount that can be paid, so it has its currency's decimals; a unit price may be finer. */
function checkAmount(price: PriceInput, ctx: z.RefinementCtx): void {
  if (!isCurrency(price.currency)) return;
  try {
    const amount =
      price.model === 'flat'
        ? parseAmount(price.unit_amount, price.currency)
        : parseUnitPrice(price.unit_amount);
    if (amount.isNegative()) throw negative();
  } catch (error) {
    const message =
      isDomainError(error) || error instanceof RangeError
        ? error.message
        : 'Write the amount as a decimal string.';
    ctx.addIssue({ code: 'custom', path: ['unit_amount'], message, params: { code: 'amount_invalid' } });
  }
}

const negative = () => new RangeError('A price is zero or more; give a reduction as a discount.');

/** One price per slot and currency; the currencies of a slot differ in nothing but the amount. */
function checkSlots(list: readonly PriceInput[], ctx: z.RefinementCtx): void {
  const first = new Map<string, PriceInput>();
  const seen = new Set<string>();
  for (const [index, price] of list.entries()) {
    const slot = `${price.key} ${price.currency}`;
    if (seen.has(slot)) {
      ctx.addIssue({
        code: 'custom',
        path: [index, 'key'],
        message: `There are two prices for "${price.key}" in ${price.currency}; keep one.`,
        params: { code: 'duplicate' },
      });
    }
    seen.add(slot);
    const other = first.get(price.key);
    if (!other) first.set(price.key, price);
    else if (shape(other) !== shape(price)) {
      ctx.addIssue({
        code: 'custom',
        path: [index],
        message: `The prices of "${price.key}" must have the same model, timing and interval in every currency; use another key.`,
        params: { code: 'slot_differs' },
      });
    }
  }
}

const shape = (price: PriceInput): string =>
  `${price.model} ${price.timing} ${price.interval.count} ${price.interval.unit}`;
