import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { billingSettings, GATEWAY_SETTINGS } from '../../src/main/worker-settings.ts';
import { loadEnv } from '../../src/platform/config.ts';
import { bareActivities } from './activities.ts';

/** The worker of the bare workflows: a process of its own with the settings of ours, on queues of its own. */
// SIGUSR2 is a question about memory here, and the stage ends processes by itself.
Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: [] });
const { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE: namespace, DATABASE_POOL_SIZE } = loadEnv();
if (!TEMPORAL_ADDRESS) throw new Error('TEMPORAL_ADDRESS is not set');
const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS });
const workers = await Promise.all([
  Worker.create({
    connection,
    namespace,
    taskQueue: 'bare-billing',
    workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
    activities: bareActivities,
    ...billingSettings(DATABASE_POOL_SIZE),
  }),
  Worker.create({
    connection,
    namespace,
    taskQueue: 'bare-gateway',
    activities: bareActivities,
    ...GATEWAY_SETTINGS,
  }),
]);
console.log('the worker runs');
await Promise.all(workers.map((worker) => worker.run()));
await connection.close();
