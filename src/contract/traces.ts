import { z } from 'zod';
import type { PricedTrace } from '../domain/rating/trace.ts';

const group = z.object({ count: z.int(), quantity: z.string(), amount: z.string() });
const limit = z.object({ agreed: z.string(), applied: z.string() });

/** How an amount came about (billing rule 22). Which fields there are depends on the model of the price. */
export const traceOut = z
  .looseObject({
    model: z.string().meta({ description: 'The model of the price, or "buckets".' }),
    quantity: z.string(),
    unit_amount: z.string().nullable().optional(),
    tiers: z
      .array(z.looseObject({ from: z.string(), up_to: z.string().nullable(), amount: z.string() }))
      .optional()
      .meta({ description: 'The tiers that were reached, from the first.' }),
    more_events: group.optional().meta({ description: 'What lies behind the rows that are shown.' }),
    fraction: z
      .object({ numerator: z.number(), denominator: z.number(), unit: z.enum(['day', 'second']) })
      .optional()
      .meta({ description: 'The part of the whole contractual period; absent when it is whole.' }),
    limits: z
      .object({
        rated: z.string(),
        minimum: limit.optional(),
        maximum: limit.optional(),
        reached: z.enum(['minimum', 'maximum']).optional(),
        already_billed: z.string().optional(),
      })
      .optional()
      .meta({ description: 'What a minimum, a maximum and what was billed before did to it.' }),
    exact: z.string(),
    rounded: z.string(),
  })
  .meta({ id: 'Trace', description: 'How the amount came about.' });

/** A trace as it is stored, with the field names of the wire. */
export function presentTrace(trace: PricedTrace): z.infer<typeof traceOut> {
  return withWireNames(trace) as z.infer<typeof traceOut>;
}

function withWireNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withWireNames);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      withWireNames(field),
    ]),
  );
}
