import { sql } from 'kysely';
import type { GatewayConnection } from '../domain/customer.ts';
import { GatewayConnectionSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { PaymentAttemptSchema } from './payments.ts';
import { findRow, findRows, lockRow, query, queryLater, updateRowsLater } from './rows.ts';

/** The tenant's account at a gateway, or null. */
export function findConnection(tx: Tx, gateway: string): Promise<GatewayConnection | null> {
  return findRow(tx, GatewayConnectionSchema, { gateway });
}

/** The tenant's accounts at all gateways. */
export function findConnections(tx: Tx): Promise<GatewayConnection[]> {
  return findRows(tx, GatewayConnectionSchema, {});
}

/** Notes the gateway's own name of a charge before the charge is made, so that it can always be asked about. */
export async function saveGatewayRef(tx: Tx, attemptId: string, gatewayRef: string): Promise<void> {
  updateRowsLater(tx, PaymentAttemptSchema, { id: attemptId, gatewayRef: null }, { gatewayRef });
}

/** The gateway is asked about this charge, or has given its last word: the callbacks that called for it are done with. */
export async function finishCallbacks(tx: Tx, gatewayRef: string, at: Date): Promise<void> {
  queryLater(
    tx,
    sql`update gateway_events set status = 'applied', finished_at = ${at.toISOString()}
      where gateway_ref = ${gatewayRef} and status = 'received'`,
  );
}

/**
 * Whether a callback about this charge has come that nobody has asked the gateway about since. Locks the charge, as
 * whoever takes a callback in does: none comes between this look and the end of the transaction.
 */
export async function hasNews(tx: Tx, attempt: { id: string; gatewayRef: string | null }): Promise<boolean> {
  const [, news] = await Promise.all([
    lockRow(tx, PaymentAttemptSchema, { id: attempt.id }),
    query(
      tx,
      sql`select event_id from gateway_events where gateway_ref = ${attempt.gatewayRef} and status = 'received' limit 1`,
    ),
  ]);
  return news.length > 0;
}
