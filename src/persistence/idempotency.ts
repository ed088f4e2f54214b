import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { query, queryLater } from './rows.ts';

/** What is known of a key that was used before. */
export type KnownRequest = {
  fingerprint: Buffer;
  commandId: string | null;
  resourceId: string | null;
  /** Whether the request that used the key may still be running. */
  leased: boolean;
  status: number | null;
  /** The stored answer, byte for byte. */
  body: string | null;
};

const KEPT_HOURS = 24;

/**
 * Takes the key for the request of this transaction, or answers what is known of it. A request that holds the key in an
 * open transaction is waited for, at most two seconds (`lock_timeout`, SQLSTATE 55P03); the row stays locked.
 */
export async function claimIdempotencyKey(
  tx: Tx,
  tenantId: string,
  key: string,
  fingerprint: Buffer,
): Promise<KnownRequest | null> {
  queryLater(tx, sql`select set_config('lock_timeout', '2s', true)`);
  const claimed = await query(
    tx,
    sql`insert into idempotency_keys (tenant_id, key, fingerprint, created_at, expires_at)
      values (${tenantId}, ${key}, ${fingerprint}, now(), now() + make_interval(hours => ${KEPT_HOURS}))
      on conflict (tenant_id, key) do update set
        fingerprint = excluded.fingerprint, command_id = null, resource_id = null, lease_until = null, status = null,
        body = null, created_at = excluded.created_at, expires_at = excluded.expires_at
      where idempotency_keys.expires_at <= now() returning key`,
  );
  const known = claimed.length > 0 ? null : await findIdempotencyKey(tx, tenantId, key, true);
  queryLater(tx, sql`select set_config('lock_timeout', '5s', true)`);
  return known;
}

/** What is known of a key, or null. */
export async function findIdempotencyKey(
  tx: Tx,
  tenantId: string,
  key: string,
  lock = false,
): Promise<KnownRequest | null> {
  const [row] = await query<KnownRequest>(
    tx,
    sql`select fingerprint, command_id as "commandId", resource_id as "resourceId", status, body #>> '{}' as body,
        coalesce(lease_until > now(), false) as leased
      from idempotency_keys where tenant_id = ${tenantId} and key = ${key} and expires_at > now() ${lock ? sql`for update` : sql``}`,
  );
  return row ?? null;
}

/** Keeps the answer for replays. Only 2xx and 4xx: the table refuses anything else. */
export async function storeAnswer(
  tx: Tx,
  tenantId: string,
  key: string,
  answer: { status: number; body: string },
): Promise<void> {
  queryLater(
    tx,
    sql`update idempotency_keys set status = ${answer.status}, body = to_jsonb(${answer.body}::text), lease_until = null
      where tenant_id = ${tenantId} and key = ${key}`,
  );
}

/** Ties a key to the command it started. Until the lease ends, nobody else drives that command. */
export async function leaseCommand(
  tx: Tx,
  tenantId: string,
  key: string,
  command: { commandId: string; resourceId: string; leaseSeconds: number },
): Promise<void> {
  queryLater(
    tx,
    sql`update idempotency_keys set command_id = ${command.commandId}, resource_id = ${command.resourceId},
        lease_until = now() + make_interval(secs => ${command.leaseSeconds})
      where tenant_id = ${tenantId} and key = ${key}`,
  );
}

/** Lets the next request with this key drive the command on. */
export async function releaseLease(tx: Tx, tenantId: string, key: string): Promise<void> {
  await query(
    tx,
    sql`update idempotency_keys set lease_until = null where tenant_id = ${tenantId} and key = ${key} and status is null`,
  );
}

/** Forgets keys whose time is over, across tenants: needs the system door. Answers how many. */
export async function deleteExpiredIdempotencyKeys(tx: Tx, limit: number): Promise<number> {
  const gone = await query(
    tx,
    sql`delete from idempotency_keys where (tenant_id, key) in
      (select tenant_id, key from idempotency_keys where expires_at <= now() limit ${limit}) returning key`,
  );
  return gone.length;
}
