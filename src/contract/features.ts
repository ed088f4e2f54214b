import { z } from 'zod';
import { FEATURE_KINDS, FEATURE_RESETS, type Feature, type PlanFeature } from '../domain/feature.ts';
import {
  externalId,
  idOut,
  instantOut,
  metadataIn,
  metadataOut,
  metadataPatch,
  nameIn,
  presentInstant,
  presentOptionalInstant,
  quantityIn,
  reference,
} from './common.ts';

export const featureCreate = z
  .strictObject({
    name: nameIn,
    external_id: externalId.optional(),
    kind: z.enum(FEATURE_KINDS, { error: `Write one of ${FEATURE_KINDS.join(', ')}.` }).meta({
      description:
        '`boolean`: there or not. `limit`: so many of something, such as seats. `metered`: so much of what a meter counts.',
    }),
    meter: reference('mtr', 'meter').optional().meta({ description: 'What counts its use; for metered.' }),
    reset: z.enum(FEATURE_RESETS).optional().meta({
      description:
        "When what was used begins at zero again; for metered. `billing_period`, unless told otherwise, is that of the subscription's item which bills the meter, or of the subscription; the others are those of the customer's calendar, weeks from Monday.",
    }),
    metadata: metadataIn.optional(),
  })
  .superRefine(({ kind, meter, reset }, ctx) => {
    const refuse = (path: string, code: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [path], message, params: { code } });
    if (kind === 'metered' && meter === undefined)
      refuse('meter', 'required', 'Name the meter that counts its use.');
    if (kind !== 'metered' && meter !== undefined)
      refuse('meter', 'conflicting_fields', `A ${kind} counts nothing: leave it out, or make it metered.`);
    if (kind !== 'metered' && reset !== undefined)
      refuse('reset', 'conflicting_fields', `A ${kind} counts nothing: leave it out, or make it metered.`);
  })
  .meta({
    id: 'FeatureCreate',
    examples: [{ name: 'API calls', external_id: 'api_calls', kind: 'metered', meter: 'external:calls' }],
  });

export const featureUpdate = z
  .strictObject({
    name: nameIn.optional(),
    external_id: externalId.nullable().optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'FeatureUpdate' });

export const featureOut = z
  .object({
    object: z.literal('feature'),
    id: idOut('feat'),
    external_id: z.string().nullable(),
    name: z.string(),
    kind: z.enum(FEATURE_KINDS),
    meter: idOut('mtr').nullable(),
    reset: z.enum(FEATURE_RESETS).nullable(),
    archived_at: instantOut.nullable(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Feature', description: 'What can be had or used; plans and overrides say who has how much.' });

export function presentFeature(feature: Feature): z.infer<typeof featureOut> {
  return {
    object: 'feature',
    id: feature.id,
    external_id: feature.externalId,
    name: feature.name,
    kind: feature.kind,
    meter: feature.meterId,
    reset: feature.reset,
    archived_at: presentOptionalInstant(feature.archivedAt),
    metadata: feature.metadata,
    created_at: presentInstant(feature.createdAt),
    updated_at: presentInstant(feature.updatedAt),
  };
}

/** How much of a feature there is; also what an override says. */
export const limitIn = quantityIn
  .nullable()
  .meta({ description: 'Null: no limit. Not for boolean features.' });
export const softIn = z.boolean().default(false).meta({
  description: 'Whether going on beyond the limit is allowed.',
});

const FEATURES_MAX = 100;

/** What a version of a plan or an add-on gives. */
export const planFeatures = z
  .array(z.strictObject({ feature: reference('feat', 'feature'), limit: limitIn.optional(), soft: softIn }))
  .max(FEATURES_MAX, `A plan has at most ${FEATURES_MAX} features.`)
  .meta({
    description: 'What its subscribers are entitled to. Part of the version, like its prices.',
    examples: [[{ feature: 'external:sso' }, { feature: 'external:api_calls', limit: '10000' }]],
  });

export type PlanFeatureIn = z.output<typeof planFeatures>[number];

export const planFeatureOut = z.object({
  feature: idOut('feat'),
  limit: z.string().nullable(),
  soft: z.boolean(),
});

export function presentPlanFeature(given: PlanFeature): z.infer<typeof planFeatureOut> {
  return { feature: given.featureId, limit: given.limitQuantity?.toFixed() ?? null, soft: given.soft };
}
