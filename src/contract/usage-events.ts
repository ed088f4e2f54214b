import { z } from 'zod';
import type { IncomingUsage, IngestOutcome } from '../domain/usage-event.ts';
import { USAGE_REFUSALS } from '../domain/usage-event.ts';
import { idIn, instantIn } from './common.ts';
import { isUsageProblem, USAGE_LIMITS, type UsageProblem } from './read-usage-event.ts';
import { USAGE_EVENTS_MAX } from './usage-body.ts';

const storable = (schema: z.ZodString) =>
  schema.refine((value) => !value.includes('\0') && value.isWellFormed(), {
    error: 'It contains NUL or half of a surrogate pair; take it out.',
    params: { code: 'character_invalid' },
  });
const text = (lengthMax: number) => storable(z.string().min(1).max(lengthMax));

const property = z.union([
  storable(z.string().max(USAGE_LIMITS.value)),
  z.number().gt(-1e18).lt(1e18).meta({ description: 'At most 12 decimals; longer ones as strings.' }),
  z.boolean(),
]);

/** An event as it is sent; requests are read by `readUsageEvent`, which says the same faster. */
export const usageEventIn = z
  .strictObject({
    idempotency_key: text(USAGE_LIMITS.key).meta({
      description: 'Your own key of the event: however often it is sent, it counts once.',
    }),
    event_name: text(USAGE_LIMITS.name).meta({ description: 'What meters look for.' }),
    customer_id: idIn('cus', 'customer').optional(),
    external_customer_id: text(USAGE_LIMITS.externalId)
      .optional()
      .meta({ description: 'Your own id of the customer, who may be created later.' }),
    subscription_id: idIn('sub', 'subscription')
      .optional()
      .meta({ description: 'For subscriptions whose `usage_scope` is `subscription`.' }),
    timestamp: instantIn.meta({
      description: "When it happened: at most five minutes ahead, and not before the tenant's late window.",
    }),
    properties: z
      .record(text(USAGE_LIMITS.name), property)
      .refine((properties) => Object.keys(properties).length <= USAGE_LIMITS.properties)
      .optional()
      .meta({ description: 'Up to 50 values: what meters add up, filter and group by.' }),
  })
  .meta({ id: 'UsageEventCreate' });

const example = {
  idempotency_key: 'req-7c1f-81',
  event_name: 'api_call',
  external_customer_id: 'acme-42',
  timestamp: '2027-03-15T10:00:00Z',
  properties: { region: 'eu', bytes: 5120 },
};

export const usageEventsIn = z
  .union([
    z.strictObject({ events: z.array(usageEventIn).min(1).max(USAGE_EVENTS_MAX) }),
    z.array(usageEventIn).min(1).max(USAGE_EVENTS_MAX),
    usageEventIn,
  ])
  .meta({
    description: 'Up to 1,000 events in at most 1 MB, or one event.',
    examples: [{ events: [example] }],
  });

export const ingestedOut = z
  .object({
    object: z.literal('list'),
    data: z
      .array(
        z.object({
          idempotency_key: z
            .string()
            .nullable()
            .meta({ description: 'Null where the event had none that can be read.' }),
          status: z.enum(['accepted', 'duplicate', 'rejected']),
          code: z.string().optional().meta({ description: 'Why it was rejected; for programs.' }),
          path: z.string().optional().meta({ description: 'Which field of the event is wrong.' }),
          message: z.string().optional().meta({ description: 'What is wrong and what to do, for a person.' }),
        }),
      )
      .meta({ description: 'One for each event, in the order in which they were sent.' }),
    accepted: z.int().meta({ description: 'These count from now on.' }),
    duplicates: z.int().meta({ description: 'These counted already and are not counted again.' }),
    rejected: z.int().meta({ description: 'These do not count; the reasons stand with them.' }),
  })
  .meta({ id: 'IngestedUsage' });

/** What became of every event of a request. `outcomes` are those of the events that could be read, in their order. */
export function presentIngested(
  read: readonly (IncomingUsage | UsageProblem)[],
  outcomes: readonly IngestOutcome[],
): z.infer<typeof ingestedOut> {
  const counts = { accepted: 0, duplicates: 0, rejected: 0 };
  let next = 0;
  const data = read.map((event) => {
    if (isUsageProblem(event)) {
      counts.rejected += 1;
      const { key, path, code, message } = event;
      return { idempotency_key: key, status: 'rejected' as const, code, path, message };
    }
    const outcome = outcomes[next];
    next += 1;
    if (outcome === undefined) throw new Error('an event has no outcome');
    if (typeof outcome !== 'string') {
      counts.rejected += 1;
      const { rejected: code, message } = outcome;
      const { path } = USAGE_REFUSALS[code];
      return { idempotency_key: event.key, status: 'rejected' as const, code, path, message };
    }
    if (outcome === 'accepted') counts.accepted += 1;
    else counts.duplicates += 1;
    return { idempotency_key: event.key, status: outcome };
  });
  return { object: 'list', data, ...counts };
}
