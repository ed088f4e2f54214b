import { z } from 'zod';
import { type Allowance, type EntitlementSource, isAllowed, remainingOf } from '../domain/entitlement.ts';
import { FEATURE_KINDS, type Feature } from '../domain/feature.ts';
import { Decimal } from '../domain/money.ts';
import {
  idOut,
  instantIn,
  instantOut,
  presentInstant,
  presentOptionalInstant,
  quantityIn,
  reference,
} from './common.ts';
import { limitIn, softIn } from './features.ts';

export const overridePut = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'False takes the feature away.' }),
    limit: limitIn.optional(),
    soft: softIn,
    expires_at: instantIn
      .nullable()
      .default(null)
      .meta({ description: 'From then on the customer has what plans give again; null: never.' }),
  })
  .meta({ id: 'EntitlementOverride', examples: [{ limit: '50000', expires_at: '2027-03-01T00:00:00Z' }] });

/** Of which customer, which feature. */
export const entitlementPath = z.object({
  id: z
    .string()
    .min(1)
    .max(400)
    .meta({ description: 'The id of the customer, or `external:` and your own.' }),
  feature: z
    .string()
    .min(1)
    .max(400)
    .meta({ description: 'The id of the feature, or `external:` and your own (URL-encoded).' }),
});

export const subscriptionOnly = reference('sub', 'subscription').optional().meta({
  description: 'Only what this subscription gives, and what was used of it.',
});

export const entitlementQuery = z.strictObject({
  quantity: quantityIn.optional().meta({
    description:
      'How much more is about to be used; of a limit, how many there would be then. When absent: whether anything is left.',
  }),
  subscription: subscriptionOnly,
});

const amountOut = z.string().meta({ examples: ['10000'] });
const perGrant = { limit: amountOut.nullable(), soft: z.boolean() };

export const entitlementOut = z
  .object({
    object: z.literal('entitlement'),
    customer: idOut('cus'),
    feature: idOut('feat'),
    feature_external_id: z.string().nullable(),
    kind: z.enum(FEATURE_KINDS),
    allowed: z.boolean().meta({ description: 'The answer, for the quantity that was asked about.' }),
    limit: amountOut.nullable().meta({
      description:
        'Of all sources together; null: no limit, or a boolean feature. "0" where nothing gives it.',
    }),
    used: amountOut.nullable().meta({
      description: 'Since `period.start`, as it would be priced; null unless metered.',
    }),
    remaining: amountOut.nullable().meta({ description: 'Never below zero; null: no limit.' }),
    soft: z.boolean(),
    period: z
      .object({ start: instantOut, end: instantOut.nullable() })
      .nullable()
      .meta({ description: 'What `used` is counted of; null unless metered.' }),
    resets_at: instantOut.nullable().meta({
      description:
        'The end of that period; null unless metered, and for a moment while the next one is made.',
    }),
    sources: z
      .array(
        z.union([
          z.object({
            type: z.literal('plan'),
            subscription: idOut('sub'),
            plan: idOut('plan'),
            plan_version: z.int(),
            ...perGrant,
          }),
          z.object({ type: z.literal('override'), expires_at: instantOut.nullable(), ...perGrant }),
        ]),
      )
      .meta({ description: 'Where it comes from; none: the customer does not have it.' }),
  })
  .meta({ id: 'Entitlement', description: 'What a customer has of a feature, at the moment it was asked.' });

export const entitlementsOut = z.object({ object: z.literal('list'), data: z.array(entitlementOut) });

/** A feature, what its customer has of it, and what was used; `used` and `period` null unless it is metered. */
export type Entitlement = {
  customerId: string;
  feature: Feature;
  allowance: Allowance;
  used: Decimal | null;
  period: { start: Date; end: Date | null } | null;
};

export function presentEntitlement(
  { customerId, feature, allowance, used, period }: Entitlement,
  quantity: string | null,
): z.infer<typeof entitlementOut> {
  const isCounted = feature.kind === 'metered';
  const isBoolean = feature.kind === 'boolean';
  const asked = quantity === null ? null : new Decimal(quantity);
  const spent = used ?? new Decimal(0);
  return {
    object: 'entitlement',
    customer: customerId,
    feature: feature.id,
    feature_external_id: feature.externalId,
    kind: feature.kind,
    allowed: isAllowed(feature.kind, allowance, spent, asked),
    limit: isBoolean ? null : (allowance.limit?.toFixed() ?? null),
    used: isCounted ? spent.toFixed() : null,
    remaining: isBoolean ? null : (remainingOf(allowance, spent)?.toFixed() ?? null),
    soft: allowance.soft,
    period: period && { start: presentInstant(period.start), end: presentOptionalInstant(period.end) },
    resets_at: presentOptionalInstant(period?.end ?? null),
    sources: allowance.sources.map(presentSource),
  };
}

function presentSource(source: EntitlementSource) {
  const shared = { limit: source.limit?.toFixed() ?? null, soft: source.soft };
  if (source.type === 'override')
    return { type: source.type, expires_at: presentOptionalInstant(source.expiresAt), ...shared };
  const { type, subscriptionId: subscription, planId: plan, planVersion: plan_version } = source;
  return { type, subscription, plan, plan_version, ...shared };
}
