import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { query, queryLater } from './rows.ts';

/** The answer of a step that was done before, verbatim, or null. A re-run returns it and computes nothing. */
export async function findStep<Answer>(
  tx: Tx,
  subscriptionId: string,
  stepKey: string,
): Promise<Answer | null> {
  const rows = await query<{ result: Answer }>(
    tx,
    sql`select result from steps where subscription_id = ${subscriptionId} and step_key = ${stepKey}`,
  );
  return rows[0]?.result ?? null;
}

/** Notes in the transaction of its effect that a step is done, and what it answered. */
export async function insertStep(
  tx: Tx,
  step: { tenantId: string; subscriptionId: string; stepKey: string; result: object; doneAt: Date },
): Promise<void> {
  queryLater(
    tx,
    sql`insert into steps (subscription_id, step_key, tenant_id, result, done_at)
      values (${step.subscriptionId}, ${step.stepKey}, ${step.tenantId}, ${JSON.stringify(step.result)}::jsonb, ${step.doneAt.toISOString()})`,
  );
}
