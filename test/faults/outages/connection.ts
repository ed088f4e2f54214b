import { sql } from 'kysely';
import { signCallback } from '../../../src/gateways/sandbox/signature.ts';
import { createVault } from '../../../src/platform/vault.ts';
import type { Stage } from '../stage.ts';
import { look } from './customers.ts';

/** Where the callbacks of a tenant's gateway arrive, and the secret that signs them now. */
export async function connectionOf(
  stage: Stage,
  tenantId: string,
): Promise<{ path: string; secret: string }> {
  const [row] = await look<{ id: string; callback_token: string; secret_sealed: string }>(
    stage,
    sql`select id, callback_token, secret_sealed from gateway_connections where tenant_id = ${tenantId}`,
  );
  if (!row) throw new Error(`${tenantId} has no connection to a gateway`);
  const place = { tenantId, column: 'gateway_connections.secret', rowId: row.id };
  return {
    path: `/gateways/sandbox/callbacks/${row.callback_token}`,
    secret: createVault(stage.config.secrets.masterKeys).open(row.secret_sealed, place),
  };
}

/** The gateway's signature of these bytes, made with this secret now or at another instant. */
export function signedBy(secret: string, body: Buffer | string, at = new Date()): string {
  return signCallback(body, [secret], at);
}
