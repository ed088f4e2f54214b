import { Migrator } from '@mikro-orm/migrations';
import { MikroORM } from '@mikro-orm/postgresql';
import { migrationsList } from '../../migrations/index.ts';

/**
 * Brings the database up to date as its owner. Safe to call from several processes at once: an advisory lock lets
 * one of them work and the others find nothing left to do.
 */
export async function migrate(ownerUrl: string): Promise<string[]> {
  const orm = await MikroORM.init({
    clientUrl: ownerUrl,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: {
      migrationsList,
      tableName: 'migrations',
      snapshot: false,
      transactional: true,
      allOrNothing: true,
    },
    forceUtcTimezone: true,
    logger: () => undefined,
    pool: { min: 0, max: 2 },
  });
  try {
    const done = await underLock(orm, () => orm.migrator.up());
    const pending = await orm.migrator.getPending();
    if (pending.length > 0)
      throw new Error(`migrations left undone: ${pending.map((m) => m.name).join(', ')}`);
    return done.map((migration) => migration.name);
  } finally {
    await orm.close();
  }
}

const MIGRATION_LOCK = 7_365_001;

async function underLock<T>(orm: MikroORM, work: () => Promise<T>): Promise<T> {
  return orm.em.transactional(async (em) => {
    await em.execute('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
    return work();
  });
}
