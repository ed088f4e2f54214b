import { DomainError } from '../src/domain/errors.ts';
import type { Scope } from '../src/domain/tenant.ts';
import { findKeyHolder, type KeyHolder } from '../src/persistence/api-keys.ts';
import { clock } from '../src/platform/clock.ts';
import { hashApiKey, isApiKey, sameSecret } from './api-key.ts';
import type { ApiDeps } from './deps.ts';
import type { Auth } from './route.ts';

export type Principal = { kind: 'operator' } | { kind: 'public' } | ({ kind: 'tenant' } & KeyHolder);

/**
 * How long a looked-up key is trusted without asking again. A revoked key is refused at once by the process that
 * revoked it, and within these seconds by every other one.
 */
const TRUSTED_MS = 5_000;
const REMEMBERED_MAX = 10_000;

export type Authenticator = {
  /** Who asks. Throws `unauthorized`, `key_expired`. */
  identify(authorization: string | undefined, auth: Auth): Promise<Principal>;
  /** Forgets what is remembered of a key, because it was revoked. */
  forget(keyId: string): void;
};

export function createAuthenticator(
  deps: Pick<ApiDeps, 'database' | 'operatorKey' | 'keyPepper'>,
): Authenticator {
  const remembered = new Map<string, { holder: KeyHolder; until: number }>();

  const lookUp = async (key: string): Promise<KeyHolder | null> => {
    const hash = hashApiKey(key, deps.keyPepper);
    const name = hash.toString('base64');
    const nowMs = performance.now();
    const known = remembered.get(name);
    if (known && known.until > nowMs) return known.holder;
    const holder = await deps.database.asSystem('authenticate', (tx) => findKeyHolder(tx, hash));
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    if (holder) remembered.set(name, { holder, until: nowMs + TRUSTED_MS });
    else remembered.delete(name);
    return holder;
  };

  return {
    async identify(authorization, auth) {
      if (auth === 'public') return { kind: 'public' };
      const key = bearer(authorization);
      if (key === null)
        throw new DomainError('unauthorized', 'Send your key as "Authorization: Bearer <key>".');
      if (auth === 'operator') {
        if (sameSecret(key, deps.operatorKey)) return { kind: 'operator' };
        throw new DomainError('unauthorized', 'This path needs the operator key of the installation.');
      }
      if (!isApiKey(key))
        throw new DomainError(
          'unauthorized',
          'This is not an API key: it starts with prn_live_ or prn_test_; look whether it was cut or mistyped.',
        );
      const holder = await lookUp(key);
      if (!holder || holder.revokedAt)
        throw new DomainError('unauthorized', 'This API key is not known or was revoked; use another one.');
      if (holder.expiresAt && holder.expiresAt <= clock.now())
        throw new DomainError('key_expired', 'This API key has expired; create a new one.');
      return { kind: 'tenant', ...holder };
    },
    forget(keyId) {
      for (const [name, { holder }] of remembered) if (holder.keyId === keyId) remembered.delete(name);
    },
  };
}

/** Throws `insufficient_scope` unless the key may do what the route asks for. */
export function authorize(principal: Principal, scope: Scope | undefined): void {
  if (principal.kind !== 'tenant' || !scope) return;
  if (principal.scopes.includes('*') || principal.scopes.includes(scope)) return;
  throw new DomainError('insufficient_scope', `This needs a key with the scope "${scope}".`, {
    scope,
    scopes: principal.scopes,
  });
}

function bearer(authorization: string | undefined): string | null {
  const match = /^Bearer +([\x21-\x7e]{1,256})$/i.exec(authorization ?? '');
  return match?.[1] ?? null;
}
