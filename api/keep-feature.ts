import type { z } from 'zod';
import type { featureCreate, PlanFeatureIn } from '../src/contract/features.ts';
import type { FieldError } from '../src/domain/errors.ts';
import type { Feature, PlanFeature } from '../src/domain/feature.ts';
import { Decimal } from '../src/domain/money.ts';
import type { PlanVersion } from '../src/domain/plan.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findFeatureByReference, insertFeature } from '../src/persistence/features.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { findMeterByReference } from '../src/persistence/meters.ts';
import { newId } from '../src/platform/ids.ts';
import { invalid } from './validate.ts';

export async function createFeature(
  tx: Tx,
  tenantId: string,
  body: z.output<typeof featureCreate>,
): Promise<Feature> {
  const now = await databaseNow(tx);
  return insertFeature(tx, {
    id: newId('feat'),
    tenantId,
    externalId: body.external_id ?? null,
    name: body.name,
    kind: body.kind,
    meterId: body.meter === undefined ? null : await meterToCount(tx, body.meter),
    reset: body.kind === 'metered' ? (body.reset ?? 'billing_period') : null,
    archivedAt: null,
    metadata: body.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  });
}

/** The id of a meter that somebody names in the field `meter`. Throws `validation_failed`. */
export async function meterToCount(tx: Tx, reference: string): Promise<string> {
  const meter = await findMeterByReference(tx, reference);
  const refuse = (code: string, message: string) => invalid([{ path: 'meter', code, message }]);
  if (!meter) throw refuse('not_found', 'There is no such meter; create it first.');
  if (meter.archivedAt) throw refuse('meter_archived', 'This meter is archived; use another one.');
  return meter.id;
}

/** What a version of a plan gives, by what its request names. Throws `validation_failed` with everything that does not fit. */
export async function featuresFor(
  tx: Tx,
  { planId, version: planVersion, tenantId }: PlanVersion,
  asked: readonly PlanFeatureIn[],
): Promise<PlanFeature[]> {
  const given: PlanFeature[] = [];
  const errors: FieldError[] = [];
  for (const [index, { feature: reference, limit, soft }] of asked.entries()) {
    const at = `features[${index}]`;
    const refuse = (path: string, code: string, message: string) => errors.push({ path, code, message });
    const feature = await findFeatureByReference(tx, reference);
    const first = given.findIndex(({ featureId }) => featureId === feature?.id);
    if (!feature) refuse(`${at}.feature`, 'not_found', 'There is no such feature; create it first.');
    else if (feature.archivedAt)
      refuse(`${at}.feature`, 'feature_archived', 'This feature is archived; use another one.');
    else if (first >= 0)
      refuse(
        `${at}.feature`,
        'duplicate',
        'The feature stands there twice; keep one, with the sum of the limits.',
      );
    else {
      errors.push(...problemsOfLimit(feature, { limit, soft }, `${at}.`));
      given.push({
        planId,
        planVersion,
        featureId: feature.id,
        tenantId,
        limitQuantity: limitOf(limit),
        soft,
      });
    }
  }
  if (errors.length > 0) throw invalid(errors);
  return given;
}

export function limitOf(limit: string | null | undefined): Decimal | null {
  return limit === null || limit === undefined ? null : new Decimal(limit);
}

/** What is wrong with a limit for this kind of feature. `within`: where the fields stand, with a dot behind. */
export function problemsOfLimit(
  { kind }: Feature,
  { limit, soft }: { limit: string | null | undefined; soft: boolean },
  within = '',
): FieldError[] {
  const isBoolean = kind === 'boolean';
  if (!isBoolean && limit === undefined) {
    const message = 'Say how much of it there is; write null for no limit.';
    return [{ path: `${within}limit`, code: 'required', message }];
  }
  const message = 'The feature is there or not and has no limit: leave this out.';
  return [
    ...(isBoolean && limit ? [{ path: `${within}limit`, code: 'conflicting_fields', message }] : []),
    ...(isBoolean && soft ? [{ path: `${within}soft`, code: 'conflicting_fields', message }] : []),
  ];
}
