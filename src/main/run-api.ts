import { Client, Connection } from '@temporalio/client';
import { createApp } from '../../api/app.ts';
import type { ApiDeps } from '../../api/deps.ts';
import { sweepUploads } from '../../api/receive-upload.ts';
import { ROUTES } from '../../api/routes/index.ts';
import { listen } from '../../api/server.ts';
import { gateways } from '../gateways/registry.ts';
import { connect } from '../persistence/database.ts';
import { deleteExpiredIdempotencyKeys } from '../persistence/idempotency.ts';
import { type Config, urlHost } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import { createMetrics, type Metrics } from '../platform/metrics.ts';
import { connectionOptions } from '../platform/temporal.ts';
import { createVault } from '../platform/vault.ts';

/** Requests wait for a workflow to take their command; then they are told to come again. */
const COMMAND_DEADLINE_MS = 20_000;
/** No request may take longer than that in the database; the caller is told to come again, too. */
const STATEMENT_MS_MAX = 10_000;
const SWEEP_EVERY_MS = 10 * 60 * 1000;
const SWEEP_BATCH = 5_000;

/** Runs the API in this process until it is disposed. Temporal may be away: it is connected to when it is needed. */
export async function runApi(
  config: Config,
  logger: Logger,
  metrics: Metrics = createMetrics(),
): Promise<AsyncDisposable & { url: string }> {
  await using starting = new AsyncDisposableStack();
  const { url: databaseUrl, assumeLoginRole, poolSize } = config.database;
  const database = starting.use(
    await connect({
      url: databaseUrl,
      assumeLoginRole,
      poolSize,
      applicationName: 'perennial api',
      statementMsMax: STATEMENT_MS_MAX,
      cutsSilence: true,
    }),
  );
  const connection = Connection.lazy(connectionOptions(config.temporal));
  starting.defer(() => connection.close());
  const charging = starting.use(gateways({ sandboxUrl: config.sandboxGateway.url }));
  const deps: ApiDeps = {
    database,
    temporal: new Client({ connection, namespace: config.temporal.namespace }),
    taskQueuePrefix: '',
    temporalNamespace: config.temporal.namespace,
    temporalUiUrl: config.temporal.uiUrl,
    vault: createVault(config.secrets.masterKeys),
    logger,
    metrics,
    publicUrl: config.http.publicUrl,
    operatorKey: config.secrets.operatorKey,
    keyPepper: config.secrets.keyPepper,
    rateLimitPerMinute: config.http.rateLimitPerMinute,
    webhookAllow: config.webhookAllow,
    commandDeadlineMs: COMMAND_DEADLINE_MS,
    checkAnswers: false,
    gateways: {
      attachMethod: async (gateway, token) => await charging.get(gateway).attachMethod(token),
      parseCallback: (gateway, callback) => charging.get(gateway).parseCallback(callback),
    },
  };
  const sweep = setInterval(() => {
    database
      .asSystem('sweep idempotency keys', (tx) => deleteExpiredIdempotencyKeys(tx, SWEEP_BATCH))
      .catch((err: unknown) => logger.warn({ err }, 'expired idempotency keys were not swept'));
    void sweepUploads(database).catch((err: unknown) =>
      logger.warn({ err }, 'uploads that were cut off were not given up'),
    );
  }, SWEEP_EVERY_MS);
  starting.defer(async () => clearInterval(sweep));
  const server = starting.use(
    await listen(createApp(deps, ROUTES), { host: config.http.host, port: config.http.port }),
  );
  logger.info({ port: server.port }, 'the API listens');
  const running = starting.move();
  return {
    url: `http://${urlHost(config.http.host)}:${server.port}`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
