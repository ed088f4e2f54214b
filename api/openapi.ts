import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { EVENT_CATALOGUE, webhookBodySchema } from '../src/contract/events.ts';
import { problemOut } from '../src/contract/problem.ts';
import type { ErrorCode } from '../src/domain/errors.ts';
import { EVENT_TYPES, type EventType } from '../src/domain/event.ts';
import { PROBLEMS } from './problem.ts';
import type { Route, Tag } from './route.ts';

const INTRODUCTION = `Every request to a tenant's data carries \`Authorization: Bearer <API key>\`.

* Amounts are decimal strings in major units with their currency; times are RFC 3339 UTC; ids are opaque. Wherever an
  object has an \`external_id\`, \`external:<your id>\` (URL-encoded in paths) is accepted in place of its id.
* Lists are pages: \`limit\`, \`cursor\`, newest first, filters by field.
* Errors are \`application/problem+json\` with a stable \`code\`; \`errors\` names every field that is wrong.
* Every POST takes an \`Idempotency-Key\`: the same key with the same request gives the same effect once, and the same
  answer for at least 24 hours. Without one, the answer tells the key it was given. After a 503 repeat with that key.`;

const TAGS: Record<Tag, string> = {
  Customers: 'Who is billed.',
  'Payment methods': 'How customers pay. Card numbers never come here, only what the gateway made of them.',
  Plans: 'What is sold: plans with immutable versions and prices.',
  Subscriptions: 'What runs: each is a long-running workflow. Changes are commands, applied in order.',
  Usage: 'What was used: events, and the meters that count them.',
  Entitlements: 'What customers may have and use: features of plans, and what single customers have instead.',
  Alerts: 'Who is told, and when, that use or its cost has come to an amount.',
  Invoices: 'What is owed, with a trace of every amount.',
  Payments: 'What was tried and what was paid.',
  Webhooks: 'Where events are sent, signed by Standard Webhooks.',
  Events: 'What happened, as a feed.',
  'Test clocks': 'Time for customers in test mode.',
  'API keys': 'Who may do what.',
  Accounts: "For the installation's operator: accounts, their live and test tenants, first keys.",
  Operations: 'For whoever runs this.',
};

/** Every route may answer these, whatever it is for. */
const EVERY_ROUTE: readonly ErrorCode[] = [
  'malformed_request',
  'validation_failed',
  'rate_limited',
  'engine_busy',
  'internal_error',
];
const EVERY_KEY: readonly ErrorCode[] = ['unauthorized', 'key_expired'];
const EVERY_SCOPE: readonly ErrorCode[] = ['insufficient_scope'];
const EVERY_BODY: readonly ErrorCode[] = ['body_too_large', 'unsupported_media_type'];
const EVERY_KEYED_BODY: readonly ErrorCode[] = ['idempotency_key_reused', 'idempotency_key_in_use'];

/** The description of all routes, in OpenAPI 3.1, with nothing in it that depends on where it runs. */
export function buildOpenApi(routes: readonly Route[]) {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  return createDocument(
    {
      openapi: '3.1.0',
      info: {
        title: 'Perennial',
        version: '1',
        summary: 'Billing in which every subscription is a workflow',
        description: INTRODUCTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      paths,
      webhooks: Object.fromEntries(EVENT_TYPES.map((type) => [type, { post: webhook(type) }])),
      components: {
        securitySchemes: {
          apiKey: {
            type: 'http',
            scheme: 'bearer',
            description: "A tenant's API key, prn_live_… or prn_test_…",
          },
          operatorKey: { type: 'http', scheme: 'bearer', description: "The installation's operator key." },
        },
      },
    },
    { override: withoutNoise },
  );
}

function operation(route: Route): ZodOpenApiOperationObject {
  const scope = route.scope ? `\n\nNeeds the scope \`${route.scope}\`.` : '';
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: `${route.description ?? route.summary}${scope}`,
    tags: [route.tag],
    security:
      route.auth === 'public' ? [] : route.auth === 'tenant' ? [{ apiKey: [] }] : [{ operatorKey: [] }],
    requestParams: {
      ...(hasFields(route.params) ? { path: route.params } : {}),
      ...(hasFields(route.query) ? { query: route.query } : {}),
      ...(route.method === 'post' && route.work.kind !== 'raw'
        ? { header: route.revisioned ? IDEMPOTENCY.extend(IF_MATCH) : IDEMPOTENCY }
        : {}),
    },
    ...(route.body
      ? {
          requestBody: {
            required: !route.body.safeParse({}).success,
            content: { 'application/json': { schema: route.body } },
          },
        }
      : {}),
    ...(route.streams !== null
      ? { requestBody: { required: true, content: { [route.streams]: { schema: z.string() } } } }
      : {}),
    responses: responses(route),
  };
}

const IDEMPOTENCY = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'Makes repeating this request harmless. Generated and returned when absent.' }),
});

const IF_MATCH = {
  'If-Match': z.string().optional().meta({
    description: 'The revision you have seen; when it has moved on, nothing is done and 409 answers.',
  }),
};

function responses(route: Route): ZodOpenApiResponsesObject {
  const { status, description, schema, contentType } = route.response;
  const mediaType = contentType.split(';')[0] ?? contentType;
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(route)) {
    const known = byStatus.get(PROBLEMS[code].status) ?? [];
    byStatus.set(PROBLEMS[code].status, known.includes(code) ? known : [...known, code]);
  }
  const refusals = [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([code, codes]) => [String(code), problem(code, codes)]);
  return {
    [String(status)]: { description, content: { [mediaType]: schema ? { schema } : { schema: z.string() } } },
    ...Object.fromEntries(refusals),
  };
}

/** Common ones are written down once and referred to; `id` makes a component of them. */
function problem(status: number, codes: readonly ErrorCode[]): ZodOpenApiResponseObject {
  const id = `Problem${status}_${codes.join('_or_')}`;
  const made = problems.get(id) ?? {
    ...(codes.length <= 2 ? { id } : {}),
    description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
    content: { 'application/problem+json': { schema: problemOut } },
  };
  problems.set(id, made);
  return made;
}
const problems = new Map<string, ZodOpenApiResponseObject>();

function errorsOf(route: Route): ErrorCode[] {
  return [
    ...EVERY_ROUTE,
    ...(route.auth === 'public' ? [] : EVERY_KEY),
    ...(route.scope ? EVERY_SCOPE : []),
    ...(route.body ? EVERY_BODY : []),
    ...(route.body && route.work.kind !== 'raw' ? EVERY_KEYED_BODY : []),
    ...(route.errors ?? []),
  ];
}

function webhook(type: EventType): ZodOpenApiOperationObject {
  return {
    operationId: `on_${type.replaceAll('.', '_')}`,
    summary: EVENT_CATALOGUE[type][1],
    tags: ['Webhooks'],
    requestBody: { required: true, content: { 'application/json': { schema: webhookBodySchema(type) } } },
    responses: { '200': { description: 'Any 2xx counts as delivered; anything else is tried again.' } },
  };
}

function hasFields(schema: z.ZodType): schema is z.ZodObject {
  return schema instanceof z.ZodObject && Object.keys(schema.shape).length > 0;
}

type Override = NonNullable<NonNullable<Parameters<typeof createDocument>[1]>['override']>;

/** Answers may grow, so they do not promise to have no other field; and no bounds that only JavaScript has. */
const withoutNoise: Override = ({ jsonSchema, io }) => {
  if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
};
