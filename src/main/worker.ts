import { runProcess } from './process.ts';
import { runWorker } from './run-worker.ts';

/** `npm run worker`: the workers alone, against the database and the Temporal server of the environment. */
await runProcess('the worker', runWorker);
