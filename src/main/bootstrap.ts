import { hashApiKey } from '../../api/api-key.ts';
import { issueApiKey } from '../../api/issue-api-key.ts';
import { openTenant } from '../../api/routes/tenants.ts';
import { findKeyHolder } from '../persistence/api-keys.ts';
import type { Database, Tx } from '../persistence/doors.ts';
import { databaseNow } from '../persistence/find-commands.ts';
import { insertAccount } from '../persistence/save-tenants.ts';
import type { Config } from '../platform/config.ts';
import { newId } from '../platform/ids.ts';
import { createVault } from '../platform/vault.ts';

export type BootstrapKeys = { operatorKey: string; tenantId: string; apiKey: string };

/**
 * Makes the sandbox account, its test tenant with a sandbox gateway, and an API key, once. The database keeps only the
 * key's hash, so the caller remembers what was answered and hands it in again; it is answered again as long as that key
 * is known here. A database that was emptied gets a new sandbox.
 */
export async function bootstrap(
  database: Database,
  config: Config,
  remembered: { tenantId: string; apiKey: string } | null,
): Promise<BootstrapKeys> {
  const { operatorKey } = config.secrets;
  return database.asSystem('bootstrap', async (tx) => {
    if (remembered && (await isUsable(tx, remembered.apiKey, config))) return { operatorKey, ...remembered };
    return { operatorKey, ...(await openSandbox(tx, config)) };
  });
}

async function isUsable(tx: Tx, apiKey: string, config: Config): Promise<boolean> {
  const holder = await findKeyHolder(tx, hashApiKey(apiKey, config.secrets.keyPepper));
  return holder !== null && holder.revokedAt === null;
}

async function openSandbox(tx: Tx, config: Config): Promise<{ tenantId: string; apiKey: string }> {
  const now = await databaseNow(tx);
  const dates = { createdAt: now, updatedAt: now };
  const account = await insertAccount(tx, { id: newId('acc'), name: 'Sandbox', metadata: {}, ...dates });
  const tenant = await openTenant(tx, createVault(config.secrets.masterKeys), {
    id: newId('ten'),
    accountId: account.id,
    mode: 'test',
    name: 'Sandbox',
    timeZone: 'UTC',
    invoiceGraceHours: 0,
    trialReminderDays: null,
    backdateDaysMax: 90,
    lateWindowDays: 35,
    usageRetentionDays: null,
    dunningPolicy: null,
    metadata: {},
    ...dates,
  });
  const holder = { tenantId: tenant.id, mode: tenant.mode, pepper: config.secrets.keyPepper };
  const { key } = await issueApiKey(tx, holder, { name: 'sandbox', scopes: ['*'] });
  return { tenantId: tenant.id, apiKey: key };
}
