import { z } from 'zod';
import { isTimeZone } from '../domain/calendar.ts';
import { BILLINGS } from '../domain/plan.ts';
import { PRICE_MODELS } from '../domain/price-terms.ts';
import { idIn, instantIn, moneyOut, quantityIn, timeZoneIn } from './common.ts';
import { amountIn } from './price-terms.ts';
import { inlinePrice } from './prices.ts';
import { traceOut } from './traces.ts';

/** `POST /v1/prices/evaluate`: what a price comes to, without anything being stored. */

const EVENTS_MAX = 1_000;
const properties = z.record(z.string().min(1).max(100), z.string().max(255));

const event = z
  .strictObject({
    quantity: quantityIn.optional(),
    amount: quantityIn.optional().meta({
      description: 'The same as quantity, for the models that take a part of an amount.',
    }),
    at: instantIn.optional(),
    properties: properties.optional().meta({ examples: [{ region: 'eu' }] }),
  })
  .superRefine((body, ctx) => {
    if ((body.quantity === undefined) !== (body.amount === undefined)) return;
    ctx.addIssue({
      code: 'custom',
      path: ['quantity'],
      message: 'Give quantity or amount, one of the two.',
      params: { code: body.quantity === undefined ? 'required' : 'conflicting_fields' },
    });
  });

const fraction = z
  .strictObject({
    numerator: z.int('Write a whole number.').min(0, 'Write a whole number from 0 upward.'),
    denominator: z.int('Write a whole number.').min(1, 'Write a whole number from 1 upward.'),
    unit: z.enum(['day', 'second']).default('day').meta({ description: 'What is counted.' }),
  })
  .refine(({ numerator, denominator }) => numerator <= denominator, {
    error: 'A part is at most the whole: the numerator is not above the denominator.',
    path: ['numerator'],
    params: { code: 'too_big' },
  });

const stretch = z.strictObject({ start: instantIn, end: instantIn }).refine(({ start, end }) => start < end, {
  error: 'It ends after it begins.',
  path: ['end'],
  params: { code: 'in_past' },
});

const period = z
  .strictObject({
    start: instantIn,
    end: instantIn,
    whole: stretch
      .optional()
      .meta({ description: 'The contractual period it is a part of; itself when absent.' }),
    proration_basis: z.enum(['day', 'second']).default('day'),
    time_zone: timeZoneIn.default('UTC').meta({ description: 'Whose civil days are counted.' }),
  })
  .superRefine(({ start, end, whole, time_zone }, ctx) => {
    const refuse = (field: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [field], message, params: { code: 'period_invalid' } });
    if (!isTimeZone(time_zone)) return;
    if (start >= end) refuse('end', 'It ends after it begins.');
    else if (whole && (start < whole.start || end > whole.end))
      refuse('whole', 'The part lies within the whole period.');
  });

const WHAT = ['quantity', 'quantities', 'events', 'buckets'] as const;

export const priceEvaluate = z
  .strictObject({
    price: z.union([idIn('price', 'price'), inlinePrice]).meta({
      description: 'The id of a price, or the fields of one that need not exist.',
    }),
    quantity: quantityIn.optional().meta({
      description:
        'How much; for minimum_commitment what the other lines come to. 1 when nothing is said of a flat price.',
    }),
    quantities: z
      .array(quantityIn)
      .min(1)
      .max(1_000)
      .optional()
      .meta({ description: 'Several at once, each for itself: a result for each.' }),
    events: z
      .array(event)
      .max(EVENTS_MAX)
      .optional()
      .meta({ description: 'What was used, one by one, for the models that price each.' }),
    buckets: z
      .array(quantityIn)
      .max(10_000)
      .optional()
      .meta({ description: 'The quantity of each hour or day, each priced alone and then summed.' }),
    fraction: fraction
      .optional()
      .meta({ description: 'The part of a period: fees, minimum and maximum are prorated, usage is not.' }),
    period: period.optional().meta({ description: 'Instead of fraction: the days or seconds are counted.' }),
    already_billed: amountIn
      .optional()
      .meta({ description: 'What earlier lines of the same period billed: the rest is asked for.' }),
    already_billed_quantity: quantityIn
      .optional()
      .meta({ description: 'Instead of already_billed: what of the quantity was billed before.' }),
  })
  .superRefine((body, ctx) => {
    const refuse = (field: string, code: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [field], message, params: { code } });
    const [, second] = WHAT.filter((field) => body[field] !== undefined);
    if (second) refuse(second, 'conflicting_fields', `Give one of ${WHAT.join(', ')}; leave the others out.`);
    if (body.fraction && body.period)
      refuse('period', 'conflicting_fields', 'Give fraction or period, not both.');
    if (body.already_billed !== undefined && body.already_billed_quantity !== undefined)
      refuse(
        'already_billed_quantity',
        'conflicting_fields',
        'Give already_billed or already_billed_quantity, not both.',
      );
  })
  .meta({
    id: 'PriceEvaluate',
    examples: [
      {
        price: {
          model: 'graduated',
          currency: 'USD',
          tiers: [
            { up_to: '10', unit_amount: '2.00' },
            { up_to: null, unit_amount: '1.50', flat_amount: '5.00' },
          ],
        },
        quantity: '25',
      },
    ],
  });

const result = {
  quantity: z.string(),
  amount: moneyOut.meta({ description: 'Rounded once, as it would stand on an invoice.' }),
  exact: z.string().meta({ description: 'The same before it was rounded.' }),
  trace: traceOut,
  explanation: z.array(z.string()).meta({ description: 'The trace in sentences.' }),
};

export const evaluationOut = z
  .object({
    object: z.literal('evaluation'),
    price: z.string().nullable().meta({ description: 'Null for one that was written out.' }),
    model: z.enum(PRICE_MODELS),
    billing: z.enum(BILLINGS),
    currency: z.string(),
    ...result,
    results: z
      .array(z.object(result))
      .optional()
      .meta({ description: 'With quantities: one for each; the fields above are those of the first.' }),
  })
  .meta({ id: 'Evaluation' });
