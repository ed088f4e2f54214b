import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type LogLevel,
  NativeConnection,
  type NativeConnectionOptions,
  Runtime,
  Worker,
  type WorkerOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { createBillingActivities } from '../../activities/billing.ts';
import { createCommandActivities } from '../../activities/commands.ts';
import { createCustomerWorkActivities } from '../../activities/customer-work.ts';
import { createUsageImportActivities } from '../../activities/import-usage.ts';
import { createInvoiceActivities } from '../../activities/invoices.ts';
import { createPlanMigrationActivities } from '../../activities/migrate-plan.ts';
import { createPartitionActivities } from '../../activities/partitions.ts';
import { createPaymentActivities } from '../../activities/payments.ts';
import { createReconcileActivities } from '../../activities/reconcile.ts';
import { createTestClockActivities } from '../../activities/test-clocks.ts';
import { createWebhookActivities } from '../../activities/webhooks.ts';
import { taskQueue, WORKFLOWS } from '../../workflows/messages.ts';
import { presenters } from '../contract/presenters.ts';
import { gateways } from '../gateways/registry.ts';
import { connect } from '../persistence/database.ts';
import { clock } from '../platform/clock.ts';
import type { Config } from '../platform/config.ts';
import type { Logger } from '../platform/logger.ts';
import { createMetrics, type Metrics } from '../platform/metrics.ts';
import { createSafeSender } from '../platform/safe-fetch.ts';
import { connectionOptions } from '../platform/temporal.ts';
import { createVault } from '../platform/vault.ts';
import { engineOf } from './engine.ts';
import { keepSchedule } from './keep-schedule.ts';
import { keepReconciling, noteRepair } from './reconcile.ts';
import { startRelay } from './relay.ts';
import { startRollUp } from './roll-up.ts';
import { sendMove } from './send-move.ts';
import { sendTick } from './send-tick.ts';
import { timeActivities } from './time-activities.ts';
import { startWatch } from './watch-usage.ts';
import { BULK_SETTINGS, billingSettings, GATEWAY_SETTINGS } from './worker-settings.ts';

/** Below the 15 seconds of the charge's activity, for its two calls. */
const GATEWAY_TIMEOUT_MS = 6_000;

/** The SDK's own messages go where ours go. Once per process: a second stack in it shares the SDK's runtime. */
function logThrough(logger: Logger): void {
  if (runtimeInstalled) return;
  runtimeInstalled = true;
  const log = (level: LogLevel, message: string, meta: object = {}) => {
    if (level === 'ERROR') logger.error(meta, message);
    else if (level === 'WARN') logger.warn(meta, message);
    else logger.debug(meta, message);
  };
  Runtime.install({
    logger: {
      log,
      trace: (message, meta) => log('TRACE', message, meta),
      debug: (message, meta) => log('DEBUG', message, meta),
      info: (message, meta) => log('INFO', message, meta),
      warn: (message, meta) => log('WARN', message, meta),
      error: (message, meta) => log('ERROR', message, meta),
    },
    shutdownSignals: [],
  });
}
let runtimeInstalled = false;

/** Settles when a worker gave up by itself (its namespace is gone, its key is refused), and never otherwise. */
type RunningWorkers = AsyncDisposable & { broken: Promise<Error> };

/**
 * Runs the workers and the relay in this process until it is disposed. `metrics`: the API's, when it runs beside us.
 * `workflows`: other workflow code than that of this folder, for example that of an older version.
 */
export async function runWorker(
  config: Config,
  logger: Logger,
  metrics: Metrics = createMetrics(),
  workflows: WorkflowBundleOption | null = null,
): Promise<RunningWorkers> {
  logThrough(logger);
  await using starting = new AsyncDisposableStack();
  const { url, assumeLoginRole, poolSize } = config.database;
  const database = starting.use(
    await connect({ url, assumeLoginRole, poolSize, applicationName: 'perennial worker', cutsSilence: true }),
  );
  const connection = await connectNatively(config);
  starting.defer(() => connection.close());
  const clientConnection = Connection.lazy(connectionOptions(config.temporal));
  starting.defer(() => clientConnection.close());
  const { namespace } = config.temporal;
  const client = new Client({ connection: clientConnection, namespace });
  const vault = createVault(config.secrets.masterKeys);
  const charging = starting.use(
    gateways({ sandboxUrl: config.sandboxGateway.url, timeoutMs: GATEWAY_TIMEOUT_MS }),
  );
  const deps = {
    database,
    gateways: charging,
    present: presenters,
    now: clock.now,
    openSecret: vault.open,
    publicUrl: config.http.publicUrl,
    log: logger,
  };
  const sender = starting.use(createSafeSender({ allow: config.webhookAllow }));
  const payments = createPaymentActivities(deps);
  const prefix = '';
  const interceptors = { activity: [timeActivities(metrics)] };
  const common = { connection, namespace, shutdownGraceTime: '5 seconds', interceptors } as const;
  const repairing = {
    database,
    engine: engineOf(client, prefix),
    now: clock.now,
    onRepair: noteRepair(logger, metrics),
  };
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  const bundling = { workflowsPath, logger: new DefaultLogger('ERROR') };
  const workflowBundle = workflows ?? (await bundleWorkflowCode(bundling));
  const billing: WorkerOptions = {
    ...common,
    taskQueue: taskQueue('billing', prefix),
    workflowBundle,
    activities: {
      ...createBillingActivities(deps),
      ...createCommandActivities(deps),
      ...createInvoiceActivities(deps),
      ...createTestClockActivities({ ...deps, tick: sendTick(client, prefix) }),
      ...createReconcileActivities(repairing),
      ...createPartitionActivities(deps),
      ...createCustomerWorkActivities(deps),
    },
    ...billingSettings(poolSize),
  };
  const workers = await Promise.all([
    Worker.create(billing),
    Worker.create({
      ...common,
      taskQueue: taskQueue('gateway', prefix),
      activities: payments,
      ...GATEWAY_SETTINGS,
    }),
    Worker.create({
      ...common,
      taskQueue: taskQueue('webhooks', prefix),
      workflowBundle,
      activities: createWebhookActivities({ database, vault, sender, logger, metrics }),
      maxConcurrentActivityTaskExecutions: 500,
    }),
    Worker.create({
      ...common,
      taskQueue: taskQueue('bulk', prefix),
      workflowBundle,
      activities: {
        ...createPlanMigrationActivities({ database, send: sendMove(client, prefix, logger) }),
        ...createUsageImportActivities({ database }),
      },
      ...BULK_SETTINGS,
    }),
  ]);
  const broken = Promise.withResolvers<Error>();
  const running = workers.map((worker) =>
    worker.run().catch((error: unknown) => {
      logger.error({ err: error }, 'a worker ended');
      broken.resolve(error instanceof Error ? error : new Error(String(error)));
    }),
  );
  starting.defer(async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.all(running);
  });
  starting.use(startRelay({ database, client, taskQueuePrefix: prefix, logger }));
  starting.use(startRollUp({ database, logger }));
  starting.use(startWatch({ database, logger }));
  const schedule = { client, connection: clientConnection, namespace, taskQueuePrefix: prefix, logger };
  starting.use(keepReconciling(schedule));
  starting.use(keepSchedule(schedule, { workflowType: WORKFLOWS.partitions, every: '1 day' }));
  starting.use(keepSchedule(schedule, { workflowType: WORKFLOWS.customerWork, every: '5 minutes' }));
  logger.info({ address: config.temporal.address, namespace }, 'the worker runs');
  const stack = starting.move();
  return { broken: broken.promise, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function connectNatively({ temporal }: Config): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(connectionOptions(temporal) as NativeConnectionOptions);
  } catch {
    throw new Error(
      `No Temporal server answers at ${temporal.address}: start it, or correct TEMPORAL_ADDRESS.`,
    );
  }
}
