import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrate } from '../../persistence/migrate.ts';
import { startPostgres } from '../../platform/embedded-postgres.ts';
import { freePort } from '../../platform/port.ts';

/** Hands `work` the URL of a just migrated, empty database of a PostgreSQL that lives as long as the call. */
export async function withFreshDatabase<T>(work: (url: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(path.join(tmpdir(), 'perennial-schema-'));
  // Started as root, PostgreSQL runs as another user, who has to pass through.
  await chmod(dir, 0o755);
  try {
    const postgres = await startPostgres({
      dir,
      port: await freePort(),
      password: randomBytes(12).toString('hex'),
      maxConnections: 20,
      ephemeral: true,
    });
    try {
      const url = postgres.urlOf('postgres');
      await migrate(url);
      return await work(url);
    } finally {
      await postgres.stop(AbortSignal.timeout(5_000));
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
