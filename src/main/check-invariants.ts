import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs, parseEnv } from 'node:util';
import { Client } from '@temporalio/client';
import { connect } from '../persistence/database.ts';
import { type Env, loadEnv, readEnv } from '../platform/config.ts';
import { connectTemporal } from '../platform/temporal.ts';
import { checkInvariants, type Invariants } from './invariants/ask.ts';
import { report } from './invariants/report.ts';

const HELP = `npm run check-invariants [-- --json]

Asks for every promise of Perennial: each is a question to the data whose answer must be empty. Read-only; it may run in
production while everything works.

  --json   the last line of standard output is {"checked", "broken": [{"promise", "sentence", "count", "rows"}], "skipped"}
  --help   this text

Uses DATABASE_URL, TEMPORAL_ADDRESS and SANDBOX_GATEWAY_URL, or what \`npm start\` runs on this machine.
Exit code: 0 every promise is kept, 1 one is broken, 2 it could not be asked.
`;

/** The settings of this process, or of the stack that runs beside it; what a person set goes before what it wrote down. */
async function settings(): Promise<Env & { DATABASE_URL: string }> {
  const own = loadEnv();
  const { DATABASE_URL } = own;
  if (DATABASE_URL) return { ...own, DATABASE_URL };
  const file = join(resolve(own.PERENNIAL_DATA_DIR), 'env');
  const text = await readFile(file, 'utf8').catch(() => null);
  const found = text === null ? null : readEnv(parseEnv(text));
  if (!found?.DATABASE_URL) {
    throw new Error(
      `There is nothing to check: DATABASE_URL is not set, and ${file}, which \`npm start\` writes, is not there. Start Perennial, or set DATABASE_URL (and TEMPORAL_ADDRESS).`,
    );
  }
  const {
    DATABASE_URL: url,
    DATABASE_OWNER_URL,
    TEMPORAL_ADDRESS,
    TEMPORAL_NAMESPACE,
    SANDBOX_GATEWAY_URL,
  } = found;
  const known = { TEMPORAL_ADDRESS, SANDBOX_GATEWAY_URL, ...own, DATABASE_OWNER_URL };
  return {
    ...known,
    DATABASE_URL: url,
    TEMPORAL_NAMESPACE: own.TEMPORAL_ADDRESS ? own.TEMPORAL_NAMESPACE : TEMPORAL_NAMESPACE,
  };
}

async function check(env: Env & { DATABASE_URL: string }): Promise<Invariants> {
  const { DATABASE_URL: url, DATABASE_OWNER_URL: owner = url } = env;
  await using database = await connect({
    url,
    assumeLoginRole: owner === url,
    poolSize: 1,
    applicationName: 'perennial check-invariants',
  });
  await database
    .asSystem('check-invariants', async () => {})
    .catch((error: unknown) => {
      throw new Error(
        `The database at ${new URL(url).host} does not answer (${messageOf(error)}): is \`npm start\` running, or is DATABASE_URL wrong?`,
      );
    });
  await using stack = new AsyncDisposableStack();
  const temporal = await temporalOf(env, stack);
  return await checkInvariants(database, { temporal, gatewayUrl: env.SANDBOX_GATEWAY_URL });
}

async function temporalOf(env: Env, stack: AsyncDisposableStack): Promise<Client | undefined> {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, TEMPORAL_API_KEY: apiKey = null } = env;
  if (!address) return undefined;
  try {
    const connection = await connectTemporal({
      address,
      namespace,
      apiKey,
      tls: env.TEMPORAL_TLS ?? apiKey !== null,
      uiUrl: null,
    });
    stack.defer(() => connection.close());
    return new Client({ connection, namespace });
  } catch (error) {
    console.error(messageOf(error));
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(HELP);
  } else {
    const result = await check(await settings());
    if (!values.json) console.log(report(result));
    else console.log(JSON.stringify(result));
    process.exitCode = result.broken.length > 0 ? 1 : 0;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
