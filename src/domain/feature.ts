import type { Decimal } from './money.ts';
import type { Metadata } from './tenant.ts';

/** There or not; so many of something; so much of what a meter counts. */
export const FEATURE_KINDS = ['boolean', 'limit', 'metered'] as const;
export type FeatureKind = (typeof FEATURE_KINDS)[number];

/** When what was used begins at zero again: with the subscription's period, or with the calendar of the customer's zone. */
export const FEATURE_RESETS = ['billing_period', 'day', 'week', 'month', 'year'] as const;
export type FeatureReset = (typeof FEATURE_RESETS)[number];

/** What can be had or used. Which customers have it, and how much, is said by plans and overrides. */
export type Feature = {
  id: string;
  tenantId: string;
  externalId: string | null;
  name: string;
  kind: FeatureKind;
  /** What counts its use; for `metered` only. */
  meterId: string | null;
  /** For `metered` only. */
  reset: FeatureReset | null;
  archivedAt: Date | null;
  metadata: Metadata;
  createdAt: Date;
  updatedAt: Date;
};

/** What a version of a plan or an add-on gives of a feature. Immutable, like its prices. */
export type PlanFeature = {
  planId: string;
  planVersion: number;
  featureId: string;
  tenantId: string;
  /** Null: no limit; always null for a feature that is only there. */
  limitQuantity: Decimal | null;
  /** Whether going on beyond the limit is allowed. */
  soft: boolean;
};

/** What one customer has of a feature instead of what plans give, until `expiresAt` where that is set. */
export type EntitlementOverride = {
  customerId: string;
  featureId: string;
  tenantId: string;
  /** False takes the feature away. */
  enabled: boolean;
  limitQuantity: Decimal | null;
  soft: boolean;
  expiresAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};
