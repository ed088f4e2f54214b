import { resolve } from 'node:path';
import { type Config, loadEnv, toConfig } from '../platform/config.ts';
import { armCrashPoint } from '../platform/crash-point.ts';
import { Lifecycle, stopOnSignals } from '../platform/lifecycle.ts';
import { createLogger, type Logger } from '../platform/logger.ts';
import { readDevSecrets, withDevSecrets } from '../platform/secrets.ts';

/** Runs one part of Perennial as a process of its own, until a signal stops it. */
export async function runProcess(
  name: string,
  run: (config: Config, logger: Logger) => Promise<AsyncDisposable & { broken?: Promise<Error> }>,
): Promise<void> {
  try {
    const config = await completeConfig();
    armCrashPoint(config.crashAt);
    const logger = createLogger(config);
    const lifecycle = new Lifecycle({ onTrouble: (part, err) => logger.error({ err }, `stopping ${part}`) });
    stopOnSignals(lifecycle, (line) => logger.info(line));
    const { broken } = await lifecycle.start(
      name,
      () => run(config, logger),
      (running) => Promise.resolve(running[Symbol.asyncDispose]()),
    );
    // Half a process helps nobody, and looks alive to whoever would start it anew.
    void broken?.then(async () => {
      logger.error(`${name} cannot go on; the process ends`);
      await lifecycle.close();
      process.exit(1);
    });
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

/** Beside `npm start` on the same machine a process finds its secrets in the data directory; elsewhere in its environment. */
async function completeConfig(): Promise<Config> {
  const env = loadEnv();
  const secrets = await readDevSecrets(resolve(env.PERENNIAL_DATA_DIR));
  return toConfig(secrets ? withDevSecrets(env, secrets) : env);
}
