import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import { DomainError } from '../domain/errors.ts';
import type { EntitlementOverride, Feature, PlanFeature } from '../domain/feature.ts';
import {
  flag,
  id,
  instant,
  integer,
  json,
  optionalInstant,
  optionalRate,
  optionalText,
  text,
} from './columns.ts';
import type { Tx } from './doors.ts';
import { byReference } from './find-by-reference.ts';
import { findRow, insertRow, lockRow, query, updateRows } from './rows.ts';
import { isTaken } from './trouble.ts';

export const FeatureSchema = new EntitySchema<Feature>({
  name: 'Feature',
  tableName: 'features',
  properties: {
    id,
    tenantId: text,
    externalId: optionalText,
    name: text,
    kind: text,
    meterId: optionalText,
    reset: optionalText,
    archivedAt: optionalInstant,
    metadata: json,
    createdAt: instant,
    updatedAt: instant,
  },
});

export const PlanFeatureSchema = new EntitySchema<PlanFeature>({
  name: 'PlanFeature',
  tableName: 'plan_features',
  properties: {
    planId: { type: 'text', primary: true },
    planVersion: { ...integer, primary: true },
    featureId: { type: 'text', primary: true },
    tenantId: text,
    limitQuantity: optionalRate,
    soft: flag,
  },
});

export const EntitlementOverrideSchema = new EntitySchema<EntitlementOverride>({
  name: 'EntitlementOverride',
  tableName: 'entitlement_overrides',
  properties: {
    customerId: { type: 'text', primary: true },
    featureId: { type: 'text', primary: true },
    tenantId: text,
    enabled: flag,
    limitQuantity: optionalRate,
    soft: flag,
    expiresAt: optionalInstant,
    createdAt: instant,
    updatedAt: instant,
  },
});

/** By id also an archived feature; by external id never, because archiving frees it. */
export async function findFeatureByReference(
  tx: Tx,
  reference: string,
  options: { lock?: boolean } = {},
): Promise<Feature | null> {
  const where = byReference('feat', reference, { archivedAt: null });
  return where && (options.lock ? lockRow : findRow)(tx, FeatureSchema, where);
}

export function insertFeature(tx: Tx, feature: Feature): Promise<Feature> {
  return uniqueExternalId(() => insertRow(tx, FeatureSchema, feature));
}

export async function updateFeature(tx: Tx, feature: Feature): Promise<Feature> {
  await uniqueExternalId(() => updateRows(tx, FeatureSchema, { id: feature.id }, feature));
  return feature;
}

/** Sets what one customer has of a feature; what was set before is replaced. */
export async function putOverride(tx: Tx, override: EntitlementOverride): Promise<void> {
  const { customerId, featureId } = override;
  const { createdAt: _first, ...changes } = override;
  if ((await updateRows(tx, EntitlementOverrideSchema, { customerId, featureId }, changes)) > 0) return;
  await insertRow(tx, EntitlementOverrideSchema, override);
}

/** Answers whether there was one. */
export async function deleteOverride(tx: Tx, customerId: string, featureId: string): Promise<boolean> {
  const gone = await query(
    tx,
    sql`delete from entitlement_overrides where customer_id = ${customerId} and feature_id = ${featureId} returning feature_id`,
  );
  return gone.length > 0;
}

async function uniqueExternalId<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isTaken(error, 'features_external_id')) throw error;
    const message = 'Another feature has it; choose one of its own.';
    throw new DomainError(
      'external_id_taken',
      'Another feature has this external_id; choose one of its own.',
      {
        errors: [{ path: 'external_id', code: 'taken', message }],
      },
    );
  }
}
