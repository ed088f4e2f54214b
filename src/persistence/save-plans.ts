import { sql } from 'kysely';
import { DomainError } from '../domain/errors.ts';
import type { PlanFeature } from '../domain/feature.ts';
import type { Plan, PlanVersion, Price } from '../domain/plan.ts';
import type { Tx } from './doors.ts';
import { PlanFeatureSchema } from './features.ts';
import { PlanSchema, PlanVersionSchema, PriceSchema } from './plans.ts';
import { findRow, findRows, insertRow, insertRows, selectRows, updateRows } from './rows.ts';
import { isTaken } from './trouble.ts';

/** The catalogue, written directly by requests. Prices are only ever inserted. */

/** A plan at one version, with the prices everybody is sold at that version, in the order they were given, and its features. */
export type PlanAtVersion = {
  plan: Plan;
  version: PlanVersion;
  latestVersion: number;
  prices: Price[];
  features: PlanFeature[];
};

export function insertPlan(tx: Tx, plan: Plan): Promise<Plan> {
  return uniqueExternalId(() => insertRow(tx, PlanSchema, plan));
}

export async function updatePlan(tx: Tx, plan: Plan): Promise<Plan> {
  await uniqueExternalId(() => updateRows(tx, PlanSchema, { id: plan.id }, plan));
  return plan;
}

/** Publishes a version: the one before it is no longer sold. The caller holds the lock of the plan. */
export async function insertPlanVersion(
  tx: Tx,
  version: PlanVersion,
  prices: readonly Price[],
  features: readonly PlanFeature[],
): Promise<void> {
  await updateRows(tx, PlanVersionSchema, { planId: version.planId, active: true }, { active: false });
  await insertRow(tx, PlanVersionSchema, version);
  await insertRows(tx, PriceSchema, prices);
  await insertRows(tx, PlanFeatureSchema, features);
}

/** The plan at a version, or at the one that is sold. Null when it has no such version. */
export async function findPlanAtVersion(
  tx: Tx,
  plan: Plan,
  version: number | null,
): Promise<PlanAtVersion | null> {
  const [active, sold, features] = await Promise.all([
    findRow(tx, PlanVersionSchema, { planId: plan.id, active: true }),
    selectRows(
      tx,
      PriceSchema,
      sql`plan_id = ${plan.id} and subscription_id is null and plan_version = (
        select version from plan_versions where plan_id = ${plan.id} and active) order by id`,
    ),
    findRows(tx, PlanFeatureSchema, { planId: plan.id }, { orderBy: { featureId: 'asc' } }),
  ]);
  if (!active) throw new Error(`plan ${plan.id} has no active version`);
  const wanted =
    version === null ? active : await findRow(tx, PlanVersionSchema, { planId: plan.id, version });
  if (!wanted) return null;
  const own = features.filter(({ planVersion }) => planVersion === wanted.version);
  if (wanted.version === active.version)
    return { plan, version: wanted, latestVersion: active.version, prices: sold, features: own };
  const prices = await findRows(
    tx,
    PriceSchema,
    { planId: plan.id, planVersion: wanted.version, subscriptionId: null },
    { orderBy: { id: 'asc' } },
  );
  return { plan, version: wanted, latestVersion: active.version, prices, features: own };
}

/** Several plans at the versions that are sold, in the order of `plans`. */
export async function atActiveVersions(tx: Tx, plans: readonly Plan[]): Promise<PlanAtVersion[]> {
  const planIds = plans.map((plan) => plan.id);
  const versions = await findRows(tx, PlanVersionSchema, { planId: { $in: planIds }, active: true });
  const prices = await findRows(
    tx,
    PriceSchema,
    { planId: { $in: planIds }, subscriptionId: null },
    { orderBy: { id: 'asc' } },
  );
  const features = await findRows(
    tx,
    PlanFeatureSchema,
    { planId: { $in: planIds } },
    { orderBy: { featureId: 'asc' } },
  );
  return plans.map((plan) => {
    const version = versions.find((candidate) => candidate.planId === plan.id);
    if (!version) throw new Error(`plan ${plan.id} has no active version`);
    const isOwn = (row: { planId: string; planVersion: number }) =>
      row.planId === plan.id && row.planVersion === version.version;
    return {
      plan,
      version,
      latestVersion: version.version,
      prices: prices.filter(isOwn),
      features: features.filter(isOwn),
    };
  });
}

export function findPrice(tx: Tx, id: string): Promise<Price | null> {
  return findRow(tx, PriceSchema, { id });
}

async function uniqueExternalId<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isTaken(error, 'plans_external_id')) throw error;
    throw new DomainError(
      'external_id_taken',
      'Another plan or add-on has this external_id; choose one of its own, or publish a new version of that one.',
      {
        errors: [
          {
            path: 'external_id',
            code: 'taken',
            message: 'Another plan or add-on has it; choose one of its own.',
          },
        ],
      },
    );
  }
}
