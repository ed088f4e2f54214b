import { sql } from 'kysely';
import type { GatewayConnection } from '../domain/customer.ts';
import { GatewayConnectionSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { PaymentAttemptSchema } from './payments.ts';
import { findRow, query, updateRows } from './rows.ts';

/** The tenant's account at a gateway, or null. */
export function findConnection(tx: Tx, gateway: string): Promise<GatewayConnection | null> {
  return findRow(tx, GatewayConnectionSchema, { gateway });
}

/** Notes the gateway's own name of a charge before the charge is made, so that it can always be asked about. */
export async function saveGatewayRef(tx: Tx, attemptId: string, gatewayRef: string): Promise<void> {
  await updateRows(tx, PaymentAttemptSchema, { id: attemptId, gatewayRef: null }, { gatewayRef });
}

/** The gateway was asked about this charge, so the callbacks that said it should be have done their work. */
export async function finishCallbacks(tx: Tx, gatewayRef: string, at: Date): Promise<void> {
  await query(
    tx,
    sql`update gateway_events set status = 'applied', finished_at = ${at.toISOString()}
      where gateway_ref = ${gatewayRef} and status = 'received'`,
  );
}
