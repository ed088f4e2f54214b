import type { Config } from 'jest';
import { startTestServers, type TestServers } from './servers.ts';

declare global {
  var perennialTestServers: TestServers | undefined;
}

/** Rooms without I/O: when only their tests run, nothing needs to be started for them. */
const PURE = /^test\/(domain|contract)(\/|$)/;

/** What jest hands over: its configuration, with the patterns of the command line. */
type GlobalConfig = Config & { testPathPatterns?: { patterns: string[] } };

export async function globalSetup(config: GlobalConfig): Promise<void> {
  // Inherited by every worker process, like the addresses below.
  process.env.TZ = 'UTC';
  const patterns = config.testPathPatterns?.patterns ?? [];
  if (patterns.length > 0 && patterns.every((pattern) => PURE.test(pattern))) return;
  const servers = await startTestServers();
  globalThis.perennialTestServers = servers;
  process.env.TEST_DATABASE_ADMIN_URL = servers.adminUrl;
  process.env.TEMPORAL_ADDRESS = servers.temporalAddress;
}

// jest calls the default export.
export default globalSetup;
