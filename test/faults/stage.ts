import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { bootstrap } from '../../src/main/bootstrap.ts';
import { checkInvariants } from '../../src/main/invariants/ask.ts';
import type { Say } from '../../src/main/progress.ts';
import { connect } from '../../src/persistence/database.ts';
import type { Database } from '../../src/persistence/doors.ts';
import type { Broken } from '../../src/persistence/invariants/promised.ts';
import { migrate } from '../../src/persistence/migrate.ts';
import type { ChildServer } from '../../src/platform/child-process.ts';
import { type Config, loadEnv, readEnv, toConfig } from '../../src/platform/config.ts';
import { createDatabase, setPassword, startPostgres } from '../../src/platform/embedded-postgres.ts';
import { freePort, waitForPort } from '../../src/platform/port.ts';
import { connectTemporal, registerSearchAttributes } from '../../src/platform/temporal.ts';
import { findTemporalCli } from '../../src/platform/temporal-cli.ts';
import { startTemporalServer } from '../../src/platform/temporal-server.ts';
import { watchOver } from '../../src/platform/watchdog.ts';
import { type Http, httpOf } from './http.ts';
import { signalTree, startProgram } from './processes.ts';
import { untilQuiet } from './quiet.ts';
import { type Receiver, startReceiver } from './receiver.ts';

export type Part = 'postgres' | 'temporal' | 'gateway' | 'api' | 'worker';
export const PARTS: readonly Part[] = ['postgres', 'temporal', 'gateway', 'api', 'worker'];

export type StageOptions = {
  say?: Say;
  /** Whether PostgreSQL flushes to disk; for faults after which its data has to be there. */
  durable?: boolean;
  /** Settings of API and worker, on top of ours. */
  env?: Record<string, string>;
  /** Those that are started at once; PostgreSQL and Temporal always are. */
  parts?: readonly Part[];
  /** Holds PostgreSQL's cluster; by default the stage's own folder. */
  postgresDir?: string;
};

/** Everything of Perennial, each part a process of its own that can be killed, frozen and started again where it was. */
export type Stage = AsyncDisposable & {
  dir: string;
  apiUrl: string;
  gatewayUrl: string;
  databaseUrl: string;
  ownerUrl: string;
  temporalAddress: string;
  operatorKey: string;
  tenantId: string;
  apiKey: string;
  config: Config;
  /** Connections of our own, for looking and planting. */
  database: Database;
  /** Null while the part is not running. */
  pid(part: Part): number | null;
  /** Until it can be used; `env` is for this start only. */
  start(part: Part, env?: Record<string, string>): Promise<void>;
  /** SIGKILL to the process and what it started; resolves when it is gone. */
  kill(part: Part): Promise<void>;
  stop(part: Part): Promise<void>;
  freeze(part: Part): void;
  thaw(part: Part): void;
  /** Resolves, with a sentence, when the process that was started last is gone; at once when it is. */
  exited(part: Part): Promise<string>;
  client(): Promise<Client>;
  /** Hears of everything that happens to the stage's tenant. */
  receiver: Receiver;
  http: Http;
  /** Waits until nothing is due and nobody works; the seconds it took. Rejects with what is left. */
  quiet(timeoutMs?: number): Promise<number>;
  invariants(): Promise<Broken[]>;
};

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
const DATABASE = 'perennial';
const LOGIN_PASSWORD = 'login-of-this-stage-only';

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'perennial-stage-'));
  // mkdtemp makes it private, and PostgreSQL, which does not run as root, could not enter.
  await chmod(dir, 0o755);
  watchOver(dir);
  opening.defer(() => rm(dir, { recursive: true, force: true }));
  const say = options.say ?? (() => {});
  const ports = {
    postgres: await freePort(),
    temporal: await freePort(),
    temporalUi: await freePort(),
    gateway: await freePort(),
    api: await freePort(),
  };
  const cliPath = await findTemporalCli({ env: loadEnv(), say });
  const postgresPassword = randomBytes(12).toString('hex');
  const at = `${HOST}:${ports.postgres}/${DATABASE}`;
  const settings = {
    DATABASE_URL: `postgres://perennial_login:${LOGIN_PASSWORD}@${at}`,
    DATABASE_OWNER_URL: `postgres://postgres:${postgresPassword}@${at}`,
    TEMPORAL_ADDRESS: `${HOST}:${ports.temporal}`,
    TEMPORAL_NAMESPACE: NAMESPACE,
    SANDBOX_GATEWAY_URL: `http://${HOST}:${ports.gateway}`,
    PERENNIAL_OPERATOR_KEY: `operator-${randomBytes(16).toString('hex')}`,
    PERENNIAL_KEY_PEPPER: randomBytes(16).toString('hex'),
    PERENNIAL_MASTER_KEY: randomBytes(32).toString('base64'),
    PERENNIAL_WEBHOOK_ALLOW: '127.0.0.0/8',
    PERENNIAL_DATA_DIR: dir,
    HOST,
    PORT: String(ports.api),
    LOG_LEVEL: 'info',
    RATE_LIMIT_PER_MINUTE: '1000000',
    ...options.env,
  };
  const config = toConfig(readEnv(settings));
  const running = new Map<Part, ChildServer>();
  const exits = new Map<Part, Promise<string>>();
  const logAt = (part: Part) => join(dir, 'logs', `${part}.log`);

  const launch: Record<Part, (env: Record<string, string>) => Promise<ChildServer>> = {
    postgres: () =>
      persistently(() =>
        startPostgres({
          dir: options.postgresDir ?? dir,
          port: ports.postgres,
          password: postgresPassword,
          maxConnections: 100,
          ephemeral: !options.durable,
        }),
      ),
    temporal: () =>
      startTemporalServer({
        cliPath,
        dir,
        port: ports.temporal,
        uiPort: ports.temporalUi,
        namespace: NAMESPACE,
      }),
    async gateway() {
      const child = await startProgram('sandbox-gateway', dir, {
        HOST,
        SANDBOX_GATEWAY_PORT: String(ports.gateway),
        PERENNIAL_DATA_DIR: dir,
      });
      await waitForPort(HOST, ports.gateway, child.exited);
      return child;
    },
    async api(env) {
      const child = await startProgram('api', dir, { ...settings, ...env });
      await waitForPort(HOST, ports.api, child.exited);
      return child;
    },
    async worker(env) {
      const before = (await linesOf(logAt('worker'))).length;
      const child = await startProgram('worker', dir, { ...settings, ...env });
      await untilLogged(logAt('worker'), before, child, 'the worker runs');
      return child;
    },
  };
  const start = async (part: Part, env: Record<string, string> = {}): Promise<void> => {
    if (running.has(part)) throw new Error(`${part} runs already`);
    const child = await launch[part](env);
    running.set(part, child);
    const exit = child.exited.then((sentence) => {
      if (running.get(part) === child) running.delete(part);
      return sentence;
    });
    exits.set(part, exit);
  };
  // A child's handle keeps nobody awake, so whoever waits for its end has to stay awake himself.
  const gone = async (part: Part): Promise<void> => {
    const awake = setInterval(() => {}, 1_000);
    await exits.get(part);
    clearInterval(awake);
  };
  const kill = async (part: Part): Promise<void> => {
    const child = running.get(part);
    if (!child) return;
    signalTree(child.pid, 'SIGKILL');
    await gone(part);
  };
  const signal = (part: Part, name: NodeJS.Signals) => {
    const child = running.get(part);
    if (child) signalTree(child.pid, name);
  };
  const stop = async (part: Part): Promise<void> => {
    // Who is frozen hears nothing.
    signal(part, 'SIGCONT');
    await running.get(part)?.stop();
    await gone(part);
  };
  opening.defer(async () => {
    for (const part of PARTS.toReversed()) await stop(part).catch(() => kill(part));
  });

  await Promise.all([start('postgres'), start('temporal')]);
  const { ownerUrl, url: databaseUrl } = config.database;
  const adminUrl = new URL(ownerUrl);
  adminUrl.pathname = '/postgres';
  await createDatabase(adminUrl.href, DATABASE);
  await migrate(ownerUrl);
  await setPassword(ownerUrl, 'perennial_login', LOGIN_PASSWORD);
  const database = opening.use(await connect({ url: databaseUrl, poolSize: 4, applicationName: 'faults' }));
  const connection = await connectTemporal(config.temporal);
  opening.defer(() => connection.close());
  await registerSearchAttributes(connection, NAMESPACE);
  const keys = await bootstrap(database, config, null);
  const apiUrl = `http://${HOST}:${ports.api}`;
  const http = httpOf(apiUrl, keys.apiKey);
  const receiver = opening.use(await startReceiver());
  for (const part of options.parts ?? PARTS) if (!running.has(part)) await start(part);
  if (running.has('api')) await listen(http, receiver);

  const client = () => Promise.resolve(new Client({ connection, namespace: NAMESPACE }));
  const stack = opening.move();
  return {
    dir,
    apiUrl,
    gatewayUrl: settings.SANDBOX_GATEWAY_URL,
    databaseUrl,
    ownerUrl,
    temporalAddress: settings.TEMPORAL_ADDRESS,
    ...keys,
    config,
    database,
    pid: (part) => running.get(part)?.pid ?? null,
    start,
    kill,
    stop,
    freeze: (part) => signal(part, 'SIGSTOP'),
    thaw: (part) => signal(part, 'SIGCONT'),
    exited: (part) => exits.get(part) ?? Promise.resolve(`${part} does not run`),
    client,
    receiver,
    http,
    quiet: (timeoutMs = 400_000) => untilQuiet(database, timeoutMs),
    async invariants() {
      const gatewayUrl = running.has('gateway') ? settings.SANDBOX_GATEWAY_URL : null;
      const { broken } = await checkInvariants(database, { temporal: await client(), gatewayUrl });
      return broken;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The receiver hears of everything from the first moment. */
async function listen(http: Http, receiver: Receiver): Promise<void> {
  const { status, body } = await http.insist('POST', '/v1/webhook_endpoints', { url: receiver.url });
  const { secret } = body;
  if (status !== 201 || typeof secret !== 'string')
    throw new Error(`the webhook endpoint was answered ${status}: ${JSON.stringify(body)}`);
  receiver.trust(secret);
}

/** The processes of a killed PostgreSQL hold its memory for a moment, and the next one does not start until they let go. */
async function persistently<T>(begin: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await begin();
    } catch (error) {
      if (attempt === 20) throw error;
      await sleep(250);
    }
  }
}

async function untilLogged(path: string, from: number, child: ChildServer, text: string): Promise<void> {
  let end: string | null = null;
  void child.exited.then((sentence) => {
    end = sentence;
  });
  for (const endsAtMs = performance.now() + 180_000; ; await sleep(50)) {
    const lines = (await linesOf(path)).slice(from);
    if (lines.some((line) => line.includes(text))) return;
    if (end !== null || performance.now() > endsAtMs)
      throw new Error(
        `${end ?? `"${text}" was not logged in three minutes`}: ${lines.slice(-15).join('\n')}`,
      );
  }
}

async function linesOf(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8').catch(() => '')).split('\n');
}
