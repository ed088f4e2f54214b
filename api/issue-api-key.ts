import type { z } from 'zod';
import { type apiKeyCreate, type apiKeyCreatedOut, presentApiKey } from '../src/contract/api-keys.ts';
import type { Mode } from '../src/domain/tenant.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { insertApiKey } from '../src/persistence/save-tenants.ts';
import { newId } from '../src/platform/ids.ts';
import { hashApiKey, makeApiKey } from './api-key.ts';
import { invalid } from './validate.ts';

/** Makes a key and shows it, this once. The caller's door decides for which tenants this is possible. */
export async function issueApiKey(
  tx: Tx,
  holder: { tenantId: string; mode: Mode; pepper: string },
  asked: z.output<typeof apiKeyCreate>,
): Promise<z.infer<typeof apiKeyCreatedOut>> {
  const now = await databaseNow(tx);
  const expiresAt = asked.expires_at === undefined ? null : new Date(asked.expires_at);
  if (expiresAt && expiresAt <= now) {
    throw invalid([{ path: 'expires_at', code: 'in_past', message: 'Write an instant in the future.' }]);
  }
  const key = makeApiKey(holder.mode);
  const stored = await insertApiKey(tx, {
    id: newId('key'),
    tenantId: holder.tenantId,
    name: asked.name,
    hash: hashApiKey(key, holder.pepper),
    last4: key.slice(-4),
    scopes: asked.scopes,
    expiresAt,
    revokedAt: null,
    lastUsedAt: null,
    createdAt: now,
    updatedAt: now,
  });
  return { ...presentApiKey(stored), key };
}
