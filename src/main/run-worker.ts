import type { Config } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';

/** Runs the workers in this process until it is disposed. */
export function runWorker(config: Config, logger: Logger): Promise<AsyncDisposable> {
  logger.info({ address: config.temporal.address }, 'the worker runs');
  return Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() });
}
