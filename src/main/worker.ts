import type { Config } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import { createMetrics } from '../platform/metrics.ts';
import { runProcess } from './process.ts';
import { runWorker } from './run-worker.ts';
import { serveMetrics } from './serve-metrics.ts';

/** `npm run worker`: the workers alone, against the database and the Temporal server of the environment. */
await runProcess('the worker', async (config: Config, logger: Logger) => {
  await using starting = new AsyncDisposableStack();
  const metrics = createMetrics();
  const bundle = config.workflowBundle ? { codePath: config.workflowBundle } : null;
  const worker = starting.use(await runWorker(config, logger, metrics, bundle));
  if (config.workerMetrics) {
    const { url } = starting.use(await serveMetrics(metrics, config.workerMetrics));
    logger.info({ url: `${url}/metrics` }, 'the worker shows its metrics');
  }
  const running = starting.move();
  return { broken: worker.broken, [Symbol.asyncDispose]: () => running.disposeAsync() };
});
