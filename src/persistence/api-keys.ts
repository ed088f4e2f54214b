import { sql } from 'kysely';
import type { Mode, Scope } from '../domain/tenant.ts';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/** What authentication has to know of a key and its tenant. */
export type KeyHolder = {
  keyId: string;
  tenantId: string;
  mode: Mode;
  scopes: Scope[];
  expiresAt: Date | null;
  revokedAt: Date | null;
};

/**
 * The key with this hash, across tenants: needs the system door. Notes that it was used, at most once a minute, so that
 * a busy key does not turn every read into a write.
 */
export async function findKeyHolder(tx: Tx, hash: Buffer): Promise<KeyHolder | null> {
  const [row] = await query<{
    id: string;
    tenant_id: string;
    mode: Mode;
    scopes: Scope[];
    expires_at: string | null;
    revoked_at: string | null;
    stale: boolean;
  }>(
    tx,
    sql`select key.id, key.tenant_id, tenant.mode, key.scopes, key.expires_at, key.revoked_at,
        (key.last_used_at is null or key.last_used_at < now() - interval '1 minute') as stale
      from api_keys key join tenants tenant on tenant.id = key.tenant_id where key.hash = ${hash}`,
  );
  if (!row) return null;
  if (row.stale && row.revoked_at === null)
    await query(tx, sql`update api_keys set last_used_at = now() where id = ${row.id}`);
  return {
    keyId: row.id,
    tenantId: row.tenant_id,
    mode: row.mode,
    scopes: row.scopes,
    expiresAt: row.expires_at === null ? null : new Date(row.expires_at),
    revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at),
  };
}
