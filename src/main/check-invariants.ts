import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import { connectTemporal } from '../platform/temporal.ts';
import { checkInvariants, type Invariants } from './invariants/ask.ts';
import { report } from './invariants/report.ts';
import { messageOf, openDatabase, type Settings, settings, temporalOf } from './settings.ts';

const HELP = `npm run check-invariants [-- --json]

Asks for every promise of Perennial: each is a question to the data whose answer must be empty. Read-only; it may run in
production while everything works.

  --json   the last line of standard output is {"checked", "broken": [{"promise", "sentence", "count", "rows"}], "skipped"}
  --help   this text

Uses DATABASE_URL, TEMPORAL_ADDRESS and SANDBOX_GATEWAY_URL, or what \`npm start\` runs on this machine.
Exit code: 0 every promise is kept, 1 one is broken, 2 it could not be asked.
`;

async function check(env: Settings): Promise<Invariants> {
  await using database = await openDatabase(env, 'check-invariants');
  await using stack = new AsyncDisposableStack();
  const temporal = await clientOf(env, stack);
  return await checkInvariants(database, { temporal, gatewayUrl: env.SANDBOX_GATEWAY_URL });
}

async function clientOf(env: Settings, stack: AsyncDisposableStack): Promise<Client | undefined> {
  const temporal = temporalOf(env);
  if (!temporal) return undefined;
  try {
    const connection = await connectTemporal(temporal);
    stack.defer(() => connection.close());
    return new Client({ connection, namespace: temporal.namespace });
  } catch (error) {
    console.error(messageOf(error));
    return undefined;
  }
}

try {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(HELP);
  } else {
    const result = await check(await settings('check'));
    if (!values.json) console.log(report(result));
    else console.log(JSON.stringify(result));
    process.exitCode = result.broken.length > 0 ? 1 : 0;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
