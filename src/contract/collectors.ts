import { z } from 'zod';
import {
  COLLECTOR_STATUSES,
  type Collector,
  SIGNATURE_SCHEMES,
  TIMESTAMP_FORMATS,
} from '../domain/collector.ts';
import {
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  nameIn,
  presentInstant,
  presentOptionalInstant,
} from './common.ts';

/** Collectors: addresses at which other people's webhooks become usage events. */

const POINTER_REMEDY = 'Write a JSON pointer (RFC 6901), such as "/data/id"; it begins with a slash.';
const pointerIn = z
  .string()
  .max(300)
  .regex(/^(\/([^~/]|~[01])*)*$/, POINTER_REMEDY)
  .meta({ description: 'A JSON pointer (RFC 6901).', examples: ['/data/id'] });
const headerIn = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9-]+$/, 'Write the name of a header, such as "webhook-id".');

const sourceIn = z
  .union(
    [
      pointerIn,
      z.strictObject({ constant: z.union([z.string().max(500), z.number(), z.boolean()]) }),
      z.strictObject({ header: headerIn }),
      z.strictObject({ body: pointerIn }),
      z.strictObject({ index: z.literal(true) }),
    ],
    'Write a JSON pointer such as "/data/id", {"constant": …}, {"header": "…"}, {"body": "/…"} or {"index": true}.',
  )
  .meta({
    id: 'CollectorSource',
    description:
      'Where a value comes from: a JSON pointer (with `each`, from the element on), a constant, a header, a pointer from the body on, or the place in the list.',
  });

export const mappingIn = z
  .strictObject({
    each: pointerIn.optional().meta({
      description: 'Points at a list of which each element is an event; without it the body is one.',
    }),
    idempotency_key: z.union([sourceIn, z.array(sourceIn).min(1).max(5)]).meta({
      description:
        'What is the same when the sender repeats himself, and only then. Several sources are joined by a colon.',
    }),
    event_name: sourceIn,
    customer_id: sourceIn.optional(),
    external_customer_id: sourceIn.optional(),
    subscription_id: sourceIn.optional(),
    timestamp: sourceIn,
    timestamp_format: z.enum(TIMESTAMP_FORMATS).default('rfc3339'),
    properties: z
      .union(
        [pointerIn, z.record(z.string().min(1).max(100), sourceIn)],
        'Write an object of sources by name, or a pointer to an object.',
      )
      .default({})
      .meta({
        description:
          'Sources by name, of which those that lead nowhere are left out; or a pointer to an object whose texts, numbers and truth values are taken.',
      }),
  })
  .refine((mapping) => (mapping.customer_id === undefined) !== (mapping.external_customer_id === undefined), {
    path: ['customer_id'],
    error: 'Say where the customer stands: either customer_id or external_customer_id.',
    params: { code: 'customer_source_needed' },
  })
  .meta({
    id: 'CollectorMapping',
    examples: [
      {
        idempotency_key: '/id',
        event_name: '/type',
        external_customer_id: '/data/account',
        timestamp: '/created',
        timestamp_format: 'epoch_seconds',
        properties: { tokens: '/data/usage/tokens', source: { constant: 'llm' } },
      },
    ],
  });

const secretIn = z
  .string()
  .min(16, 'Write a secret of at least 16 characters.')
  .max(500)
  .optional()
  .meta({ description: "The sender's secret where the sender chose it; one is made when absent." });
const WHSEC = 'Write a Standard Webhooks secret: "whsec_" and base64, of 24 to 64 bytes.';
const isWhsec = (text: string) => /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/.test(text);

export const signatureIn = z
  .discriminatedUnion('scheme', [
    z.strictObject({
      scheme: z.literal('standard_webhooks'),
      secret: secretIn.refine((text) => text === undefined || isWhsec(text), WHSEC),
    }),
    z.strictObject({
      scheme: z.literal('hmac_sha256'),
      header: headerIn.default('x-signature-256').meta({
        description: 'Holds the HMAC-SHA256 of the body in hex, with or without "sha256=" before it.',
      }),
      secret: secretIn,
    }),
    z.strictObject({ scheme: z.literal('none') }),
  ])
  .meta({ description: 'How the sender proves who he is. With `none`, the secret address is all there is.' });

export const collectorCreate = z
  .strictObject({
    name: nameIn,
    mapping: mappingIn,
    signature: signatureIn.default({ scheme: 'standard_webhooks' }),
    metadata: metadataIn.optional(),
  })
  .meta({ id: 'CollectorCreate' });
export type CollectorIn = z.output<typeof collectorCreate>;

export const collectorUpdate = z
  .strictObject({
    name: nameIn.optional(),
    mapping: mappingIn.optional(),
    signature: signatureIn.optional().meta({ description: 'Takes the place of the former one at once.' }),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'CollectorUpdate' });

const overlap = z
  .int('Write a whole number of hours.')
  .min(0)
  .max(720)
  .default(24)
  .meta({ description: 'So long the former one is accepted too; 0: not at all.' });
export const tokenRotate = z
  .strictObject({ previous_expires_in_hours: overlap })
  .meta({ id: 'CollectorTokenRotate' });
export const secretRotate = z
  .strictObject({ previous_expires_in_hours: overlap, secret: secretIn })
  .meta({ id: 'CollectorSecretRotate' });

export const collectorTest = z
  .strictObject({
    mapping: mappingIn,
    body: z.unknown().meta({ description: 'What a sender would send; any JSON.' }),
    headers: z.record(z.string().max(100), z.string().max(1_000)).default({}),
  })
  .meta({ id: 'CollectorTest' });

const counts = z.int().min(0);
const shown = {
  id: idOut('col'),
  name: z.string(),
  status: z.enum(COLLECTOR_STATUSES),
  mapping: mappingIn,
  signature: z.object({ scheme: z.enum(SIGNATURE_SCHEMES), header: z.string().nullable() }),
  token_last4: z.string().meta({ description: 'The end of its address.' }),
  previous_token_expires_at: instantOut.nullable(),
  previous_secret_expires_at: instantOut.nullable(),
  counts: z.object({
    accepted: counts.meta({ description: 'Events that count.' }),
    duplicates: counts,
    rejected: counts.meta({ description: 'Events that were not taken; the last reason is in `last_error`.' }),
    refused: counts.meta({ description: 'Requests of which nothing was taken: unsigned, unreadable.' }),
  }),
  last_received_at: instantOut.nullable(),
  last_error: z
    .object({ at: instantOut, code: z.string(), message: z.string(), path: z.string().nullable() })
    .nullable(),
  metadata: metadataOut,
  created_at: instantOut,
  updated_at: instantOut,
};

export const collectorOut = z
  .object({ object: z.literal('collector'), ...shown })
  .meta({ id: 'Collector', description: "An address at which other people's webhooks become usage events." });

export const collectorWithSecretsOut = z
  .object({
    object: z.literal('collector'),
    ...shown,
    url: z
      .string()
      .nullable()
      .meta({ description: 'Give it to the sender. Shown once; null where it stays as it was.' }),
    secret: z
      .string()
      .nullable()
      .meta({ description: 'Signs the requests. Shown once; null where there is none or it stays.' }),
  })
  .meta({ id: 'CollectorWithSecrets' });

export const collectorTestOut = z
  .object({
    object: z.literal('collector_test'),
    data: z.array(
      z.object({
        event: z
          .record(z.string(), z.unknown())
          .nullable()
          .meta({ description: 'As `POST /v1/events` would be sent it; null where it could not be read.' }),
        problem: z
          .object({ path: z.string(), code: z.string(), message: z.string() })
          .nullable()
          .meta({ description: 'Why it would not be taken.' }),
      }),
    ),
    readable: counts,
    problems: counts,
  })
  .meta({ id: 'CollectorTestResult', description: 'What a mapping makes of a body. Nothing is stored.' });

/** A collector as its tenant sees it. */
export function presentCollector(collector: Collector): z.infer<typeof collectorOut> {
  return {
    object: 'collector',
    id: collector.id,
    name: collector.name,
    status: collector.status,
    mapping: mappingIn.parse(collector.mapping),
    signature: { scheme: collector.scheme, header: collector.signatureHeader },
    token_last4: collector.tokenLast4,
    previous_token_expires_at: presentOptionalInstant(collector.previousTokenExpiresAt),
    previous_secret_expires_at: presentOptionalInstant(collector.previousSecretExpiresAt),
    counts: {
      accepted: Number(collector.accepted),
      duplicates: Number(collector.duplicates),
      rejected: Number(collector.rejected),
      refused: Number(collector.refused),
    },
    last_received_at: presentOptionalInstant(collector.lastReceivedAt),
    last_error: collector.lastError,
    metadata: collector.metadata,
    created_at: presentInstant(collector.createdAt),
    updated_at: presentInstant(collector.updatedAt),
  };
}
