import { Client, Connection } from '@temporalio/client';
import { presenters } from '../../contract/presenters.ts';
import type { Database, Tx } from '../../persistence/doors.ts';
import type { Write } from '../../persistence/write.ts';
import type { Config } from '../../platform/config.ts';
import { newId } from '../../platform/ids.ts';
import { readDevSecrets, withDevSecrets } from '../../platform/secrets.ts';
import { connectionOptions } from '../../platform/temporal.ts';
import { messageOf, openDatabase, type Settings, temporalOf } from '../settings.ts';
import { Unusable } from './command.ts';

const CONNECT_TIMEOUT_MS = 3_000;

/** What a command works with. */
export type Desk = AsyncDisposable & {
  database: Database;
  /** The verb as it was called, such as "subscription retry". */
  called: string;
  /** Written into every event that an operator brings about. */
  cause: Write['cause'];
  present: typeof presenters;
  temporal: Config['temporal'] | null;
  /** A client that is connected, or the sentence why there is none. */
  client(): Promise<{ client: Client } | { away: string }>;
  /** Throws `Unusable` where they are not known. */
  secrets(): Promise<{ keyPepper: string; masterKeys: Config['secrets']['masterKeys'] }>;
  /** A transaction through a tenant's door. */
  inTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A transaction across tenants, named after the command in `pg_stat_activity`. */
  everywhere<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
};

export async function openDesk(env: Settings, called: string): Promise<Desk> {
  const reason = `cli ${called}`;
  await using opening = new AsyncDisposableStack();
  const database = opening.use(
    await openDatabase(env, reason, { cutsSilence: true }).catch((error: unknown) => {
      throw new Unusable(messageOf(error));
    }),
  );
  const temporal = temporalOf(env);
  let client: ReturnType<Desk['client']> | null = null;
  const open = opening.move();
  return {
    database,
    called,
    cause: { correlationId: newId('req'), causationId: `operator: ${called}` },
    present: presenters,
    temporal,
    client: () => {
      client ??= connectClient(temporal, open);
      return client;
    },
    secrets: () => secretsOf(env),
    inTenant: (tenantId, work) => database.withTenant(tenantId, work),
    everywhere: (work) => database.asSystem(reason, work),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function connectClient(
  temporal: Config['temporal'] | null,
  open: AsyncDisposableStack,
): ReturnType<Desk['client']> {
  if (!temporal) return { away: 'TEMPORAL_ADDRESS is not set, so Temporal cannot be asked.' };
  try {
    const connection = await Connection.connect({
      ...connectionOptions(temporal),
      connectTimeout: CONNECT_TIMEOUT_MS,
    });
    open.defer(() => connection.close());
    return { client: new Client({ connection, namespace: temporal.namespace }) };
  } catch {
    return {
      away: `Temporal does not answer at ${temporal.address}: start it, or correct TEMPORAL_ADDRESS.`,
    };
  }
}

/** Those of `npm start` only for its own database: a key made with another pepper would never be accepted. */
async function secretsOf(env: Settings): ReturnType<Desk['secrets']> {
  const found = env.beside === null ? null : await readDevSecrets(env.beside);
  const { PERENNIAL_KEY_PEPPER, PERENNIAL_MASTER_KEY } = found ? withDevSecrets(env, found) : env;
  if (PERENNIAL_KEY_PEPPER && PERENNIAL_MASTER_KEY)
    return { keyPepper: PERENNIAL_KEY_PEPPER, masterKeys: PERENNIAL_MASTER_KEY };
  throw new Unusable(
    'PERENNIAL_KEY_PEPPER and PERENNIAL_MASTER_KEY are not set: set both to what the API has, or its keys and secrets would not fit.',
  );
}
