import { sql } from 'kysely';
import { type AttemptOutcome, type DeliveryDecision, isSuccess } from '../domain/deliver.ts';
import type { WebhookDelivery } from '../domain/webhook.ts';
import type { Tx } from './doors.ts';
import type { ClaimedDelivery } from './drain-deliveries.ts';
import { query, updateRows } from './rows.ts';
import { noteEndpointHealth, WebhookAttemptSchema } from './webhooks.ts';

/**
 * Attempts are written down in groups, whatever was sent side by side in one statement: a delivery costs a share of two
 * round trips and not ten of its own.
 */

/** What an attempt has to know of its delivery; `attempts` counts it. */
export type BegunAttempt = Pick<WebhookDelivery, 'attempts' | 'scheduleBase'>;

/**
 * Writes down that attempts begin, before anything is sent. Attempts of a process that died are closed as such.
 *
 * @returns by id those that are still ours; a lease that was lost or an endpoint that was disabled leaves one out.
 */
export async function beginAttempts(
  tx: Tx,
  claimed: readonly ClaimedDelivery[],
  startedAt: Date,
): Promise<Map<string, BegunAttempt>> {
  if (claimed.length === 0) return new Map();
  const at = startedAt.toISOString();
  const rows = await query<{ id: string; attempts: number; schedule_base: number }>(
    tx,
    sql`with begun as (
        update webhook_deliveries delivery set attempts = delivery.attempts + 1, updated_at = ${at}
        from unnest(${claimed.map(({ id }) => id)}::text[], ${claimed.map(({ leaseUntil }) => leaseUntil.toISOString())}::timestamptz[])
          as ours (id, lease_until)
        where delivery.id = ours.id and delivery.status = 'pending' and delivery.lease_until = ours.lease_until
        returning delivery.id, delivery.tenant_id, delivery.attempts, delivery.schedule_base),
      cut_off as (
        update webhook_attempts attempt
        set finished_at = ${at}, error = 'The worker ended before it could record the outcome.'
        from begun where attempt.delivery_id = begun.id and attempt.finished_at is null),
      started as (
        insert into webhook_attempts (delivery_id, n, tenant_id, started_at)
        select id, attempts, tenant_id, ${at} from begun)
      select id, attempts, schedule_base from begun`,
  );
  return new Map(
    rows.map(({ id, attempts, schedule_base: scheduleBase }) => [id, { attempts, scheduleBase }]),
  );
}

export type FinishedAttempt = {
  claimed: ClaimedDelivery;
  n: number;
  outcome: AttemptOutcome & { excerpt: string | null };
  at: Date;
  latencyMs: number;
  decision: DeliveryDecision['delivery'];
};

/**
 * Writes down how attempts of one endpoint ended, in the order given, and what follows. A success counts whoever
 * reports it; anything else only from the newest attempt, so that a straggler does not undo what came after it.
 */
export async function finishAttempts(
  tx: Tx,
  endpointId: string,
  finished: readonly FinishedAttempt[],
): Promise<void> {
  if (finished.length === 0) return;
  // The endpoint before its deliveries, always, so that two transactions never wait for each other.
  await Promise.all([noteHealth(tx, endpointId, finished), recordOutcomes(tx, finished)]);
}

/** A success ends what failed before it; what failed after the last one is the beginning of a new trouble. */
async function noteHealth(tx: Tx, endpointId: string, finished: readonly FinishedAttempt[]): Promise<void> {
  const lastSuccess = finished.findLastIndex(({ outcome }) => isSuccess(outcome));
  const firstFailure = finished[lastSuccess + 1];
  await Promise.all([
    finished[lastSuccess] && noteEndpointHealth(tx, endpointId, 'success', finished[lastSuccess].at),
    firstFailure && noteEndpointHealth(tx, endpointId, 'failure', firstFailure.at),
  ]);
}

async function recordOutcomes(tx: Tx, finished: readonly FinishedAttempt[]): Promise<void> {
  const column = <T>(of: (one: FinishedAttempt) => T): T[] => finished.map(of);
  await query(
    tx,
    sql`with ended as (
        select * from unnest(${column(({ claimed }) => claimed.id)}::text[], ${column(({ n }) => n)}::integer[],
          ${column(({ at }) => at.toISOString())}::timestamptz[], ${column(({ latencyMs }) => latencyMs)}::integer[],
          ${column(({ outcome }) => outcome.status)}::integer[], ${column(({ outcome }) => outcome.error)}::text[],
          ${column(({ outcome }) => outcome.excerpt)}::text[], ${column(({ decision }) => decision.status)}::text[],
          ${column(nextAttempt)}::timestamptz[], ${column(lastError)}::text[])
        as ended (id, n, at, latency_ms, status, error, excerpt, decision, next_attempt_at, last_error)),
      recorded as (
        update webhook_attempts attempt
        set finished_at = ended.at, latency_ms = ended.latency_ms, status = ended.status, error = ended.error,
          response_excerpt = ended.excerpt
        from ended where attempt.delivery_id = ended.id and attempt.n = ended.n)
      update webhook_deliveries delivery
      set status = ended.decision, next_attempt_at = ended.next_attempt_at, lease_until = null, last_status = ended.status,
        last_error = ended.last_error, updated_at = ended.at,
        delivered_at = case ended.decision when 'delivered' then ended.at end
      from ended
      where delivery.id = ended.id and delivery.status = 'pending'
        and (ended.decision = 'delivered' or delivery.attempts = ended.n)`,
  );
}

function nextAttempt({ decision }: FinishedAttempt): string | null {
  return decision.status === 'pending' ? decision.nextAttemptAt.toISOString() : null;
}

function lastError({ decision, outcome }: FinishedAttempt): string | null {
  if (decision.status === 'delivered') return null;
  const error = outcome.error ?? `The receiver answered ${outcome.status}.`;
  return decision.status === 'dead' ? `${decision.reason} ${error}` : error;
}

/** An attempt that we broke off ourselves: due again at once, and it takes no place in the schedule. */
export async function interruptAttempt(tx: Tx, claimed: ClaimedDelivery, n: number, at: Date): Promise<void> {
  await updateRows(
    tx,
    WebhookAttemptSchema,
    { deliveryId: claimed.id, n },
    { finishedAt: at, error: 'The attempt was interrupted because the worker stopped.' },
  );
  await query(
    tx,
    sql`update webhook_deliveries set schedule_base = schedule_base + 1, next_attempt_at = ${at.toISOString()},
        lease_until = null, updated_at = ${at.toISOString()}
      where id = ${claimed.id} and status = 'pending' and attempts = ${n}`,
  );
}
