import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { type ChildServer, endOrphan, startChild } from './child-process.ts';
import { clock } from './clock.ts';
import { childVariables } from './config.ts';
import { SEARCH_ATTRIBUTES } from './temporal.ts';

export type TemporalServerOptions = {
  /** The program, as found by `findTemporalCli`. */
  cliPath: string;
  /** Holds the server's database, its log and its pid file. */
  dir: string;
  port: number;
  uiPort: number;
  namespace: string;
  /** Dynamic configuration on top of ours, as `key=<JSON value>`. The product needs none; tests may. */
  dynamicConfig?: string[];
};

export type TemporalServer = {
  address: string;
  uiUrl: string;
  pid: number;
  exited: ChildServer['exited'];
  stop: ChildServer['stop'];
};

const HOST = '127.0.0.1';

/**
 * The dev server has a single shard, and by default a shard asks its queues for work 20 times a second: every hop of
 * a sequential flow would wait up to 50 ms. A real cluster has many shards and needs none of this.
 */
const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.transferProcessorMaxPollHostRPS=100000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollHostRPS=100000',
  'history.visibilityProcessorMaxPollRPS=500',
];

/** Starts the Temporal development server with its UI on loopback and waits until the namespace can be used. */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { cliPath, dir, port, uiPort, namespace } = options;
  await mkdir(dir, { recursive: true });
  const logPath = join(dir, 'logs', 'temporal.log');
  const child = await startChild({
    name: 'The Temporal server',
    command: cliPath,
    args: serverArguments(options, databaseIn(dir)),
    env: childVariables({ TZ: 'UTC' }),
    logPath,
    pidPath: pidPathIn(dir),
  });
  const address = `${HOST}:${port}`;
  try {
    await untilReady(address, namespace, child, logPath);
  } catch (error) {
    await child.stop(AbortSignal.abort());
    throw error;
  }
  return {
    address,
    uiUrl: `http://${HOST}:${uiPort}`,
    pid: child.pid,
    exited: child.exited,
    stop: child.stop,
  };
}

const databaseIn = (dir: string) => join(dir, 'temporal.db');
const pidPathIn = (dir: string) => join(dir, 'temporal.pid');

/** Ends a server that a killed process left running on this folder; answers its pid, or null. */
export function endLeftTemporalServer(dir: string): Promise<number | null> {
  return endOrphan(pidPathIn(dir), ['start-dev', databaseIn(dir)]);
}

function serverArguments(options: TemporalServerOptions, database: string): string[] {
  const each = (flag: string, values: string[]) => values.flatMap((value) => [flag, value]);
  return [
    'server',
    'start-dev',
    `--ip=${HOST}`,
    `--port=${options.port}`,
    `--ui-port=${options.uiPort}`,
    `--db-filename=${database}`,
    '--log-level=warn',
    '--log-format=json',
    '--color=never',
    ...(options.namespace === 'default' ? [] : [`--namespace=${options.namespace}`]),
    ...each('--sqlite-pragma', ['journal_mode=wal', 'synchronous=normal']),
    ...each('--dynamic-config-value', [...DYNAMIC_CONFIG, ...(options.dynamicConfig ?? [])]),
    // Registered at launch they are known at once; registered later, only when the server refreshes its copy.
    ...each(
      '--search-attribute',
      Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `${name}=${type}`),
    ),
  ];
}

async function untilReady(
  address: string,
  namespace: string,
  child: ChildServer,
  logPath: string,
): Promise<void> {
  let end: string | undefined;
  void child.exited.then((sentence) => {
    end = sentence;
  });
  const deadlineMs = performance.now() + 60_000;
  for (;;) {
    if (end !== undefined) throw new Error(`${end}: ${await lastLines(logPath)}`);
    const trouble = await tryNamespace(address, namespace);
    if (trouble === null) return;
    if (performance.now() > deadlineMs)
      throw new Error(`The Temporal server does not answer (${trouble}); see ${logPath}`);
    await sleep(50);
  }
}

async function tryNamespace(address: string, namespace: string): Promise<string | null> {
  const connection = Connection.lazy({ address });
  try {
    await connection.withDeadline(clock.now().getTime() + 2_000, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await connection.close();
  }
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-3).join('\n');
}
