import { MikroORM } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { impatientSocket } from '../platform/impatient-socket.ts';
import { type Database, doorsOf } from './doors.ts';
import { ENTITIES } from './entities.ts';

export type DatabaseOptions = {
  url: string;
  poolSize: number;
  applicationName: string;
  /**
   * Set when `url` belongs to the owner of the tables: every connection then becomes `perennial_login` at once, so
   * that a forgotten door is refused there too. Needs a direct connection or a pooler in session mode.
   */
  assumeLoginRole?: boolean;
  /** A statement that takes longer is ended by the server; 30 seconds unless told. */
  statementMsMax?: number;
  /**
   * Whether a server that does not even end statements is given up: one that is frozen, or cut off without a word. For
   * processes that serve; without it a transaction may set itself a longer limit.
   */
  cutsSilence?: boolean;
};

/** How much later than at its own limit an answer may come. */
const SILENCE_MARGIN_MS = 2_000;

/** Opens the pool and hands out the two doors; nothing else of the ORM leaves this room. */
export async function connect(options: DatabaseOptions): Promise<Database> {
  const { statementMsMax = 30_000 } = options;
  const made = Promise.withResolvers<Pool>();
  const orm = await MikroORM.init({
    clientUrl: options.url,
    entities: ENTITIES,
    forceUtcTimezone: true,
    ignoreUndefinedInQuery: false,
    pool: { min: 0, max: options.poolSize },
    driverOptions: {
      application_name: options.applicationName,
      ...(options.assumeLoginRole ? { options: '-c role=perennial_login' } : {}),
      connectionTimeoutMillis: 5_000,
      statement_timeout: statementMsMax,
      idle_in_transaction_session_timeout: 60_000,
      onPoolCreated: (pool: Pool) => made.resolve(pool),
      ...(options.cutsSilence
        ? { keepAlive: true, stream: () => impatientSocket(statementMsMax + SILENCE_MARGIN_MS) }
        : {}),
    },
  });
  // Makes the pool. Nobody is connected yet: a database that is away must not keep a process from starting.
  orm.em.getKysely();
  return doorsOf(orm, await made.promise);
}
