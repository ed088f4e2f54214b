import type { Env } from '../platform/config.ts';

/**
 * The environment of a stack that is thrown away: what names servers and ports of the outside world is left out, so that
 * a demonstration never writes into somebody's database, and a busy port is nobody's concern.
 */
export function throwAwayEnv(env: Env): Env {
  const {
    DATABASE_URL,
    DATABASE_OWNER_URL,
    TEMPORAL_ADDRESS,
    TEMPORAL_API_KEY,
    TEMPORAL_TLS,
    TEMPORAL_UI_URL,
    ...rest
  } = env;
  const { PORT, PERENNIAL_PUBLIC_URL, SANDBOX_GATEWAY_URL, SANDBOX_GATEWAY_PORT, ...own } = rest;
  return { ...own, TEMPORAL_NAMESPACE: 'default', HOST: '127.0.0.1', PERENNIAL_WEBHOOK_ALLOW: [] };
}
