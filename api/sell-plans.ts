import type { z } from 'zod';
import { mergeMetadata, metadataFits } from '../src/contract/common.ts';
import type { PlanFeatureIn } from '../src/contract/features.ts';
import {
  type addOnCreate,
  type planCreate,
  type planOut,
  type planUpdate,
  presentPlan,
} from '../src/contract/plans.ts';
import type { PriceDraft } from '../src/contract/price-draft.ts';
import { readThresholds, type usageThresholds } from '../src/contract/usage-thresholds.ts';
import { DomainError, type FieldError } from '../src/domain/errors.ts';
import type { Plan, PlanKind, Price } from '../src/domain/plan.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { type Cause, recordEvents } from '../src/persistence/events.ts';
import { findItemByReference, findPlanByReference, found } from '../src/persistence/find-by-reference.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { PlanSchema } from '../src/persistence/plans.ts';
import {
  atActiveVersions,
  findPlanAtVersion,
  insertPlan,
  insertPlanVersion,
  type PlanAtVersion,
  updatePlan,
} from '../src/persistence/save-plans.ts';
import { newId } from '../src/platform/ids.ts';
import { featuresFor } from './keep-feature.ts';
import { metersFor } from './keep-meter.ts';
import { type ListQuery, listRows, pageOf, presentList } from './list.ts';
import type { Call } from './route.ts';
import { invalid } from './validate.ts';

/**
 * What is sold: plans and add-ons are written and read in the same way, and differ in what they can be used for.
 */

type Shown = z.infer<typeof planOut>;
type Described = z.output<typeof planCreate> | z.output<typeof addOnCreate>;
type Published = {
  trial_days?: number | null | undefined;
  usage_thresholds?: z.output<typeof usageThresholds> | undefined;
  invoice_grace_hours?: number | null | undefined;
  features?: readonly PlanFeatureIn[] | undefined;
  prices: readonly PriceDraft[];
};
type Where = Pick<Call, 'tenantId' | 'cause'>;

const NOUNS: Record<PlanKind, string> = { plan: 'plan', add_on: 'add-on' };

export async function createSold(tx: Tx, kind: PlanKind, where: Where, body: Described): Promise<Shown> {
  const now = await databaseNow(tx);
  const plan = await insertPlan(tx, {
    id: newId('plan'),
    tenantId: where.tenantId,
    kind,
    externalId: body.external_id ?? null,
    name: body.name,
    description: body.description ?? null,
    archivedAt: null,
    metadata: body.metadata ?? {},
    createdAt: now,
    updatedAt: now,
  });
  return announce(tx, where.cause, 'plan.created', await publish(tx, plan, 1, body, now), now);
}

export async function listSold(
  tx: Tx,
  kind: PlanKind,
  tenantId: string,
  query: ListQuery & { archived: 'true' | 'false' },
) {
  const filters = { tenantId, kind, archivedAt: query.archived === 'true' ? { $ne: null } : null };
  const page = await listRows(tx, PlanSchema, filters, pageOf(query));
  const shown = new Map((await atActiveVersions(tx, page.rows)).map((at) => [at.plan.id, present(at)]));
  return presentList(page, (plan) => found(shown.get(plan.id) ?? null, NOUNS[kind]));
}

/** `version` null: the one that is sold. */
export async function getSold(
  tx: Tx,
  kind: PlanKind,
  reference: string,
  version: number | null,
): Promise<Shown> {
  const plan = await ofKind(tx, kind, reference);
  return present(found(await findPlanAtVersion(tx, plan, version), `version of this ${NOUNS[kind]}`));
}

export async function updateSold(
  tx: Tx,
  kind: PlanKind,
  reference: string,
  cause: Cause,
  body: z.output<typeof planUpdate>,
): Promise<Shown> {
  const before = await ofKind(tx, kind, reference, { lock: true });
  const metadata = mergeMetadata(before.metadata, body.metadata);
  if (!metadataFits(metadata)) {
    const message = `With these, the ${NOUNS[kind]} has more than 50 keys; remove some.`;
    throw invalid([{ path: 'metadata', code: 'too_many_keys', message }]);
  }
  const now = await databaseNow(tx);
  const plan = await updatePlan(tx, {
    ...before,
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.description === undefined ? {} : { description: body.description }),
    ...(body.external_id === undefined ? {} : { externalId: body.external_id }),
    metadata,
    updatedAt: now,
  });
  return announce(tx, cause, 'plan.updated', await sold(tx, plan), now);
}

export async function publishVersion(
  tx: Tx,
  kind: PlanKind,
  reference: string,
  cause: Cause,
  body: Published,
): Promise<Shown> {
  const before = await ofKind(tx, kind, reference, { lock: true });
  if (before.archivedAt)
    throw new DomainError('plan_not_active', `This ${NOUNS[kind]} is archived; create another one.`);
  const { latestVersion } = await sold(tx, before);
  const now = await databaseNow(tx);
  const plan = await updatePlan(tx, { ...before, updatedAt: now });
  return announce(tx, cause, 'plan.updated', await publish(tx, plan, latestVersion + 1, body, now), now);
}

export async function archiveSold(tx: Tx, kind: PlanKind, reference: string, cause: Cause): Promise<Shown> {
  const before = await ofKind(tx, kind, reference, { lock: true });
  if (before.archivedAt) return present(await sold(tx, before));
  const now = await databaseNow(tx);
  const plan = await updatePlan(tx, { ...before, archivedAt: now, updatedAt: now });
  return announce(tx, cause, 'plan.archived', await sold(tx, plan), now);
}

/** The plan or add-on that is named; one of the other kind is not found under this name. */
async function ofKind(tx: Tx, kind: PlanKind, reference: string, options = {}): Promise<Plan> {
  const plan = await findPlanByReference(tx, reference, options);
  return found(plan?.kind === kind ? plan : null, NOUNS[kind]);
}

/** Writes a version, its prices and its features. The caller holds the lock of the plan, or has just made it. */
async function publish(
  tx: Tx,
  plan: Plan,
  version: number,
  asked: Published,
  now: Date,
): Promise<PlanAtVersion> {
  const items = await itemsOf(tx, asked.prices);
  const meters = await metersFor(tx, asked.prices);
  const prices = asked.prices.map(
    (price): Price => ({
      id: newId('price'),
      tenantId: plan.tenantId,
      planId: plan.id,
      planVersion: version,
      subscriptionId: null,
      key: price.key,
      name: price.name,
      itemId: price.item === null ? null : (items.get(price.item) ?? null),
      currency: price.currency,
      terms: price.terms,
      billing: price.billing,
      meterId: price.meter === null ? null : (meters.get(price.meter) ?? null),
      minimum: price.minimum,
      maximum: price.maximum,
      timing: price.timing,
      intervalUnit: price.interval?.unit ?? null,
      intervalCount: price.interval?.count ?? null,
      createdAt: now,
    }),
  );
  const published = {
    planId: plan.id,
    version,
    tenantId: plan.tenantId,
    active: true,
    trialDays: asked.trial_days ?? null,
    usageThresholds: readThresholds(asked),
    invoiceGraceHours: asked.invoice_grace_hours ?? null,
    createdAt: now,
  };
  const features = await featuresFor(tx, published, asked.features ?? []);
  await insertPlanVersion(tx, published, prices, features);
  return { plan, version: published, latestVersion: version, prices, features };
}

/** The ids of the items that prices name, by reference. Throws `validation_failed` for each that there is not. */
export async function itemsOf(
  tx: Tx,
  prices: readonly { item: string | null }[],
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  const errors: FieldError[] = [];
  for (const [index, { item: reference }] of prices.entries()) {
    if (reference === null || ids.has(reference)) continue;
    const item = await findItemByReference(tx, reference);
    if (item && !item.archivedAt) ids.set(reference, item.id);
    else {
      const message = item
        ? 'This item is archived; use another one.'
        : 'There is no such item; create it first.';
      errors.push({ path: `prices[${index}].item`, code: 'not_found', message });
    }
  }
  if (errors.length > 0) throw invalid(errors);
  return ids;
}

async function sold(tx: Tx, plan: Plan): Promise<PlanAtVersion> {
  return found(await findPlanAtVersion(tx, plan, null), 'version of this plan');
}

function present({ plan, version, latestVersion, prices, features }: PlanAtVersion): Shown {
  return presentPlan(plan, version, latestVersion, prices, features);
}

async function announce(
  tx: Tx,
  cause: Cause,
  type: 'plan.created' | 'plan.updated' | 'plan.archived',
  at: PlanAtVersion,
  now: Date,
): Promise<Shown> {
  const object = present(at);
  await recordEvents(tx, at.plan.tenantId, cause, [
    { type, objectType: 'plan', objectId: at.plan.id, data: { object }, createdAt: now },
  ]);
  return object;
}
