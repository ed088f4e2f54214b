import { sql } from 'kysely';
import type { AttemptOutcome, DeliveryDecision } from '../domain/deliver.ts';
import type { Event } from '../domain/event.ts';
import type { WebhookDelivery } from '../domain/webhook.ts';
import type { Tx } from './doors.ts';
import { EventSchema } from './events.ts';
import { findRows, query, updateRows } from './rows.ts';
import { WebhookAttemptSchema, WebhookDeliverySchema } from './webhooks.ts';

/** A delivery that is ours until `leaseUntil`, which also tells our lease from a later one. */
export type ClaimedDelivery = {
  id: string;
  tenantId: string;
  endpointId: string;
  leaseUntil: Date;
  event: Event;
};

/**
 * Takes due deliveries of one endpoint for ourselves, in the order their events were recorded. Whoever dies with them
 * loses them when the lease ends, and they are due again.
 */
export async function claimDeliveries(
  tx: Tx,
  claim: { endpointId: string; at: Date; leaseUntil: Date; limit: number },
): Promise<ClaimedDelivery[]> {
  const at = claim.at.toISOString();
  const rows = await query<{ id: string; event_id: string }>(
    tx,
    sql`update webhook_deliveries set lease_until = ${claim.leaseUntil.toISOString()}, updated_at = ${at}
      where id in (
        select id from webhook_deliveries
        where endpoint_id = ${claim.endpointId} and status = 'pending' and next_attempt_at <= ${at}
          and (lease_until is null or lease_until <= ${at})
        order by next_attempt_at, event_id limit ${claim.limit} for update skip locked)
      returning id, event_id`,
  );
  if (rows.length === 0) return [];
  const deliveryIds = new Map(rows.map((row) => [row.event_id, row.id]));
  const events = await findRows(tx, EventSchema, { id: { $in: [...deliveryIds.keys()] } });
  return events
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || a.sequence - b.sequence)
    .flatMap((event) => {
      const id = deliveryIds.get(event.id);
      return id
        ? [
            {
              id,
              tenantId: event.tenantId,
              endpointId: claim.endpointId,
              leaseUntil: claim.leaseUntil,
              event,
            },
          ]
        : [];
    });
}

/**
 * Writes down that an attempt begins, before anything is sent. An attempt of a process that died is closed as such.
 *
 * @returns the delivery with this attempt counted, or null when it is no longer ours (lease lost, endpoint disabled).
 */
export async function beginAttempt(
  tx: Tx,
  claimed: ClaimedDelivery,
  at: Date,
): Promise<Pick<WebhookDelivery, 'attempts' | 'scheduleBase'> | null> {
  const rows = await query<{ attempts: number; schedule_base: number }>(
    tx,
    sql`update webhook_deliveries set attempts = attempts + 1, updated_at = ${at.toISOString()}
      where id = ${claimed.id} and status = 'pending' and lease_until = ${claimed.leaseUntil.toISOString()}
      returning attempts, schedule_base`,
  );
  const [row] = rows;
  if (!row) return null;
  await updateRows(
    tx,
    WebhookAttemptSchema,
    { deliveryId: claimed.id, finishedAt: null },
    { finishedAt: at, error: 'The worker ended before it could record the outcome.' },
  );
  await query(
    tx,
    sql`insert into webhook_attempts (delivery_id, n, tenant_id, started_at)
      values (${claimed.id}, ${row.attempts}, ${claimed.tenantId}, ${at.toISOString()})`,
  );
  return { attempts: row.attempts, scheduleBase: row.schedule_base };
}

export type FinishedAttempt = {
  n: number;
  outcome: AttemptOutcome & { excerpt: string | null };
  at: Date;
  latencyMs: number;
  decision: DeliveryDecision['delivery'];
};

/**
 * Writes down how an attempt ended and what follows. A success counts whoever reports it; anything else only from the
 * newest attempt, so that a straggler does not undo what came after it.
 */
export async function finishAttempt(
  tx: Tx,
  claimed: ClaimedDelivery,
  finished: FinishedAttempt,
): Promise<void> {
  const { n, outcome, at, latencyMs, decision } = finished;
  await updateRows(
    tx,
    WebhookAttemptSchema,
    { deliveryId: claimed.id, n },
    {
      finishedAt: at,
      latencyMs,
      status: outcome.status,
      error: outcome.error,
      responseExcerpt: outcome.excerpt,
    },
  );
  const lastError =
    decision.status === 'delivered' ? null : (outcome.error ?? `The receiver answered ${outcome.status}.`);
  await updateRows(
    tx,
    WebhookDeliverySchema,
    { id: claimed.id, status: 'pending', ...(decision.status === 'delivered' ? {} : { attempts: n }) },
    {
      status: decision.status,
      nextAttemptAt: decision.status === 'pending' ? decision.nextAttemptAt : null,
      deliveredAt: decision.status === 'delivered' ? at : null,
      leaseUntil: null,
      lastStatus: outcome.status,
      lastError: decision.status === 'dead' ? `${decision.reason} ${lastError}` : lastError,
      updatedAt: at,
    },
  );
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

/** Gives claimed deliveries back that were not begun. */
export async function releaseDeliveries(
  tx: Tx,
  claimed: readonly ClaimedDelivery[],
  at: Date,
): Promise<void> {
  const [first] = claimed;
  if (!first) return;
  await updateRows(
    tx,
    WebhookDeliverySchema,
    { id: { $in: claimed.map(({ id }) => id) }, status: 'pending', leaseUntil: first.leaseUntil },
    { leaseUntil: null, updatedAt: at },
  );
}

/** What an endpoint still has to do, and when the first of it is due: at its instant, or when a lease ends. */
export async function outlook(
  tx: Tx,
  endpointId: string,
): Promise<{ pending: number; nextDueAt: Date | null }> {
  const [row] = await query<{ pending: string; due_ms: string | null }>(
    tx,
    sql`select count(*) as pending,
        floor(extract(epoch from min(greatest(next_attempt_at, lease_until))) * 1000)::text as due_ms
      from webhook_deliveries where endpoint_id = ${endpointId} and status = 'pending'`,
  );
  return {
    pending: Number(row?.pending ?? 0),
    nextDueAt: row?.due_ms ? new Date(Number(row.due_ms)) : null,
  };
}
