import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../test/faults/stage.ts';
import { startBare } from './processes.ts';

export type BareWorker = AsyncDisposable & { pid: number };

/** The worker of the bare workflows, on the stage's Temporal server; answers when it takes work. */
export async function startBareWorker(
  { dir, temporalAddress, config }: Stage,
  own: Record<string, string> = {},
): Promise<BareWorker> {
  const env = {
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: config.temporal.namespace,
    DATABASE_POOL_SIZE: String(config.database.poolSize),
    ...own,
  };
  const child = await startBare('./bare/worker.ts', dir, env);
  const ended: string[] = [];
  void child.exited.then((sentence) => ended.push(sentence));
  const log = `${dir}/logs/-bare-worker-ts.log`;
  while (!(await readFile(log, 'utf8').catch(() => '')).includes('the worker runs')) {
    if (ended.length > 0) throw new Error(`${ended.join()}: ${await readFile(log, 'utf8')}`);
    await sleep(50);
  }
  return { pid: child.pid, [Symbol.asyncDispose]: () => child.stop() };
}
