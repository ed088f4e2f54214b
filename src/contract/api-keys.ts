import { z } from 'zod';
import { type ApiKey, SCOPES } from '../domain/tenant.ts';
import { idOut, instantIn, instantOut, nameIn, presentInstant, presentOptionalInstant } from './common.ts';

export const apiKeyCreate = z
  .strictObject({
    name: nameIn,
    scopes: z
      .array(z.enum(SCOPES))
      .min(1, 'Name at least one scope; "*" stands for all.')
      .max(SCOPES.length)
      .default(['*'])
      .transform((scopes) => [...new Set(scopes)]),
    expires_at: instantIn.optional(),
  })
  .meta({ id: 'ApiKeyCreate', examples: [{ name: 'nightly report', scopes: ['read'] }] });

export const apiKeyOut = z
  .object({
    object: z.literal('api_key'),
    id: idOut('key'),
    name: z.string(),
    last4: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    expires_at: instantOut.nullable(),
    revoked_at: instantOut.nullable(),
    last_used_at: instantOut.nullable().meta({ description: 'To the minute.' }),
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'ApiKey' });

export const apiKeyCreatedOut = apiKeyOut
  .extend({
    key: z.string().meta({ description: 'The key itself. It is shown this once; only a hash is kept.' }),
  })
  .meta({ id: 'ApiKeyCreated' });

/** An API key as its tenant sees it: never the key, which nobody knows any more. */
export function presentApiKey(key: ApiKey): z.infer<typeof apiKeyOut> {
  return {
    object: 'api_key',
    id: key.id,
    name: key.name,
    last4: key.last4,
    scopes: key.scopes,
    expires_at: presentOptionalInstant(key.expiresAt),
    revoked_at: presentOptionalInstant(key.revokedAt),
    last_used_at: presentOptionalInstant(key.lastUsedAt),
    created_at: presentInstant(key.createdAt),
    updated_at: presentInstant(key.updatedAt),
  };
}
