import type { Sold, WantedAddOn } from '../src/domain/compose-change.ts';
import type { FieldError } from '../src/domain/errors.ts';
import { Decimal } from '../src/domain/money.ts';
import type { PlanKind } from '../src/domain/plan.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findPlanByReference } from '../src/persistence/find-by-reference.ts';
import { findPlanAtVersion } from '../src/persistence/save-plans.ts';

const NOUNS: Record<PlanKind, string> = { plan: 'plan', add_on: 'add-on' };

/** What is asked for, and where it stands in the request. */
type Wanted = {
  kind: PlanKind;
  reference: string;
  version: number | null;
  path: string;
  /** Whoever is on an archived plan may still go to another version of it. */
  archivedToo?: boolean;
};

/**
 * A plan or an add-on at the version that is meant, or the one that is sold. One that is archived, or not there, is named
 * in `errors`, and null.
 */
export async function findSold(
  tx: Tx,
  { kind, reference, version, path, archivedToo = false }: Wanted,
  errors: FieldError[],
): Promise<Sold | null> {
  const plan = await findPlanByReference(tx, reference);
  const noun = NOUNS[kind];
  if (plan?.kind !== kind) {
    errors.push({ path, code: 'not_found', message: `There is no such ${noun}; create it first.` });
    return null;
  }
  if (plan.archivedAt && !archivedToo) {
    errors.push({
      path,
      code: 'plan_not_active',
      message: `This ${noun} is archived; use another one.`,
    });
    return null;
  }
  const at = await findPlanAtVersion(tx, plan, version);
  if (at) return { planId: plan.id, version: at.version.version, prices: at.prices };
  errors.push({
    path: `${path}_version`,
    code: 'not_found',
    message: `The ${noun} has no version ${version}; leave it out for the one that is sold.`,
  });
  return null;
}

type AddOnIn = { add_on: string; key?: string | undefined; quantity?: string | undefined };

/** Add-ons by reference, for `composeChange`; those that are not there are named in `errors`. */
export async function findAddOns(
  tx: Tx,
  asked: readonly AddOnIn[] | undefined,
  field: 'add_ons' | 'once',
  errors: FieldError[],
): Promise<WantedAddOn[]> {
  const found = await Promise.all(
    (asked ?? []).map(async ({ add_on: reference, key, quantity }, index) => {
      const path = `${field}[${index}].add_on`;
      const sold = await findSold(tx, { kind: 'add_on', reference, version: null, path }, errors);
      return (
        sold && { sold, key: key ?? null, quantity: quantity === undefined ? null : new Decimal(quantity) }
      );
    }),
  );
  return found.flatMap((addOn) => addOn ?? []);
}
