import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** Settings with which a process that is killed a hundred times is back twice as fast. */
export async function startsSooner(): Promise<AsyncDisposable & { env: Record<string, string> }> {
  const dir = await mkdtemp(join(tmpdir(), 'perennial-bundle-'));
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const path = join(dir, 'workflows.js');
  await writeFile(path, code);
  return {
    env: { WORKFLOW_BUNDLE: path, NODE_COMPILE_CACHE: join(dir, 'compiled') },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}
