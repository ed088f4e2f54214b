import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { access, chmod, constants, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { lock } from 'proper-lockfile';
import { cacheDir, childVariables, type Env } from './config.ts';

const run = promisify(execFile);

const CLI_VERSION = 'v1.5.1';
const GO_PACKAGE = `github.com/temporalio/cli/cmd/temporal@${CLI_VERSION}`;
const DOWNLOAD_URL = 'https://temporal.download/cli/archive';

export type FindOptions = {
  env: Pick<Env, 'TEMPORAL_CLI_PATH' | 'PATH' | 'XDG_CACHE_HOME'>;
  say: (line: string) => void;
  /** Ends a download or a build in its middle. */
  signal?: AbortSignal;
  /** Where the official archive is fetched from; tests have their own. */
  downloadUrl?: string;
  /** Where the SDK leaves what it downloads. */
  sdkCacheDir?: string;
};

/**
 * The Temporal CLI, which holds the development server. The ladder, first found first taken: `TEMPORAL_CLI_PATH`;
 * `temporal` on PATH; our cache of this user; the SDK's own download, made earlier by any project or made now the
 * same way; a build with Go. What had to be fetched stays in the cache for the next time.
 */
export async function findTemporalCli(options: FindOptions): Promise<string> {
  const { env, say } = options;
  if (env.TEMPORAL_CLI_PATH) {
    if (await isExecutable(env.TEMPORAL_CLI_PATH)) return env.TEMPORAL_CLI_PATH;
    throw new Error(
      `TEMPORAL_CLI_PATH is ${env.TEMPORAL_CLI_PATH}, but no program is there: correct it or leave it out.`,
    );
  }
  const ready =
    (await onPath('temporal', env.PATH)) ??
    (await ifExecutable(cachedCli(env))) ??
    (await sdkDownload(options.sdkCacheDir ?? tmpdir()));
  if (ready) return ready;
  return underBuildLock(cacheDir(env), say, async () => {
    // Another process may have fetched it while we waited for the lock.
    const cached = await ifExecutable(cachedCli(env));
    if (cached) return cached;
    const reasons: string[] = [];
    for (const fetchIt of [download, build]) {
      options.signal?.throwIfAborted();
      try {
        return await fetchIt(options);
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error));
      }
    }
    throw new Error(threeWaysOut(cachedCli(env), reasons));
  });
}

function threeWaysOut(cachePath: string, reasons: string[]): string {
  return [
    'No Temporal server was found, and none could be fetched:',
    ...reasons.map((reason) => `  - ${reason}`),
    'Any one of these helps:',
    '  1. install the Temporal CLI (https://docs.temporal.io/cli), so that `temporal` is on PATH or TEMPORAL_CLI_PATH names it;',
    `  2. install Go (https://go.dev/dl) and start again: it is then built once, into ${cachePath};`,
    '  3. point TEMPORAL_ADDRESS at a server that runs already, such as the one of temporal-compose.yml.',
  ].join('\n');
}

function cachedCli(env: FindOptions['env']): string {
  return join(cacheDir(env), 'bin', 'temporal');
}

async function onPath(program: string, path: string): Promise<string | null> {
  for (const dir of path.split(delimiter).filter(Boolean)) {
    const found = await ifExecutable(join(dir, program));
    if (found) return found;
  }
  return null;
}

/** The SDK names its download after its own version; the newest of whatever versions are there serves us as well. */
async function sdkDownload(dir: string): Promise<string | null> {
  const names = (await readdir(dir).catch(() => [])).filter((name) =>
    /^temporal-sdk-typescript-[\d.]+$/.test(name),
  );
  const newestFirst = names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const name of newestFirst) {
    const found = await ifExecutable(join(dir, name));
    if (found) return found;
  }
  return null;
}

/** The official archive, as the SDK would fetch it, but kept where a cleaned /tmp does not lose it. */
async function download({ env, say, signal, downloadUrl = DOWNLOAD_URL }: FindOptions): Promise<string> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const url = `${downloadUrl}/${CLI_VERSION}?platform=${platform}&arch=${arch}`;
  const dir = await emptyDir(join(cacheDir(env), 'download'));
  try {
    const archive = join(dir, 'temporal.tar.gz');
    await withProgress(say, 'downloading the Temporal CLI (once, about 60 MB)', () =>
      save(url, archive, signal),
    );
    await run('tar', ['-xzf', archive, '-C', dir]);
    return await adopt(join(dir, 'temporal'), env);
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`download of ${url}: ${cause instanceof Error ? cause.message : message}`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function save(url: string, path: string, signal: AbortSignal | undefined): Promise<void> {
  const noAnswer = new AbortController();
  const timer = setTimeout(() => noAnswer.abort(new Error('no answer within 15 s')), 15_000);
  const either = AbortSignal.any([noAnswer.signal, ...(signal ? [signal] : [])]);
  const response = await fetch(url, { signal: either }).finally(() => clearTimeout(timer));
  if (!response.ok || !response.body) throw new Error(`answered ${response.status}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(path));
}

async function build({ env, say, signal }: FindOptions): Promise<string> {
  const go = await onPath('go', env.PATH);
  if (!go) throw new Error('build with Go: there is no Go on PATH');
  const dir = await emptyDir(join(cacheDir(env), 'build'));
  try {
    await withProgress(say, `building the Temporal CLI ${CLI_VERSION} with Go (once, about 3 minutes)`, () =>
      goInstall(go, dir, signal),
    );
    return await adopt(join(dir, 'temporal'), env);
  } catch (error) {
    throw new Error(`build with Go: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function goInstall(go: string, binDir: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    // A set GOOS or GOARCH would build for another machine, and then Go refuses GOBIN, too.
    const env = childVariables({ GOBIN: binDir, GOOS: null, GOARCH: null });
    const child = spawn(go, ['install', '-ldflags=-s -w', GO_PACKAGE], {
      env,
      cwd: binDir,
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(signal ? { signal } : {}),
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output = `${output}${chunk.toString('utf8')}`.slice(-2_000);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(`go install ${GO_PACKAGE} failed: ${output.trim().split('\n').slice(-3).join(' ')}`),
        );
    });
  });
}

/** Whoever was killed in the middle of it left something there; we hold the lock, so nobody else uses it now. */
async function emptyDir(path: string): Promise<string> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  return path;
}

/** Tries the program and moves it into the cache in one step, so that nobody ever sees half of it. */
async function adopt(path: string, env: FindOptions['env']): Promise<string> {
  await chmod(path, 0o755);
  await run(path, ['--version'], { timeout: 30_000 });
  const target = cachedCli(env);
  await mkdir(join(cacheDir(env), 'bin'), { recursive: true });
  await rename(path, target);
  return target;
}

/** One process of this user fetches; the others wait. A holder who was killed is recognised after 20 seconds. */
async function underBuildLock<T>(
  dir: string,
  say: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(dir, { recursive: true });
  const options = {
    lockfilePath: join(dir, 'fetch.lock'),
    stale: 20_000,
    update: 4_000,
    onCompromised: () => {},
  };
  const release = await lock(dir, options).catch(async (error: { code?: string }) => {
    if (error.code !== 'ELOCKED') throw error;
    return withProgress(say, 'waiting for another process, which fetches the Temporal CLI', () =>
      lock(dir, { ...options, retries: { retries: 900, factor: 1, minTimeout: 1_000, maxTimeout: 1_000 } }),
    );
  });
  try {
    return await work();
  } finally {
    await release();
  }
}

async function withProgress<T>(
  say: (line: string) => void,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  const startedMs = performance.now();
  const elapsed = () => `${Math.round((performance.now() - startedMs) / 1000)} s`;
  say(`${what} …`);
  const timer = setInterval(() => say(`… still ${what} (${elapsed()})`), 10_000);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function ifExecutable(path: string): Promise<string | null> {
  return (await isExecutable(path)) ? path : null;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
