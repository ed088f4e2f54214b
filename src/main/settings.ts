import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { connect } from '../persistence/database.ts';
import type { Database } from '../persistence/doors.ts';
import { ping } from '../persistence/save-tenants.ts';
import { type Config, type Env, loadEnv, readEnv } from '../platform/config.ts';

/**
 * What a command line tool works with. `beside`: the folder of the `npm start` whose database this is, or null; its
 * secrets are this database's, too.
 */
export type Settings = Env & { DATABASE_URL: string; beside: string | null };

/** The settings of this process, or of the stack that runs beside it; what a person set goes before what it wrote down. */
export async function settings(what: string): Promise<Settings> {
  const own = loadEnv();
  const folder = resolve(own.PERENNIAL_DATA_DIR);
  const file = join(folder, 'env');
  const text = await readFile(file, 'utf8').catch(() => null);
  const found = text === null ? null : readEnv(parseEnv(text));
  const { DATABASE_URL } = own;
  if (DATABASE_URL) {
    return { ...own, DATABASE_URL, beside: found?.DATABASE_URL === DATABASE_URL ? folder : null };
  }
  if (!found?.DATABASE_URL) {
    throw new Error(
      `There is nothing to ${what}: DATABASE_URL is not set, and ${file}, which \`npm start\` writes, is not there. Start Perennial, or set DATABASE_URL (and TEMPORAL_ADDRESS).`,
    );
  }
  const {
    DATABASE_URL: url,
    DATABASE_OWNER_URL,
    TEMPORAL_ADDRESS,
    TEMPORAL_NAMESPACE,
    TEMPORAL_UI_URL,
    SANDBOX_GATEWAY_URL,
  } = found;
  return {
    ...(TEMPORAL_ADDRESS ? { TEMPORAL_ADDRESS } : {}),
    ...(TEMPORAL_UI_URL ? { TEMPORAL_UI_URL } : {}),
    ...(SANDBOX_GATEWAY_URL ? { SANDBOX_GATEWAY_URL } : {}),
    ...own,
    DATABASE_URL: url,
    ...(DATABASE_OWNER_URL ? { DATABASE_OWNER_URL } : {}),
    TEMPORAL_NAMESPACE: own.TEMPORAL_ADDRESS ? own.TEMPORAL_NAMESPACE : TEMPORAL_NAMESPACE,
    beside: folder,
  };
}

/**
 * The database of the settings, and certainty that it answers. `reason` names the tool in `pg_stat_activity`;
 * `cutsSilence` gives up one that is frozen.
 */
export async function openDatabase(
  env: Settings,
  reason: string,
  options: { cutsSilence?: boolean } = {},
): Promise<Database> {
  const { DATABASE_URL: url, DATABASE_OWNER_URL: owner = url } = env;
  const database = await connect({
    url,
    assumeLoginRole: owner === url,
    poolSize: 5,
    applicationName: `perennial ${reason}`,
    ...options,
  });
  try {
    await database.asSystem(reason, ping);
    return database;
  } catch (error) {
    await database.close();
    throw new Error(
      `The database at ${new URL(url).host} does not answer (${messageOf(error)}): is \`npm start\` running, or is DATABASE_URL wrong?`,
    );
  }
}

/** Where Temporal is, or null when nobody said. */
export function temporalOf(env: Settings): Config['temporal'] | null {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, TEMPORAL_API_KEY: apiKey = null } = env;
  if (!address) return null;
  const tls = env.TEMPORAL_TLS ?? apiKey !== null;
  return { address, namespace, apiKey, tls, uiUrl: env.TEMPORAL_UI_URL ?? null };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
