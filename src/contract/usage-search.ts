import { z } from 'zod';
import type { StoredUsage } from '../domain/usage-event.ts';
import { instantIn, instantOut, listQuery, presentInstant, reference, timeZoneIn } from './common.ts';

/** What tells events apart, for the search and for the volume. */
const filters = {
  customer: reference('cus', 'customer').optional(),
  external_customer_id: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'As the events were sent; also of customers that are not there yet.' }),
  subscription: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Only events of this subscription alone.' }),
  event_name: z.string().min(1).max(100).optional(),
};

const PROPERTY = /^property\[(.{1,100})\]$/s;

export const usageSearchQuery = {
  limit: listQuery.limit,
  cursor: z
    .string()
    .min(1)
    .max(600)
    .optional()
    .meta({ description: 'The `next_cursor` of the page before.' }),
  ...filters,
  'timestamp[gte]': instantIn.optional(),
  'timestamp[lt]': instantIn.optional(),
  voided: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: 'Only events that do not count any more, or only those that do.' }),
  'property[name]': z
    .string()
    .optional()
    .meta({ description: 'Only events whose property of that name has this value: `property[region]=eu`.' }),
};

/** Refuses what is neither named nor a property; a strict object knows no names that follow a pattern. */
export function withProperties<T extends z.ZodRawShape>(shape: T) {
  return z.looseObject(shape).superRefine((query, context) => {
    for (const [name, value] of Object.entries(query)) {
      if (Object.hasOwn(shape, name)) continue;
      if (!PROPERTY.test(name))
        context.addIssue({ code: 'unrecognized_keys', keys: [name], input: query, path: [] });
      else if (typeof value !== 'string')
        context.addIssue({ code: 'custom', path: [name], message: 'Write one value for each property.' });
    }
  });
}

/** The properties that a query asks for, by name. */
export function propertiesOf(query: Record<string, unknown>): Record<string, string> {
  const found = Object.entries(query).flatMap(([parameter, value]) => {
    const name = PROPERTY.exec(parameter)?.[1];
    return name !== undefined && typeof value === 'string' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}

export const usageEventOut = z
  .object({
    object: z.literal('usage_event'),
    idempotency_key: z.string(),
    revision: z.int().meta({ description: 'How often it was amended; 0 as it was sent.' }),
    event_name: z.string(),
    customer_id: z.string().nullable().meta({ description: 'Null until the customer is there.' }),
    external_customer_id: z.string().nullable(),
    subscription_id: z.string().nullable(),
    timestamp: instantOut,
    properties: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    backfill: z.string().nullable(),
    ingested_at: instantOut,
    voided: z
      .object({
        reason: z.enum(['amended', 'deprecated', 'backfilled', 'reverted']),
        note: z.string().nullable(),
        at: instantOut,
      })
      .nullable()
      .meta({ description: 'Why it does not count; null while it does.' }),
  })
  .meta({ id: 'UsageEvent', description: 'Something that was used. Appended and never edited.' });

/** An event of use as the world sees it. */
export function presentUsageEvent(event: StoredUsage): z.infer<typeof usageEventOut> {
  const { void: voided } = event;
  return {
    object: 'usage_event',
    idempotency_key: event.key,
    revision: event.revision,
    event_name: event.eventName,
    customer_id: event.customerId,
    external_customer_id: event.externalCustomerId,
    subscription_id: event.subscriptionId,
    timestamp: presentInstant(event.at),
    properties: event.properties,
    backfill: event.backfillId,
    ingested_at: presentInstant(event.ingestedAt),
    voided: voided && { reason: voided.reason, note: voided.note, at: presentInstant(voided.at) },
  };
}

export const usageVolumeQuery = z.strictObject({
  ...filters,
  from: instantIn.meta({ description: 'Inclusive.' }),
  to: instantIn.meta({ description: 'Exclusive; for hours at most 31 days later, for days 400.' }),
  granularity: z.enum(['hour', 'day']).default('day'),
  time_zone: timeZoneIn.optional().meta({ description: "Whose hours and days; the tenant's when absent." }),
});

export const usageVolumeOut = z
  .object({
    object: z.literal('list'),
    granularity: z.enum(['hour', 'day']),
    time_zone: z.string(),
    data: z.array(
      z.object({
        start: instantOut,
        events: z.int().meta({ description: 'How many events there are of that time.' }),
        counting: z.int().meta({ description: 'Without those that were amended, deprecated or replaced.' }),
      }),
    ),
  })
  .meta({ id: 'UsageVolume' });
