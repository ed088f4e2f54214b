import { connect } from '../../src/persistence/database.ts';
import type { Database, Tx } from '../../src/persistence/doors.ts';
import { insertRow } from '../../src/persistence/rows.ts';
import { AccountSchema, TenantSchema } from '../../src/persistence/tenants.ts';
import { newId } from '../../src/platform/ids.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

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

/** Writes an account that has one tenant; answers the tenant's id. */
export async function seedTenant(database: Database, at = new Date()): Promise<string> {
  const tenantId = newId('ten');
  const accountId = newId('acc');
  const both = { name: 'Acme', metadata: {}, createdAt: at, updatedAt: at };
  await database.asSystem('test', async (tx) => {
    await insertRow(tx, AccountSchema, { id: accountId, ...both });
    await insertRow(tx, TenantSchema, {
      id: tenantId,
      accountId,
      mode: 'test',
      timeZone: 'UTC',
      invoiceGraceHours: 0,
      dunningPolicy: null,
      trialReminderDays: null,
      backdateDaysMax: 90,
      lateWindowDays: 35,
      usageRetentionDays: null,
      ...both,
    });
  });
  return tenantId;
}
