import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../persistence/database.ts';
import { migrate } from '../persistence/migrate.ts';
import { type Config, type Env, toConfig } from '../platform/config.ts';
import { type DataDir, openDataDir } from '../platform/data-dir.ts';
import { Lifecycle } from '../platform/lifecycle.ts';
import { createLogger, logFile } from '../platform/logger.ts';
import { createMetrics } from '../platform/metrics.ts';
import { type DevSecrets, loadDevSecrets, saveDevSecrets, withDevSecrets } from '../platform/secrets.ts';
import { connectTemporal, registerSearchAttributes } from '../platform/temporal.ts';
import { watchOver } from '../platform/watchdog.ts';
import { bootstrap } from './bootstrap.ts';
import { type Say, step } from './progress.ts';
import { runApi } from './run-api.ts';
import { runWorker } from './run-worker.ts';
import {
  chooseApiPort,
  endLeftovers,
  ensureDatabase,
  ensureGateway,
  ensureTemporal,
  type Parts,
} from './stack-parts.ts';

export type StackOptions = {
  /** What the environment settles is used as it is; everything else is started or generated. */
  env: Env;
  /** Absolute; not used when `ephemeral`. */
  dataDir?: string;
  /** In a temporary folder that vanishes at the end, on ports that nobody prefers, and without flushing to disk. */
  ephemeral: boolean;
  say: Say;
  /** Stops what is started here; the caller's, when he wants to stop it in the middle of the start. */
  lifecycle?: Lifecycle;
  /** Told when one of the servers beside us ends on its own. */
  onLoss?: (sentence: string) => void;
};

/** Everything of Perennial, running. */
export type Stack = AsyncDisposable & {
  databaseUrl: string;
  ownerUrl: string;
  temporalAddress: string;
  temporalUiUrl: string | null;
  apiUrl: string;
  gatewayUrl: string;
  keys: { operatorKey: string; tenantId: string; apiKey: string };
  config: Config;
  dataDir: string;
};

/**
 * Starts what the environment does not name (PostgreSQL, Temporal, the sandbox gateway), brings the database up to
 * date and runs API and worker in this process. When a part does not start, the others are stopped again (by whoever
 * brought the lifecycle).
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { say } = options;
  const lifecycle =
    options.lifecycle ?? new Lifecycle({ onTrouble: (name, error) => say(`  ${name}: ${messageOf(error)}`) });
  try {
    return await start(options, lifecycle);
  } catch (error) {
    if (!options.lifecycle) await lifecycle.close();
    throw error;
  }
}

async function start(options: StackOptions, lifecycle: Lifecycle): Promise<Stack> {
  const { env, say, ephemeral } = options;
  const dataDir = await lifecycle.start(
    'the data directory',
    () => openFolder(options),
    (dir) => dir.release(),
  );
  const secrets = await loadDevSecrets(dataDir.path);
  const parts: Parts = {
    env,
    dataDir,
    secrets,
    ephemeral,
    say,
    lifecycle,
    onLoss: options.onLoss ?? (() => {}),
  };

  await endLeftovers(parts);
  const port = await chooseApiPort(parts);
  const database = await ensureDatabase(parts);
  await step(say, 'Migrations', () => migrate(database.ownerUrl));
  await database.afterMigration();
  const temporal = await ensureTemporal(parts);
  const gatewayUrl = await ensureGateway(parts);

  const config = toConfig({
    ...withDevSecrets(env, secrets),
    DATABASE_URL: database.url,
    DATABASE_OWNER_URL: database.ownerUrl,
    TEMPORAL_ADDRESS: temporal.address,
    ...(temporal.uiUrl ? { TEMPORAL_UI_URL: temporal.uiUrl } : {}),
    PORT: port,
    SANDBOX_GATEWAY_URL: gatewayUrl,
    PERENNIAL_DATA_DIR: dataDir.path,
    // Somebody who tries this out receives webhooks on his own machine.
    PERENNIAL_WEBHOOK_ALLOW: env.PERENNIAL_WEBHOOK_ALLOW.length > 0 ? env.PERENNIAL_WEBHOOK_ALLOW : LOOPBACK,
  });
  await step(say, 'Search attributes', () => registerAttributes(config));
  const keys = await bootstrapKeys(config, dataDir.path, secrets);
  const logger = createLogger(config, logFile(dataDir.at('logs', 'perennial.log')));
  const metrics = createMetrics();
  const dispose = async (running: AsyncDisposable) => await running[Symbol.asyncDispose]();
  const api = await step(say, 'API', () =>
    lifecycle.start('the API', () => runApi(config, logger, metrics), dispose),
  );
  await step(say, 'Worker', () =>
    lifecycle.start('the worker', () => runWorker(config, logger, metrics), dispose),
  );
  if (!ephemeral) await writeEnvFile(config, dataDir);
  return {
    databaseUrl: database.url,
    ownerUrl: database.ownerUrl,
    temporalAddress: temporal.address,
    temporalUiUrl: temporal.uiUrl,
    apiUrl: api.url,
    gatewayUrl,
    keys,
    config,
    dataDir: dataDir.path,
    [Symbol.asyncDispose]: () => lifecycle.close(),
  };
}

const LOOPBACK = ['127.0.0.0/8', '::1/128'];

async function openFolder({ ephemeral, dataDir }: StackOptions): Promise<DataDir> {
  if (!ephemeral) {
    if (!dataDir) throw new Error('a stack that stays needs a data directory');
    return openDataDir(dataDir);
  }
  const path = await mkdtemp(join(tmpdir(), 'perennial-'));
  await chmod(path, 0o755);
  watchOver(path);
  const release = () => rm(path, { recursive: true, force: true });
  return { path, at: (...names) => join(path, ...names), release, [Symbol.asyncDispose]: release };
}

async function registerAttributes(config: Config): Promise<void> {
  const connection = await connectTemporal(config.temporal);
  try {
    await registerSearchAttributes(connection, config.temporal.namespace);
  } finally {
    await connection.close();
  }
}

/** Operator key, sandbox tenant and its API key: made at the first start, remembered for the later ones. */
async function bootstrapKeys(config: Config, dataDir: string, secrets: DevSecrets): Promise<Stack['keys']> {
  const { url, assumeLoginRole } = config.database;
  await using database = await connect({
    url,
    assumeLoginRole,
    poolSize: 2,
    applicationName: 'perennial bootstrap',
  });
  const keys = await bootstrap(database, config, secrets.sandbox);
  const { tenantId, apiKey } = keys;
  if (secrets.sandbox?.apiKey !== apiKey)
    await saveDevSecrets(dataDir, { ...secrets, sandbox: { tenantId, apiKey } });
  return keys;
}

/** For whoever wants one more API or worker beside these: `node --env-file`, or `set -a` and a dot. */
async function writeEnvFile(config: Config, dataDir: DataDir): Promise<void> {
  const lines = [
    `DATABASE_URL=${config.database.url}`,
    `DATABASE_OWNER_URL=${config.database.ownerUrl}`,
    `TEMPORAL_ADDRESS=${config.temporal.address}`,
    `TEMPORAL_NAMESPACE=${config.temporal.namespace}`,
    `TEMPORAL_UI_URL=${config.temporal.uiUrl ?? ''}`,
    `SANDBOX_GATEWAY_URL=${config.sandboxGateway.url ?? ''}`,
    `PERENNIAL_DATA_DIR=${dataDir.path}`,
    `PERENNIAL_WEBHOOK_ALLOW=${config.webhookAllow.join(',')}`,
  ];
  await writeFile(dataDir.at('env'), `${lines.join('\n')}\n`, { mode: 0o600 });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
