import { z } from 'zod';
import { Decimal, formatUnitPrice } from '../domain/money.ts';
import type { PriceTerms, RateTier, Tier } from '../domain/price-terms.ts';

/**
 * What a price asks for, model by model, as it is written and shown on the wire (billing rules 19 and 19b). Every number
 * is a decimal string, never a JSON number, because a number would have lost digits before it arrives.
 */

const DECIMAL = /^-?(0|[1-9]\d{0,14})(\.\d{1,12})?$/;

/** A decimal string of at most 12 decimals; `remedy` says what to write. The caller's checks come only after it. */
export const decimalIn = (remedy: string, options: { signed?: boolean } = {}) =>
  z
    .string(remedy)
    .refine((text) => DECIMAL.test(text) && (options.signed || !text.startsWith('-')), {
      error: remedy,
      params: { code: 'amount_invalid' },
      abort: true,
    })
    .meta({ pattern: options.signed ? DECIMAL.source : DECIMAL.source.replace('-?', '') });

/** An amount in the major unit, from zero upward, with up to 12 decimals. */
export const amountIn = decimalIn(
  'Write the amount as a decimal string from zero upward, such as "19.99", never as a number; at most 12 decimals.',
).meta({ examples: ['19.99'] });

const percentIn = decimalIn('Write the rate in percent as a decimal string, such as "2.5" for 2.5 %.', {
  signed: true,
}).meta({ description: 'In percent, from 0 to 100.', examples: ['2.5'] });

const BOUND_REMEDY = 'Write the bound as a whole number or a decimal string; null stands for no end.';
const boundIn = z.union(
  [z.int(BOUND_REMEDY).transform(String), decimalIn(BOUND_REMEDY, { signed: true })],
  BOUND_REMEDY,
);

const bounds = {
  from: boundIn.optional().meta({
    description: 'Where the tier begins: the bound of the one before, 0 for the first. Only checked.',
  }),
  up_to: boundIn
    .nullable()
    .default(null)
    .meta({
      description: 'The last quantity of the tier; null for the last tier, which has no end.',
      examples: ['100'],
    }),
  flat_amount: amountIn.default('0').meta({ description: 'Charged once when the tier is reached.' }),
};

const tiersIn = z
  .array(z.strictObject({ ...bounds, unit_amount: amountIn.default('0') }))
  .max(1_000)
  .meta({ description: 'By rising bounds; a quantity between two bounds belongs to the next tier.' });

const rateTiersIn = z
  .array(z.strictObject({ ...bounds, rate: percentIn }))
  .max(1_000)
  .meta({ description: 'By rising bounds of the amount that the rate is taken of.' });

/** The fields of each model, beside those that every price has. */
const FIELDS = {
  flat: { unit_amount: amountIn.meta({ description: 'Per period, whatever the quantity.' }) },
  per_unit: { unit_amount: amountIn.meta({ description: 'Per unit and period.' }) },
  package: {
    unit_amount: amountIn.meta({ description: 'For every begun package.' }),
    package_size: decimalIn('Write the size as a decimal string above zero, such as "1000".', {
      signed: true,
    }).meta({ description: 'Units in a package.' }),
  },
  graduated: { tiers: tiersIn },
  volume: { tiers: tiersIn },
  percentage: {
    rate: percentIn,
    fixed_per_event: amountIn.default('0').meta({ description: 'Added for every event that is not free.' }),
    free_events: z.int('Write a whole number from 0.').nullable().optional(),
    free_amount: amountIn.nullable().optional().meta({ description: 'The first amount that costs nothing.' }),
    event_minimum: amountIn.nullable().optional().meta({ description: 'What an event costs at least.' }),
    event_maximum: amountIn.nullable().optional().meta({ description: 'What an event costs at most.' }),
  },
  graduated_percentage: { tiers: rateTiersIn },
  dynamic: {
    multiplier: amountIn.default('1').meta({ description: 'Times the amount that each event carries.' }),
  },
  matrix: {
    dimensions: z
      .array(z.string().min(1).max(100))
      .max(10)
      .meta({ description: 'One or two properties of events.', examples: [['region']] }),
    cells: z
      .array(z.strictObject({ values: z.array(z.string().max(255)).max(10), unit_amount: amountIn }))
      .max(2_000),
    default_unit_amount: amountIn
      .nullable()
      .optional()
      .meta({ description: 'Where no cell fits; without it such units cost nothing.' }),
  },
  minimum_commitment: {
    unit_amount: amountIn.meta({
      description: 'What the subscription pays at least per period; the rest is topped up.',
    }),
  },
};

export const MODEL_REMEDY =
  'Write a price with its "model": flat, per_unit, package, graduated, volume, percentage, graduated_percentage, dynamic, matrix or minimum_commitment.';

/** A union over the models: the fields of the model, and those that are common to all. */
export function ofEachModel<Common extends z.ZodRawShape>(common: Common) {
  return z.discriminatedUnion('model', eachModel(common), { error: MODEL_REMEDY });
}

/** The members of that union, for one that has others beside them. */
export function eachModel<Common extends z.ZodRawShape>(common: Common) {
  const of = <M extends keyof typeof FIELDS>(model: M) =>
    z.strictObject({ ...common, model: z.literal(model), ...FIELDS[model] });
  return [
    of('flat'),
    of('per_unit'),
    of('package'),
    of('graduated'),
    of('volume'),
    of('percentage'),
    of('graduated_percentage'),
    of('dynamic'),
    of('matrix'),
    of('minimum_commitment'),
  ] as const;
}

const bareTerms = ofEachModel({});
export type TermsIn = z.output<typeof bareTerms>;
type TierIn = z.output<typeof tiersIn>[number];
type RateTierIn = z.output<typeof rateTiersIn>[number];

const decimal = (text: string) => new Decimal(text);
const optional = (text: string | null | undefined) => (text == null ? null : new Decimal(text));

/** The terms that were written. Every string is known to be a decimal; `problemsOfTerms` says what is wrong beyond that. */
export function readTermsIn(body: TermsIn): PriceTerms {
  switch (body.model) {
    case 'flat':
    case 'per_unit':
    case 'minimum_commitment':
      return { model: body.model, unitAmount: decimal(body.unit_amount) };
    case 'package':
      return { model: 'package', unitAmount: decimal(body.unit_amount), size: decimal(body.package_size) };
    case 'graduated':
    case 'volume':
      return { model: body.model, tiers: body.tiers.map(readTier) };
    case 'percentage':
      return {
        model: 'percentage',
        rate: decimal(body.rate),
        fixedPerEvent: decimal(body.fixed_per_event),
        freeEvents: body.free_events ?? null,
        freeAmount: optional(body.free_amount),
        eventMinimum: optional(body.event_minimum),
        eventMaximum: optional(body.event_maximum),
      };
    case 'graduated_percentage':
      return { model: 'graduated_percentage', tiers: body.tiers.map(readRateTier) };
    case 'dynamic':
      return { model: 'dynamic', multiplier: decimal(body.multiplier) };
    case 'matrix':
      return {
        model: 'matrix',
        dimensions: body.dimensions,
        cells: body.cells.map(({ values, unit_amount }) => ({ values, unitAmount: decimal(unit_amount) })),
        defaultUnitAmount: optional(body.default_unit_amount),
      };
  }
}

function readTier({ up_to, unit_amount, flat_amount }: TierIn): Tier {
  return { upTo: optional(up_to), unitAmount: decimal(unit_amount), flatAmount: decimal(flat_amount) };
}

function readRateTier({ up_to, rate, flat_amount }: RateTierIn): RateTier {
  return { upTo: optional(up_to), rate: decimal(rate), flatAmount: decimal(flat_amount) };
}

const tierOut = z.object({
  up_to: z.string().nullable(),
  unit_amount: z.string().optional(),
  rate: z.string().optional(),
  flat_amount: z.string(),
});

/** The fields of a model in an answer: those it was written with. */
export const termsOut = {
  unit_amount: z.string().nullable().meta({ description: 'Null where a unit does not have one price.' }),
  package_size: z.string().optional(),
  tiers: z.array(tierOut).optional(),
  rate: z.string().optional(),
  fixed_per_event: z.string().optional(),
  free_events: z.int().nullable().optional(),
  free_amount: z.string().nullable().optional(),
  event_minimum: z.string().nullable().optional(),
  event_maximum: z.string().nullable().optional(),
  multiplier: z.string().optional(),
  dimensions: z.array(z.string()).optional(),
  cells: z.array(z.object({ values: z.array(z.string()), unit_amount: z.string() })).optional(),
  default_unit_amount: z.string().nullable().optional(),
};
const termsShown = z.object(termsOut);

const show = formatUnitPrice;
const showOptional = (amount: Decimal | null) => amount && show(amount);

/** Terms as the world sees them: in the fields they were written with. */
export function presentTerms(terms: PriceTerms): z.infer<typeof termsShown> {
  switch (terms.model) {
    case 'flat':
    case 'per_unit':
    case 'minimum_commitment':
      return { unit_amount: show(terms.unitAmount) };
    case 'package':
      return { unit_amount: show(terms.unitAmount), package_size: show(terms.size) };
    case 'graduated':
    case 'volume':
      return {
        unit_amount: null,
        tiers: terms.tiers.map(({ upTo, unitAmount, flatAmount }) => ({
          up_to: showOptional(upTo),
          unit_amount: show(unitAmount),
          flat_amount: show(flatAmount),
        })),
      };
    case 'percentage':
      return {
        unit_amount: null,
        rate: show(terms.rate),
        fixed_per_event: show(terms.fixedPerEvent),
        free_events: terms.freeEvents,
        free_amount: showOptional(terms.freeAmount),
        event_minimum: showOptional(terms.eventMinimum),
        event_maximum: showOptional(terms.eventMaximum),
      };
    case 'graduated_percentage':
      return {
        unit_amount: null,
        tiers: terms.tiers.map(({ upTo, rate, flatAmount }) => ({
          up_to: showOptional(upTo),
          rate: show(rate),
          flat_amount: show(flatAmount),
        })),
      };
    case 'dynamic':
      return { unit_amount: null, multiplier: show(terms.multiplier) };
    case 'matrix':
      return {
        unit_amount: null,
        dimensions: [...terms.dimensions],
        cells: terms.cells.map(({ values, unitAmount }) => ({
          values: [...values],
          unit_amount: show(unitAmount),
        })),
        default_unit_amount: showOptional(terms.defaultUnitAmount),
      };
  }
}
