import { connect } from '../../src/persistence/database.ts';
import type { Database, Tx } from '../../src/persistence/doors.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { seedTenant } from './webhooks.ts';

/** A tenant that is alone in a database, where nobody works but the test. */
export type LoneTenant = TestDatabase & {
  id: string;
  database: Database;
  within<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
};

export async function openTenant({ poolSize }: { poolSize: number }): Promise<LoneTenant> {
  await using opening = new AsyncDisposableStack();
  const { url, ownerUrl } = opening.use(await createTestDatabase());
  const database = opening.use(await connect({ url, poolSize, applicationName: 'test' }));
  const id = await seedTenant(database);
  const open = opening.move();
  return {
    id,
    url,
    ownerUrl,
    database,
    within: (work) => database.withTenant(id, work),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
