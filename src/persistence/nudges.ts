import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { queryLater } from './rows.ts';

export type NudgeKind = 'subscription' | 'invoice' | 'test_clock' | 'plan_migration' | 'usage_import';

/** Something a workflow waits for has changed. Owed until delivered: the relay repeats it (architecture, "Nudges"). */
export type Nudge = {
  workflowId: string;
  tenantId: string;
  kind: NudgeKind;
  entityId: string;
  version: number;
  attempts: number;
};

/**
 * Owes the workflow of an entity one `recheck`. A later call replaces an earlier one that is still owed; `notBefore`
 * delays it, for a process that is about to deliver the news itself.
 */
export async function nudge(
  tx: Tx,
  owed: { tenantId: string; kind: NudgeKind; entityId: string; notBefore: Date },
): Promise<void> {
  queryLater(
    tx,
    sql`insert into nudges (workflow_id, tenant_id, kind, entity_id, next_attempt_at, created_at)
      values (${`${owed.kind}/${owed.entityId}`}, ${owed.tenantId}, ${owed.kind}, ${owed.entityId}, ${owed.notBefore.toISOString()}, now())
      on conflict (workflow_id) do update set
        version = nudges.version + 1, attempts = 0, last_error = null,
        next_attempt_at = least(nudges.next_attempt_at, excluded.next_attempt_at)`,
  );
}

/** Forgets a delivered nudge, unless it was owed anew meanwhile. */
export async function settleNudge(tx: Tx, delivered: Pick<Nudge, 'workflowId' | 'version'>): Promise<void> {
  queryLater(
    tx,
    sql`delete from nudges where workflow_id = ${delivered.workflowId} and version = ${delivered.version}`,
  );
}

/** Takes a nudge back: what it was to bring about has happened. */
export async function forgetNudge(tx: Tx, kind: NudgeKind, entityId: string): Promise<void> {
  queryLater(tx, sql`delete from nudges where workflow_id = ${`${kind}/${entityId}`}`);
}

/** Notes a failed delivery; it is tried again at `retryAt`. */
export async function postponeNudge(tx: Tx, workflowId: string, error: string, retryAt: Date): Promise<void> {
  queryLater(
    tx,
    sql`update nudges set attempts = attempts + 1, last_error = ${error.slice(0, 500)}, next_attempt_at = ${retryAt.toISOString()}
      where workflow_id = ${workflowId}`,
  );
}
