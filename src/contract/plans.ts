import { z } from 'zod';
import type { PlanFeature } from '../domain/feature.ts';
import { PLAN_KINDS, type Plan, type PlanVersion, type Price } from '../domain/plan.ts';
import { checkSlots } from './check-price.ts';
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
} from './common.ts';
import { planFeatureOut, planFeatures, presentPlanFeature } from './features.ts';
import { addOnPriceCreate, presentPrice, priceCreate, priceOut } from './prices.ts';
import { checkThresholds, presentThreshold, usageThresholdOut, usageThresholds } from './usage-thresholds.ts';

const prices = z
  .array(priceCreate)
  .min(1, 'A plan needs at least one price.')
  .max(50, 'A plan has at most 50 prices.')
  .superRefine(checkSlots);

const addOnPrices = z
  .array(addOnPriceCreate)
  .min(1, 'An add-on needs at least one price.')
  .max(50, 'An add-on has at most 50 prices.')
  .superRefine(checkSlots);

const trialDays = z
  .int()
  .min(1, 'Write the days of the trial, from 1; leave it out for no trial.')
  .max(730, { error: 'A trial lasts at most 730 days.' });

const graceHours = z.int().min(0).max(720).meta({
  description:
    'How many hours the invoice of a closed period stays a draft, so that late usage counts; null or absent: as many as the tenant has.',
});

export const planCreate = z
  .strictObject({
    name: nameIn,
    external_id: externalId.optional(),
    description: z.string().max(2000).optional(),
    trial_days: trialDays
      .nullable()
      .optional()
      .meta({ description: 'The trial of new subscriptions that do not say otherwise.' }),
    prices,
    usage_thresholds: usageThresholds.optional(),
    features: planFeatures.optional(),
    invoice_grace_hours: graceHours.nullable().optional(),
    metadata: metadataIn.optional(),
  })
  .superRefine(checkThresholds)
  .meta({
    id: 'PlanCreate',
    examples: [
      {
        name: 'Pro',
        external_id: 'pro',
        prices: [
          {
            key: 'base',
            model: 'flat',
            unit_amount: '29.00',
            currency: 'USD',
            interval: { unit: 'month', count: 1 },
          },
        ],
      },
    ],
  });

export const planVersionCreate = z
  .strictObject({
    trial_days: trialDays.nullable().optional(),
    prices,
    usage_thresholds: usageThresholds.optional(),
    features: planFeatures.optional(),
    invoice_grace_hours: graceHours.nullable().optional(),
  })
  .superRefine(checkThresholds)
  .meta({
    id: 'PlanVersionCreate',
    description: 'The whole new price list; subscribers of earlier versions stay where they are.',
  });

export const addOnCreate = z
  .strictObject({
    name: nameIn,
    external_id: externalId.optional(),
    description: z.string().max(2000).optional(),
    prices: addOnPrices,
    features: planFeatures.optional(),
    metadata: metadataIn.optional(),
  })
  .meta({
    id: 'AddOnCreate',
    examples: [
      {
        name: 'Onboarding',
        external_id: 'onboarding',
        prices: [
          { key: 'onboarding', model: 'flat', unit_amount: '490.00', currency: 'USD', interval: null },
        ],
      },
    ],
  });

export const addOnVersionCreate = z
  .strictObject({ prices: addOnPrices, features: planFeatures.optional() })
  .meta({ id: 'AddOnVersionCreate', description: 'The whole new price list.' });

/** Which version of a plan or an add-on is meant. */
export const planVersionQuery = z.strictObject({
  version: z.coerce
    .number('Write a whole number.')
    .int('Write a whole number.')
    .min(1)
    .max(2_147_483_647)
    .optional()
    .meta({ description: 'The version that is sold when absent.' }),
});

export const planUpdate = z
  .strictObject({
    name: nameIn.optional(),
    description: z.string().max(2000).nullable().optional(),
    external_id: externalId.nullable().optional(),
    metadata: metadataPatch.optional(),
  })
  .meta({ id: 'PlanUpdate' });

export const planOut = z
  .object({
    object: z.enum(PLAN_KINDS),
    id: idOut('plan'),
    external_id: z.string().nullable(),
    name: z.string(),
    description: z.string().nullable(),
    version: z.int(),
    latest_version: z.int(),
    trial_days: z.int().nullable(),
    usage_thresholds: z.array(usageThresholdOut),
    features: z.array(planFeatureOut),
    invoice_grace_hours: z.int().nullable(),
    prices: z.array(priceOut),
    archived_at: instantOut.nullable(),
    metadata: metadataOut,
    created_at: instantOut,
    updated_at: instantOut,
  })
  .meta({ id: 'Plan' });

/** A plan or an add-on at one of its versions, with that version's prices and features. */
export function presentPlan(
  plan: Plan,
  version: PlanVersion,
  latestVersion: number,
  prices: readonly Price[],
  features: readonly PlanFeature[],
): z.infer<typeof planOut> {
  return {
    object: plan.kind,
    id: plan.id,
    external_id: plan.externalId,
    name: plan.name,
    description: plan.description,
    version: version.version,
    latest_version: latestVersion,
    trial_days: version.trialDays,
    usage_thresholds: version.usageThresholds.map(presentThreshold),
    features: features.map(presentPlanFeature),
    invoice_grace_hours: version.invoiceGraceHours,
    prices: prices.map(presentPrice),
    archived_at: presentOptionalInstant(plan.archivedAt),
    metadata: plan.metadata,
    created_at: presentInstant(plan.createdAt),
    updated_at: presentInstant(plan.updatedAt),
  };
}
