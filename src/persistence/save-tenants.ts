import { sql } from 'kysely';
import { DomainError } from '../domain/errors.ts';
import type { Account, ApiKey, Tenant } from '../domain/tenant.ts';
import type { Tx } from './doors.ts';
import { findRow, insertRow, lockRow, query, updateRows } from './rows.ts';
import { AccountSchema, ApiKeySchema, TenantSchema } from './tenants.ts';
import { isTaken } from './trouble.ts';

/** Accounts, tenants and their keys. Accounts and tenants need the system door. */

export function insertAccount(tx: Tx, account: Account): Promise<Account> {
  return insertRow(tx, AccountSchema, account);
}

export function findAccount(tx: Tx, id: string): Promise<Account | null> {
  return findRow(tx, AccountSchema, { id });
}

export async function insertTenant(tx: Tx, tenant: Tenant): Promise<Tenant> {
  try {
    return await insertRow(tx, TenantSchema, tenant);
  } catch (error) {
    if (!isTaken(error, 'tenants_account_id_mode_key')) throw error;
    throw new DomainError('validation_failed', `This account has a ${tenant.mode} tenant already.`, {
      errors: [
        {
          path: 'mode',
          code: 'taken',
          message: `This account has a ${tenant.mode} tenant already; use it, or another account.`,
        },
      ],
    });
  }
}

export function findTenantById(tx: Tx, id: string): Promise<Tenant | null> {
  return findRow(tx, TenantSchema, { id });
}

export function insertApiKey(tx: Tx, key: ApiKey): Promise<ApiKey> {
  return insertRow(tx, ApiKeySchema, key);
}

export function findApiKey(tx: Tx, id: string): Promise<ApiKey | null> {
  return findRow(tx, ApiKeySchema, { id });
}

/** Revokes a key; an earlier revocation stands. */
export async function revokeApiKey(tx: Tx, id: string, at: Date): Promise<ApiKey | null> {
  const key = await lockRow(tx, ApiKeySchema, { id });
  if (!key || key.revokedAt) return key;
  await updateRows(tx, ApiKeySchema, { id }, { revokedAt: at, updatedAt: at });
  return { ...key, revokedAt: at, updatedAt: at };
}

/** Whether the database answers; for readiness. */
export async function ping(tx: Tx): Promise<void> {
  await query(tx, sql`select 1`);
}
