import { MikroORM } from '@mikro-orm/postgresql';
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
};

/** Opens the pool and hands out the two doors; nothing else of the ORM leaves this room. */
export async function connect(options: DatabaseOptions): Promise<Database> {
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
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 60_000,
    },
  });
  return doorsOf(orm);
}
