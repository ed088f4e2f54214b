import { join, resolve } from 'node:path';
import { startSandboxGateway } from '../gateways/sandbox/server.ts';
import { DEFAULT_GATEWAY_PORT, loadEnv } from '../platform/config.ts';
import { Lifecycle, stopOnSignals } from '../platform/lifecycle.ts';
import { createLogger } from '../platform/logger.ts';

/** The sandbox gateway as a process of its own. It needs neither database nor Temporal. */
const env = loadEnv();
const port = env.SANDBOX_GATEWAY_PORT ?? DEFAULT_GATEWAY_PORT;
const logger = createLogger({ logLevel: env.LOG_LEVEL });
const lifecycle = new Lifecycle({
  patienceMs: 3_000,
  onTrouble: (name, err) => logger.error({ err }, `stopping ${name}`),
});
stopOnSignals(lifecycle, () => {});

try {
  const gateway = await startSandboxGateway({
    dataDir: join(resolve(env.PERENNIAL_DATA_DIR), 'sandbox-gateway'),
    host: env.HOST,
    port,
    ...(env.SANDBOX_GATEWAY_URL && { publicUrl: env.SANDBOX_GATEWAY_URL }),
    onError: (err) => logger.error({ err }, 'the sandbox gateway failed at something'),
  });
  lifecycle.use('sandbox gateway', gateway);
  console.log(`Sandbox gateway: ${gateway.url}`);
} catch (error) {
  const busy = typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
  if (!busy) throw error;
  console.error(
    `Port ${port} is taken. Set SANDBOX_GATEWAY_PORT to a free one, or end the process that has it.`,
  );
  process.exitCode = 1;
}
