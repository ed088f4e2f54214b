import { fileURLToPath } from 'node:url';
import { endOrphan, startChild } from '../platform/child-process.ts';
import { childVariables, DEFAULT_GATEWAY_PORT, DEFAULT_PORT, type Env } from '../platform/config.ts';
import type { DataDir } from '../platform/data-dir.ts';
import {
  createDatabase,
  endLeftPostgres,
  setPassword,
  startPostgres,
} from '../platform/embedded-postgres.ts';
import type { Lifecycle } from '../platform/lifecycle.ts';
import { choosePort, freePort, waitForPort } from '../platform/port.ts';
import type { DevSecrets } from '../platform/secrets.ts';
import { findTemporalCli } from '../platform/temporal-cli.ts';
import { endLeftTemporalServer, startTemporalServer } from '../platform/temporal-server.ts';
import { type Say, step } from './progress.ts';

/** What every part of the stack is started with. */
export type Parts = {
  env: Env;
  dataDir: DataDir;
  secrets: DevSecrets;
  ephemeral: boolean;
  say: Say;
  lifecycle: Lifecycle;
  onLoss: (sentence: string) => void;
};

const HOST = '127.0.0.1';
const DATABASE = 'perennial';
const POSTGRES_PORT = 5455;
const TEMPORAL_PORT = 7233;
const TEMPORAL_UI_PORT = 8233;

type Port = { what: string; preferred: number; host?: string; variable?: string };

async function portFor({ ephemeral, say }: Parts, port: Port): Promise<number> {
  const host = port.host ?? HOST;
  if (ephemeral && !port.variable) return freePort(host);
  return choosePort({ ...port, host, say: (line) => say(`  ${line}`) });
}

/** Ends what an earlier start left running because it was killed, before ports are chosen: those are in use by it. */
export async function endLeftovers({ dataDir, say }: Parts): Promise<void> {
  const left = {
    'the sandbox gateway': endOrphan(dataDir.at('sandbox-gateway.pid'), [GATEWAY_SCRIPT, dataDir.path]),
    'the Temporal server': endLeftTemporalServer(dataDir.path),
    PostgreSQL: endLeftPostgres(dataDir.path),
  };
  for (const [what, ended] of Object.entries(left)) {
    const pid = await ended;
    if (pid !== null)
      say(`  An earlier start was killed and left ${what} running (process ${pid}); it was ended.`);
  }
}

/** Where the API will listen. Chosen before anything starts: whoever asked for a busy port hears it at once. */
export function chooseApiPort(parts: Parts): Promise<number> {
  const { PORT, HOST: host } = parts.env;
  return portFor(parts, {
    what: 'the API',
    host,
    preferred: PORT ?? DEFAULT_PORT,
    ...(PORT ? { variable: 'PORT' } : {}),
  });
}

export type DatabasePart = { url: string; ownerUrl: string; afterMigration: () => Promise<void> };

/** The database of `DATABASE_URL`, else an embedded PostgreSQL. */
export async function ensureDatabase(parts: Parts): Promise<DatabasePart> {
  const { env, dataDir, secrets, ephemeral, say, lifecycle } = parts;
  if (env.DATABASE_URL) {
    const afterMigration = () => Promise.resolve();
    return { url: env.DATABASE_URL, ownerUrl: env.DATABASE_OWNER_URL ?? env.DATABASE_URL, afterMigration };
  }
  const port = await portFor(parts, { what: 'PostgreSQL', preferred: POSTGRES_PORT });
  const server = await step(say, `PostgreSQL on port ${port}`, () =>
    lifecycle.start(
      'PostgreSQL',
      () =>
        startPostgres({
          dir: dataDir.path,
          port,
          password: secrets.postgresPassword,
          maxConnections: 200,
          ephemeral,
        }),
      (postgres, urgent) => postgres.stop(urgent),
    ),
  );
  watch(parts, server.exited);
  await createDatabase(server.urlOf('postgres'), DATABASE);
  return {
    url: `postgres://perennial_login:${secrets.loginPassword}@${HOST}:${port}/${DATABASE}`,
    ownerUrl: server.urlOf(DATABASE),
    // The migrations create this role, but without a password: whoever installs Perennial sets his own.
    afterMigration: () => setPassword(server.urlOf(DATABASE), 'perennial_login', secrets.loginPassword),
  };
}

/** The server of `TEMPORAL_ADDRESS`, else the development server. */
export async function ensureTemporal(parts: Parts): Promise<{ address: string; uiUrl: string | null }> {
  const { env, dataDir, say, lifecycle } = parts;
  if (env.TEMPORAL_ADDRESS) return { address: env.TEMPORAL_ADDRESS, uiUrl: env.TEMPORAL_UI_URL ?? null };
  const cliPath = await findTemporalCli({ env, say: (line) => say(`  ${line}`), signal: lifecycle.stopping });
  const port = await portFor(parts, { what: 'Temporal', preferred: TEMPORAL_PORT });
  const uiPort = await portFor(parts, { what: 'the Temporal UI', preferred: TEMPORAL_UI_PORT });
  const server = await step(say, `Temporal on port ${port}`, () =>
    lifecycle.start(
      'Temporal',
      () =>
        startTemporalServer({ cliPath, dir: dataDir.path, port, uiPort, namespace: env.TEMPORAL_NAMESPACE }),
      (temporal, urgent) => temporal.stop(urgent),
    ),
  );
  watch(parts, server.exited);
  return server;
}

/** The gateway of `SANDBOX_GATEWAY_URL`, else one of our own in a process beside us. */
export async function ensureGateway(parts: Parts): Promise<string> {
  const { env, say, lifecycle } = parts;
  if (env.SANDBOX_GATEWAY_URL) return env.SANDBOX_GATEWAY_URL;
  const preferred = env.SANDBOX_GATEWAY_PORT ?? DEFAULT_GATEWAY_PORT;
  const variable = env.SANDBOX_GATEWAY_PORT ? { variable: 'SANDBOX_GATEWAY_PORT' } : {};
  const port = await portFor(parts, { what: 'the sandbox gateway', preferred, ...variable });
  const server = await step(say, `Sandbox gateway on port ${port}`, () =>
    lifecycle.start(
      'the sandbox gateway',
      () => startGateway(parts, port),
      (gateway, urgent) => gateway.stop(urgent),
    ),
  );
  watch(parts, server.exited);
  return `http://${HOST}:${port}`;
}

const GATEWAY_SCRIPT = fileURLToPath(new URL('./sandbox-gateway.ts', import.meta.url));

async function startGateway({ env, dataDir }: Parts, port: number) {
  const server = await startChild({
    name: 'The sandbox gateway',
    command: process.execPath,
    // The folder is not read from there; it marks the process as this folder's, should it outlive us.
    args: [GATEWAY_SCRIPT, dataDir.path],
    env: childVariables({
      HOST,
      SANDBOX_GATEWAY_PORT: String(port),
      SANDBOX_GATEWAY_URL: null,
      PERENNIAL_DATA_DIR: dataDir.path,
      LOG_LEVEL: env.LOG_LEVEL,
    }),
    logPath: dataDir.at('logs', 'sandbox-gateway.log'),
    pidPath: dataDir.at('sandbox-gateway.pid'),
  });
  try {
    await waitForPort(HOST, port, server.exited);
    return server;
  } catch (error) {
    await server.stop(AbortSignal.abort());
    throw error;
  }
}

function watch({ lifecycle, onLoss }: Parts, exited: Promise<string>): void {
  void exited.then((sentence) => {
    if (!lifecycle.isClosing) onLoss(sentence);
  });
}
