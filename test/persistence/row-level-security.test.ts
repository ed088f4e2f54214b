import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MikroORM } from '@mikro-orm/postgresql';
import { sql } from 'kysely';
import pg from 'pg';
import { connect } from '../../src/persistence/database.ts';
import { type Database, doorsOf, type Tx } from '../../src/persistence/doors.ts';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { disarm, plant, plantTenant, tenantTables } from './plant-rows.ts';

const ROLES = ['perennial_app', 'perennial_system'];
const ours = newId('ten');
const theirs = newId('ten');

let testDatabase: TestDatabase;
let pool: pg.Pool;
let database: Database;
let owner: pg.Client;
let tables: string[];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  // One connection, so that whatever a transaction leaves behind is what the next one finds.
  pool = new pg.Pool({ connectionString: testDatabase.url, max: 1 });
  const orm = await MikroORM.init({
    clientUrl: testDatabase.url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
  });
  database = doorsOf(orm, pool);
  owner = await loggedIn(testDatabase.ownerUrl);
  tables = await tenantTables(owner);
  await disarm(owner);
  for (const tenantId of [ours, theirs]) {
    await plantTenant(owner, tenantId);
    for (const table of tables) await plant(owner, table, tenantId);
  }
});
afterAll(async () => {
  await owner?.end();
  await database?.close();
  await testDatabase?.[Symbol.asyncDispose]();
});

const catalogue = async (text: string) => (await owner.query<Record<string, unknown>>(text)).rows;

describe('the catalogue', () => {
  test('every table with tenant_id has row-level security enabled, forced, and a policy for each role', async () => {
    expect(await unprotected()).toEqual([]);
    expect(tables.length).toBeGreaterThan(25);
  });

  test('one that lacks any of these is found', async () => {
    const lacking = {
      enabled: [],
      forced: ['enable row level security'],
      system_policy: ['enable row level security', 'force row level security'],
    };
    await owner.query('begin');
    for (const [what, has] of Object.entries(lacking)) {
      await owner.query(`create table lacks_${what} (tenant_id text)`);
      await owner.query(`create policy app on lacks_${what} to perennial_app using (true)`);
      for (const one of has) await owner.query(`alter table lacks_${what} ${one}`);
    }
    const found = await unprotected();
    await owner.query('rollback');
    expect(found).toEqual(['lacks_enabled', 'lacks_forced', 'lacks_system_policy']);
  });

  test("the application's policies compare with the tenant of the transaction, for reading and for writing", async () => {
    const policies = await catalogue(`
      select polrelid::regclass::text as name, pg_get_expr(polqual, polrelid) as reads, pg_get_expr(polwithcheck, polrelid) as writes
      from pg_policy where 'perennial_app'::regrole = any(polroles)`);
    const own = `(tenant_id = NULLIF(current_setting('app.tenant_id'::text, true), ''::text))`;
    const others = policies.filter(({ reads, writes }) => reads !== own || writes !== own);
    // A tenant finds its own row by its id and cannot write it.
    expect(others).toEqual([{ name: 'tenants', reads: own.replace('tenant_id', 'id'), writes: null }]);
    expect(policies).toHaveLength(tables.length + 1);
  });

  test('what belongs to no tenant is beyond the application', async () => {
    const within = await catalogue(`
      select class.relname as name from pg_class class
      where class.relkind in ('r', 'p', 'v', 'm') and class.relnamespace = 'public'::regnamespace
        and has_any_column_privilege('perennial_app', class.oid, 'select, insert, update')
        and not exists (select from pg_attribute where attrelid = class.oid and attname = 'tenant_id' and not attisdropped)`);
    expect(within).toEqual([{ name: 'tenants' }]);
  });

  test('no role bypasses row-level security or owns anything, and the login inherits nothing', async () => {
    const roles = await catalogue(`
      select rolname::text as name, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as mighty, rolinherit as inherits,
        rolcanlogin as login, exists (select from pg_class where relowner = pg_roles.oid) as owns
      from pg_roles where rolname like 'perennial%' order by rolname`);
    const powerless = { mighty: false, inherits: false, owns: false };
    expect(roles).toEqual([
      { name: 'perennial_app', login: false, ...powerless },
      { name: 'perennial_login', login: true, ...powerless },
      { name: 'perennial_system', login: false, ...powerless },
    ]);
    const memberships = await catalogue(`
      select roleid::regrole::text as role, inherit_option as inherits, admin_option as admin
      from pg_auth_members where member = 'perennial_login'::regrole order by 1`);
    expect(memberships).toEqual(ROLES.map((role) => ({ role, inherits: false, admin: false })));
  });
});

describe('code that forgets a door', () => {
  let login: pg.Client;
  beforeAll(async () => {
    login = await loggedIn(testDatabase.url);
  });
  afterAll(() => login.end());

  test('gets permission denied, on every table', async () => {
    for (const table of [...tables, 'tenants', 'accounts']) {
      await expect(login.query(`select from ${table}`)).rejects.toThrow(
        `permission denied for table ${table}`,
      );
    }
  });

  test('gets permission denied also where it has set a tenant', async () => {
    await login.query(`select set_config('app.tenant_id', $1, false)`, [ours]);
    await expect(login.query('select from customers')).rejects.toThrow(
      'permission denied for table customers',
    );
    await login.query('reset app.tenant_id');
  });

  test('sees nothing with the role of the application and without a tenant', async () => {
    await login.query('set role perennial_app');
    for (const table of tables)
      expect(await login.query(`select from ${table}`)).toMatchObject({ rowCount: 0 });
    await login.query(`select set_config('app.tenant_id', '', false)`);
    for (const table of tables)
      expect(await login.query(`select from ${table}`)).toMatchObject({ rowCount: 0 });
  });

  test('opens none with anything but the id of a tenant', async () => {
    for (const id of ['', '*', newId('cus'), `${ours}' or true --`]) {
      await expect(database.withTenant(id, () => Promise.resolve())).rejects.toThrow(
        'needs the id of a tenant',
      );
    }
  });
});

describe("a tenant's door", () => {
  test('shows its own rows only, in every table', async () => {
    for (const table of tables) {
      const seen = await database.withTenant(ours, (tx) => tenantsIn(tx, table));
      expect({ table, seen }).toEqual({ table, seen: [ours] });
    }
    expect(await database.withTenant(ours, (tx) => tenantsIn(tx, 'tenants', 'id'))).toEqual([ours]);
    expect(await database.asSystem('test', (tx) => tenantsIn(tx, 'customers'))).toEqual(
      [ours, theirs].sort(),
    );
  });

  test('changes and deletes nothing of another tenant, in any table', async () => {
    for (const table of tables) {
      const update = `update ${table} set tenant_id = tenant_id where tenant_id = '${theirs}' returning 1`;
      expect(await attempt(update)).toBe(
        (await may(table, 'update')) ? '0 rows' : `permission denied for table ${table}`,
      );
      const remove = `delete from ${table} where tenant_id = '${theirs}' returning 1`;
      expect(await attempt(remove)).toBe(
        (await may(table, 'delete')) ? '0 rows' : `permission denied for table ${table}`,
      );
    }
  });

  test('gives no row to another tenant, in any table', async () => {
    for (const table of tables) {
      const violation = `new row violates row-level security policy for table "${table}"`;
      const copy = `insert into ${table} overriding system value
        select (jsonb_populate_record(own, jsonb_build_object('tenant_id', '${theirs}'))).* from ${table} own returning 1`;
      expect(await attempt(copy)).toBe(
        (await may(table, 'insert')) ? violation : `permission denied for table ${table}`,
      );
      const move = `update ${table} set tenant_id = '${theirs}' returning 1`;
      expect(await attempt(move)).toBe(
        (await may(table, 'update')) ? violation : `permission denied for table ${table}`,
      );
    }
  });

  test('reaches nothing through an id of another tenant', async () => {
    const [customer] = await database.withTenant(theirs, (tx) =>
      query<{ id: string }>(tx, sql`select id from customers`),
    );
    const found = await database.withTenant(ours, (tx) =>
      query(tx, sql`select id from customers where id = ${customer?.id}`),
    );
    expect(customer).toBeDefined();
    expect(found).toEqual([]);
  });
});

describe('a pooled connection', () => {
  const state = async () => {
    const { rows } = await pool.query<{ pid: number; role: string; tenant: string | null }>(
      `select pg_backend_pid() as pid, current_user::text as role, nullif(current_setting('app.tenant_id', true), '') as tenant`,
    );
    return rows;
  };

  test('forgets role and tenant with the transaction, also with one that failed', async () => {
    const before = await state();
    expect(before).toEqual([{ pid: expect.any(Number), role: 'perennial_login', tenant: null }]);
    await database.withTenant(ours, (tx) => tenantsIn(tx, 'customers'));
    expect(await state()).toEqual(before);
    await expect(
      database.withTenant(ours, () => Promise.reject(new Error('changed my mind'))),
    ).rejects.toThrow('changed my mind');
    await expect(database.withTenant(ours, (tx) => query(tx, sql`select 1 / 0`))).rejects.toThrow(
      'division by zero',
    );
    expect(await state()).toEqual(before);
    await database.asSystem('test', (tx) => tenantsIn(tx, 'customers'));
    expect(await state()).toEqual(before);
    await database.lookAsTenant(ours, (tx) => tenantsIn(tx, 'customers'));
    expect(await state()).toEqual(before);
    await expect(database.lookAsTenant(ours, (tx) => query(tx, sql`select 1 / 0`))).rejects.toThrow(
      'division by zero',
    );
    expect(await state()).toMatchObject([{ role: 'perennial_login', tenant: null }]);
  });

  test('does not call a transaction committed in which a statement failed', async () => {
    const careless = database.withTenant(ours, async (tx) => {
      await query(tx, sql`select 1 / 0`).catch(() => null);
    });
    await expect(careless).rejects.toThrow('a statement had failed');
    expect(await state()).toMatchObject([{ role: 'perennial_login', tenant: null }]);
  });

  test('serves the next tenant as if it had never seen another', async () => {
    for (const tenantId of [ours, theirs, ours]) {
      expect(await database.withTenant(tenantId, (tx) => tenantsIn(tx, 'customers'))).toEqual([tenantId]);
    }
  });

  test('shows a looker its own rows only, refuses him every write, and remembers nothing of him', async () => {
    for (const tenantId of [ours, theirs, ours]) {
      expect(await database.lookAsTenant(tenantId, (tx) => tenantsIn(tx, 'customers'))).toEqual([tenantId]);
      const write = database.lookAsTenant(tenantId, (tx) =>
        query(tx, sql`update customers set name = 'changed' where tenant_id = ${tenantId} returning id`),
      );
      await expect(write).rejects.toMatchObject({ code: '25006' });
    }
    expect(
      await attempt(`update customers set name = 'changed' where tenant_id = '${ours}' returning id`),
    ).toBe('1 rows');
  });

  test('keeps a nested door to itself: the inner one waits for a connection of its own', async () => {
    await using doors = await connect({ url: testDatabase.url, poolSize: 2, applicationName: 'test' });
    const seen = await doors.withTenant(ours, async (outer) => [
      await doors.withTenant(theirs, (inner) => tenantsIn(inner, 'customers')),
      await tenantsIn(outer, 'customers'),
    ]);
    expect(seen).toEqual([[theirs], [ours]]);
  });
});

/** Tables of tenants that do not have all of: enabled, forced, a policy for each role. */
async function unprotected(): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `select class.relname as name from pg_class class
    where class.relrowsecurity and class.relforcerowsecurity and not exists (
      select from unnest($1::text[]) as needed where not exists (
        select from pg_policy policy
        where policy.polrelid = class.oid and policy.polcmd = '*' and needed::regrole = any(policy.polroles)))`,
    [ROLES],
  );
  return (await tenantTables(owner)).filter((table) => !rows.some(({ name }) => name === table));
}

async function tenantsIn(tx: Tx, table: string, column = 'tenant_id'): Promise<string[]> {
  const rows = await query<{ tenant: string }>(
    tx,
    sql`select distinct ${sql.ref(column)} as tenant from ${sql.table(table)} order by 1`,
  );
  return rows.map(({ tenant }) => tenant);
}

/** What a statement comes to behind our door: how many rows it touched, or why it was refused. */
async function attempt(statement: string): Promise<string> {
  try {
    const rows = await database.withTenant(ours, (tx) => query(tx, sql.raw(statement)));
    return `${rows.length} rows`;
  } catch (error) {
    return (error as Error).message;
  }
}

async function may(table: string, privilege: 'insert' | 'update' | 'delete'): Promise<boolean> {
  const [row] = await catalogue(
    `select has_table_privilege('perennial_app', '${table}', '${privilege}') as may`,
  );
  return row?.['may'] === true;
}

async function loggedIn(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}
