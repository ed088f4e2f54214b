import type pg from 'pg';

/** Every table whose rows belong to a tenant, from the catalogue, so that a new one is covered by being there. */
export async function tenantTables(owner: pg.Client): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(`
    select class.relname as name from pg_class class join pg_attribute attribute on attribute.attrelid = class.oid
    where attribute.attname = 'tenant_id' and not attribute.attisdropped and class.relkind in ('r', 'p') and not class.relispartition
      and class.relnamespace = 'public'::regnamespace order by 1`);
  return rows.map(({ name }) => name);
}

/**
 * Takes away whatever refuses a row for what it says (checks, triggers of ours, foreign keys), so that what is left to
 * refuse a row is whose it is. The database is the test file's own.
 */
export async function disarm(owner: pg.Client): Promise<void> {
  await owner.query(`do $$ declare one record; begin
    for one in select conrelid::regclass as name, conname from pg_constraint
        where contype in ('c', 'f') and conislocal and connamespace = 'public'::regnamespace loop
      execute format('alter table %s drop constraint %I', one.name, one.conname);
    end loop;
    for one in select oid::regclass as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace loop
      execute format('alter table %s disable trigger user', one.name);
    end loop; end $$`);
}

/** A value of each type that differs from tenant to tenant where something may have to be unique. */
const VALUES: Record<string, (tenantId: string) => string> = {
  text: (tenantId) => `'row of ${tenantId}'`,
  character: () => `'USD'`,
  integer: () => '1',
  bigint: () => '1',
  numeric: () => '1',
  boolean: () => 'true',
  jsonb: () => `'{}'`,
  bytea: (tenantId) => `'${tenantId}'`,
  'text[]': () => `'{}'`,
  tstzrange: () => `'[2026-01-01, 2026-02-01)'`,
  'timestamp with time zone': () => `'2026-01-01'`,
  xid8: () => `'3'`,
  pg_snapshot: () => `'3:3:'`,
};

/** One row for a tenant, with something in every column that must not be empty. */
export async function plant(owner: pg.Client, table: string, tenantId: string): Promise<void> {
  const { rows } = await owner.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, null) as type from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped and attnotnull and attidentity = ''`,
    [table],
  );
  const values = rows.map(({ name, type }) => {
    const value = name === 'tenant_id' ? () => `'${tenantId}'` : VALUES[type];
    if (!value) throw new Error(`no value for ${table}.${name} of type ${type}: add one above`);
    return value(tenantId);
  });
  await owner.query(
    `insert into ${table} (${rows.map(({ name }) => name).join(', ')}) values (${values.join(', ')})`,
  );
}

/** The row of the tenant itself, which belongs to its account. */
export async function plantTenant(owner: pg.Client, tenantId: string): Promise<void> {
  await owner.query(
    `insert into tenants (id, account_id, mode, name, created_at, updated_at) values ($1, $1, 'test', 'Test', now(), now())`,
    [tenantId],
  );
}
