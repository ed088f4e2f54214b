import type { Subscription } from '../domain/subscription.ts';
import type { Tenant } from '../domain/tenant.ts';
import type { Tx } from './doors.ts';
import { PlanVersionSchema } from './plans.ts';
import { findRow } from './rows.ts';

/** A version of a plan is never edited, so each is read once by a process. */
const KNOWN = new Map<string, number | null>();
const KNOWN_MAX = 10_000;

/** How many hours the invoice of a closed period stays a draft: as the plan says, else as the tenant does (billing rule 27). */
export async function graceHoursOf(
  tx: Tx,
  { planId, planVersion: version }: Pick<Subscription, 'planId' | 'planVersion'>,
  tenant: Pick<Tenant, 'invoiceGraceHours'>,
): Promise<number> {
  const key = `${planId} ${version}`;
  let ofPlan = KNOWN.get(key);
  if (ofPlan === undefined) {
    const row = await findRow(tx, PlanVersionSchema, { planId, version });
    ofPlan = row?.invoiceGraceHours ?? null;
    if (KNOWN.size > KNOWN_MAX) KNOWN.clear();
    KNOWN.set(key, ofPlan);
  }
  return ofPlan ?? tenant.invoiceGraceHours;
}
