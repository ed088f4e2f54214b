import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startStack } from '../../src/main/stack.ts';
import { childVariables, readEnv } from '../../src/platform/config.ts';
import { eventually } from '../support/money.ts';

const ROOT = join(import.meta.dirname, '..', '..');

describe('a throw-away stack', () => {
  it('uses the servers it is given, and leaves no folder behind', async () => {
    const { PATH, TEMPORAL_ADDRESS } = process.env;
    const env = readEnv({ PATH, TEMPORAL_ADDRESS, LOG_LEVEL: 'warn' });
    const said: string[] = [];
    const stack = await startStack({ env, ephemeral: true, say: (line) => said.push(line) });
    expect(stack.temporalAddress).toBe(TEMPORAL_ADDRESS);
    expect(stack.temporalUiUrl).toBeNull();
    expect(said.join('\n')).not.toContain('Temporal on port');
    expect((await fetch(stack.apiUrl)).status).toBeLessThan(500);
    expect(stack.databaseUrl).toMatch(/^postgres:\/\/perennial_login:/);
    expect(stack.config.webhookAllow).toContain('127.0.0.0/8');
    await stack[Symbol.asyncDispose]();
    expect(existsSync(stack.dataDir)).toBe(false);
    await expect(fetch(stack.apiUrl)).rejects.toThrow('fetch failed');
  });

  it('is cleaned up behind a process that was killed', async () => {
    const script = `
      const { startStack } = await import('${join(ROOT, 'src/main/stack.ts')}');
      const { loadEnv } = await import('${join(ROOT, 'src/platform/config.ts')}');
      const stack = await startStack({ env: loadEnv(), ephemeral: true, say: () => {} });
      console.log(stack.dataDir);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: childVariables({ DATABASE_URL: null, LOG_LEVEL: 'warn' }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const dataDir = line.toString('utf8').trim();
    expect(existsSync(join(dataDir, 'postgres.pid'))).toBe(true);
    child.kill('SIGKILL');
    await eventually(async () => !existsSync(dataDir));
  });
});
