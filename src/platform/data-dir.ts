import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { identityOf } from './child-process.ts';
import { clock } from './clock.ts';

/** The folder in which development keeps everything, held by one process at a time. */
export type DataDir = AsyncDisposable & {
  path: string;
  /** A path inside. */
  at(...names: string[]): string;
  release(): Promise<void>;
};

type Owner = { pid: number; identity: string; since: string };

/**
 * Takes the folder for this process, creating it where needed. The owner is written down by pid *and* start time, so
 * that an owner who was killed is recognised at once, also when his pid has been given to somebody else. Rejects with
 * one sentence when the owner is alive.
 */
export async function openDataDir(path: string): Promise<DataDir> {
  await mkdir(path, { recursive: true });
  // PostgreSQL, which refuses to run as root, has to pass through as another user. What is secret has its own mode.
  await chmod(path, 0o755);
  const ownerPath = join(path, 'owner.json');
  // Reading and taking over must be one step, or two processes could both find the same owner dead.
  const unlock = await lock(path, {
    lockfilePath: join(path, 'owner.lock'),
    stale: 5_000,
    update: 1_000,
    retries: { retries: 40, factor: 1, minTimeout: 250, maxTimeout: 250 },
    // Held for milliseconds; losing it to a suspended machine is no reason to die of an uncaught error.
    onCompromised: () => {},
  });
  try {
    const owner = await readOwner(ownerPath);
    if (owner && (await identityOf(owner.pid)) === owner.identity) {
      throw new Error(
        `Another Perennial (process ${owner.pid}, since ${owner.since}) uses ${path}: stop it, or set PERENNIAL_DATA_DIR to another folder.`,
      );
    }
    await writeOwner(ownerPath);
  } finally {
    await unlock();
  }
  const release = () => rm(ownerPath, { force: true });
  return { path, at: (...names) => join(path, ...names), release, [Symbol.asyncDispose]: release };
}

async function readOwner(path: string): Promise<Owner | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as Owner;
  } catch {
    // Only a machine that lost power leaves half a file behind, and then the owner is gone, too.
    return null;
  }
}

async function writeOwner(path: string): Promise<void> {
  const identity = (await identityOf(process.pid)) ?? '';
  const owner: Owner = { pid: process.pid, identity, since: clock.now().toISOString() };
  await writeFile(`${path}.new`, `${JSON.stringify(owner)}\n`);
  await rename(`${path}.new`, path);
}
