import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../platform/logger.ts';

export type Loop = {
  name: string;
  eachMs: number;
  logger: Logger;
  signal: AbortSignal;
  /** Answers whether there is more to do at once. */
  work: () => Promise<boolean>;
};

const PAUSE_MAX_MS = 5_000;

/** Works until the signal: at once again while there is more, calmer and calmer while it fails. Never rejects. */
export async function repeat({ name, eachMs, logger, signal, work }: Loop): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let pauseMs = eachMs;
    try {
      if (await work()) pauseMs = 0;
      failures = 0;
    } catch (error) {
      failures += 1;
      pauseMs = Math.max(eachMs, Math.min(PAUSE_MAX_MS, 100 * 2 ** Math.min(failures, 6)));
      logger.warn({ err: error, loop: name, failures }, 'a loop of the worker could not work');
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}
