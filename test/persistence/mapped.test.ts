import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { ENTITIES } from '../../src/persistence/entities.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** Statements are written from the mappings, so a mapping that says more than its table does is an error at run time. */
let testDatabase: TestDatabase;
let columns: Map<string, { type: string; required: boolean }>;

/** The same type by the names that a mapping and the catalogue have for it. */
const NAMES: Record<string, string> = {
  'timestamptz(3)': 'timestamp(3) with time zone',
  'char(3)': 'character(3)',
  int: 'integer',
  bigserial: 'bigint',
};

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  const owner = new pg.Client({ connectionString: testDatabase.ownerUrl });
  await owner.connect();
  const { rows } = await owner.query<{ name: string; type: string; required: boolean }>(
    `select attrelid::regclass || '.' || attname as name, format_type(atttypid, atttypmod) as type, attnotnull as required
     from pg_attribute join pg_class on pg_class.oid = attrelid
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped`,
  );
  columns = new Map(rows.map(({ name, ...column }) => [name, column]));
  await owner.end();
});
afterAll(async () => {
  await testDatabase?.[Symbol.asyncDispose]();
});

test('every mapped property has its column, of its type, and null where null may be', async () => {
  const orm = await MikroORM.init({
    clientUrl: testDatabase.url,
    entities: ENTITIES,
  });
  const wrong: string[] = [];
  let mapped = 0;
  for (const { tableName, props } of orm.getMetadata().getAll().values()) {
    for (const { fieldNames, columnTypes, nullable } of props) {
      const name = `${tableName}.${fieldNames[0]}`;
      const column = columns.get(name);
      const type = columnTypes[0]?.replace(', ', ',') ?? '';
      mapped += 1;
      if (!column) wrong.push(`${name} is not there`);
      else if (column.type !== (NAMES[type] ?? type))
        wrong.push(`${name} is ${column.type}, mapped as ${type}`);
      else if (column.required === Boolean(nullable))
        wrong.push(`${name} may ${nullable ? 'not ' : ''}be null`);
    }
  }
  await orm.close();
  expect(wrong).toEqual([]);
  expect(mapped).toBeGreaterThan(300);
});
