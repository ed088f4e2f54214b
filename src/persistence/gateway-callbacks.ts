import { sql } from 'kysely';
import type { GatewayConnection } from '../domain/customer.ts';
import { isFinished, type PaymentAttempt } from '../domain/payment.ts';
import { GatewayConnectionSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { clockOf } from './find.ts';
import { nudge } from './nudges.ts';
import { PaymentAttemptSchema } from './payments.ts';
import { findRow, lockRow, query, updateRows } from './rows.ts';

/** The connection that a callback's path names, across tenants: needs the system door. */
export function findConnectionByToken(
  tx: Tx,
  gateway: string,
  callbackToken: string,
): Promise<GatewayConnection | null> {
  return findRow(tx, GatewayConnectionSchema, { gateway, callbackToken });
}

export type GatewayNews = {
  connection: GatewayConnection;
  eventId: string;
  type: string;
  gatewayRef: string;
  now: Date;
};

/**
 * Puts a verified callback into the inbox and wakes the invoice whose charge it is about: that one asks the gateway
 * again, because the callback itself is only a hint. The same event twice changes nothing; an event about a charge we do
 * not know is kept as `unmatched`.
 */
export async function receiveCallback(
  tx: Tx,
  news: GatewayNews,
): Promise<'received' | 'duplicate' | 'unmatched' | 'ignored'> {
  const { connection, eventId, now } = news;
  const attempt = await lockRow(tx, PaymentAttemptSchema, {
    gateway: connection.gateway,
    gatewayRef: news.gatewayRef,
  });
  const status = attempt === null ? 'unmatched' : isFinished(attempt.status) ? 'ignored' : 'received';
  const stored = await query(
    tx,
    sql`insert into gateway_events (connection_id, event_id, tenant_id, type, gateway_ref, status, received_at, finished_at)
      values (${connection.id}, ${eventId}, ${connection.tenantId}, ${news.type}, ${news.gatewayRef}, ${status}, ${now.toISOString()},
        ${status === 'ignored' ? now.toISOString() : null})
      on conflict (connection_id, event_id) do nothing returning event_id`,
  );
  if (stored.length === 0) return 'duplicate';
  if (attempt && status === 'received') await checkAtOnce(tx, attempt, now);
  return status;
}

/** The next look at a charge is now, by its customer’s time, and its invoice is told. */
export async function checkAtOnce(tx: Tx, attempt: PaymentAttempt, now: Date): Promise<void> {
  const at = (await clockOf(tx, attempt.customerId))?.now ?? now;
  if (attempt.nextCheckAt === null || attempt.nextCheckAt > at) {
    await updateRows(tx, PaymentAttemptSchema, { id: attempt.id }, { nextCheckAt: at });
  }
  await nudge(tx, {
    tenantId: attempt.tenantId,
    kind: 'invoice',
    entityId: attempt.invoiceId,
    notBefore: now,
  });
}
