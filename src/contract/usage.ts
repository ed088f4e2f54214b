import { z } from 'zod';
import { Decimal } from '../domain/money.ts';
import type { UsageRecord } from '../domain/usage-record.ts';
import { idOut, instantIn, instantOut, presentInstant, quantityIn } from './common.ts';

const PROPERTIES_MAX = 20;

/** What is known of a use beside how much it was. */
export const usageProperties = z
  .record(z.string().min(1).max(100), z.string('Property values are strings.').max(255))
  .refine((properties) => Object.keys(properties).length <= PROPERTIES_MAX, {
    error: `A record has at most ${PROPERTIES_MAX} properties; leave some out.`,
    params: { code: 'too_many_keys' },
  })
  .default({})
  .meta({ description: 'What a matrix price looks at.', examples: [{ region: 'eu' }] });

const USED_BELOW = 1_000_000_000_000;

/** How much was used at once. What is larger alone is a mistaken unit, and would keep its whole invoice from being made. */
export const usedQuantityIn = quantityIn.refine((quantity) => new Decimal(quantity).lt(USED_BELOW), {
  error: 'Write a quantity below 1,000,000,000,000; look at its unit, or report it in parts.',
  params: { code: 'too_big' },
});

export const usageCreate = z
  .strictObject({
    key: z.string().min(1).max(40).meta({ description: 'The item whose price is billed by usage.' }),
    quantity: usedQuantityIn.meta({
      description: 'How much; for prices that take a part of an amount, the amount.',
    }),
    timestamp: instantIn
      .optional()
      .meta({ description: 'When it was used, in a period that is not closed; now when absent.' }),
    properties: usageProperties,
    record_key: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[\x20-\x7e]+$/, 'Write 1 to 255 printable ASCII characters.')
      .optional()
      .meta({
        description:
          'Your own key of the record, unique in its subscription: the same record is counted once, however often and by whichever request it is sent.',
      }),
  })
  .meta({
    id: 'UsageCreate',
    examples: [{ key: 'calls', quantity: '1200', timestamp: '2027-03-15T10:00:00Z', record_key: 'job-81' }],
  });

export const usageOut = z
  .object({
    object: z.literal('usage_record'),
    id: idOut('use'),
    subscription: idOut('sub'),
    key: z.string(),
    quantity: z.string(),
    timestamp: instantOut,
    properties: z.record(z.string(), z.string()),
    record_key: z.string(),
    created_at: instantOut,
  })
  .meta({ id: 'UsageRecord', description: 'What was used of an item. Immutable.' });

/** A record of usage as the world sees it. */
export function presentUsage(record: UsageRecord): z.infer<typeof usageOut> {
  return {
    object: 'usage_record',
    id: record.id,
    subscription: record.subscriptionId,
    key: record.key,
    quantity: record.quantity.toFixed(),
    timestamp: presentInstant(record.at),
    properties: record.properties,
    record_key: record.idempotencyKey,
    created_at: presentInstant(record.createdAt),
  };
}
