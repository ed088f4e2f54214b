import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/persistence/migrate.ts';
import { loadEnv } from '../../src/platform/config.ts';
import { createDatabase, setPassword, startPostgres } from '../../src/platform/embedded-postgres.ts';
import { Lifecycle } from '../../src/platform/lifecycle.ts';
import { freePort } from '../../src/platform/port.ts';
import { findTemporalCli } from '../../src/platform/temporal-cli.ts';
import { startTemporalServer } from '../../src/platform/temporal-server.ts';
import { watchOver } from '../../src/platform/watchdog.ts';
import { LOGIN_PASSWORD, TEMPLATE_DATABASE } from './database.ts';

/** One PostgreSQL with a migrated template, and one Temporal server with a namespace of ours, for a whole test run. */
export type TestServers = { adminUrl: string; temporalAddress: string; stop: () => Promise<void> };

export async function startTestServers(): Promise<TestServers> {
  const dir = await mkdtemp(join(tmpdir(), 'perennial-test-'));
  // mkdtemp makes it private, and PostgreSQL, which does not run as root, could not enter.
  await chmod(dir, 0o755);
  // Whoever kills a test run leaves no servers behind either.
  watchOver(dir);
  const lifecycle = new Lifecycle();
  await lifecycle.start(
    'the folder',
    () => Promise.resolve(),
    () => rm(dir, { recursive: true, force: true }),
  );
  try {
    const [adminUrl, temporalAddress] = await Promise.all([
      postgres(lifecycle, dir),
      temporal(lifecycle, dir),
    ]);
    return { adminUrl, temporalAddress, stop: () => lifecycle.close() };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

async function postgres(lifecycle: Lifecycle, dir: string): Promise<string> {
  const port = await freePort();
  const server = await lifecycle.start(
    'PostgreSQL',
    () => startPostgres({ dir, port, password: 'test-only', maxConnections: 300, ephemeral: true }),
    (running, urgent) => running.stop(urgent),
  );
  const adminUrl = server.urlOf('postgres');
  await createDatabase(adminUrl, TEMPLATE_DATABASE);
  await migrate(server.urlOf(TEMPLATE_DATABASE));
  await setPassword(adminUrl, 'perennial_login', LOGIN_PASSWORD);
  return adminUrl;
}

async function temporal(lifecycle: Lifecycle, dir: string): Promise<string> {
  const cliPath = await findTemporalCli({ env: loadEnv(), say: (line) => console.log(line) });
  const port = await freePort();
  const server = await lifecycle.start(
    'Temporal',
    async () =>
      startTemporalServer({
        cliPath,
        dir,
        port,
        uiPort: await freePort(),
        namespace: 'default',
        dynamicConfig: [
          // Test clocks let periods pass within milliseconds; the product must not need this.
          'history.workflowIdReuseMinimalInterval="0s"',
          // Every test file makes a namespace of its own and uses it at once.
          'system.namespaceCacheRefreshInterval="100ms"',
        ],
      }),
    (running, urgent) => running.stop(urgent),
  );
  return server.address;
}
