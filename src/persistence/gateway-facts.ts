import type { GatewayConnection } from '../domain/customer.ts';
import { GatewayConnectionSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { PaymentAttemptSchema } from './payments.ts';
import { findRow, updateRows } from './rows.ts';

/** The tenant's account at a gateway, or null. */
export function findConnection(tx: Tx, gateway: string): Promise<GatewayConnection | null> {
  return findRow(tx, GatewayConnectionSchema, { gateway });
}

/** Notes the gateway's own name of a charge before the charge is made, so that it can always be asked about. */
export async function saveGatewayRef(tx: Tx, attemptId: string, gatewayRef: string): Promise<void> {
  await updateRows(tx, PaymentAttemptSchema, { id: attemptId, gatewayRef: null }, { gatewayRef });
}
