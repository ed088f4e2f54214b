import { DomainError } from '../src/domain/errors.ts';
import { checkUrl } from '../src/platform/safe-fetch.ts';
import type { ApiDeps } from './deps.ts';

/** Throws `webhook_url_not_allowed`, naming the field and the remedy. Asks DNS, so never inside a transaction. */
export async function assertUrlAllowed(url: string, deps: Pick<ApiDeps, 'webhookAllow'>): Promise<void> {
  const verdict = await checkUrl(url, { allow: deps.webhookAllow });
  if (verdict.allowed) return;
  throw new DomainError('webhook_url_not_allowed', `url: ${verdict.reason}`, {
    errors: [{ path: 'url', code: 'webhook_url_not_allowed', message: verdict.reason }],
  });
}
