import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { childVariables } from '../../src/platform/config.ts';
import type { World } from './world.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'main', 'cli.ts');

export type Ended = { code: number; out: string; err: string; json: Record<string, unknown> };

/** Runs the operators' command line as a process of its own, on this world. */
export function runCli(
  world: Pick<World, 'config'>,
  args: readonly string[],
  env: Record<string, string | null> = {},
): Promise<Ended> {
  const { database, temporal, secrets } = world.config;
  const variables = childVariables({
    DATABASE_URL: database.url,
    DATABASE_OWNER_URL: database.ownerUrl,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    TEMPORAL_UI_URL: 'http://temporal.example',
    PERENNIAL_KEY_PEPPER: secrets.keyPepper,
    PERENNIAL_MASTER_KEY: secrets.masterKeys[0].toString('base64'),
    PERENNIAL_DATA_DIR: '/nowhere',
    ...env,
  });
  return new Promise((resolve) => {
    execFile(process.execPath, [CLI, ...args], { env: variables }, (error, out, err) => {
      const last = out.trim().split('\n').at(-1) ?? '';
      const json = last.startsWith('{') ? JSON.parse(last) : {};
      resolve({ code: Number(error?.code ?? 0), out, err, json });
    });
  });
}
