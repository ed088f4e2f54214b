import { runProcess } from './process.ts';
import { runApi } from './run-api.ts';

/** `npm run api`: the API alone, against the database and the Temporal server of the environment. */
await runProcess('the API', runApi);
