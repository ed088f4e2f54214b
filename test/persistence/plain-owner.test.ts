import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { connect } from '../../src/persistence/database.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { migrate } from '../../src/persistence/migrate.ts';
import { ping } from '../../src/persistence/save-tenants.ts';
import { prepareMonth } from '../../src/persistence/usage-months.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/**
 * An owner as a managed PostgreSQL gives it: no superuser, only CREATEROLE. In a cluster of its own it makes our roles
 * itself and so has the admin option on them and nothing else; here they exist, and it is given just that.
 */
const OWNER = 'perennial_plain_owner_test';
let testDatabase: TestDatabase;
let superuser: pg.Client;
let ownerUrl: string;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  superuser = new pg.Client({ connectionString: testDatabase.ownerUrl });
  await superuser.connect();
  await dropAll();
  await superuser.query(`create role ${OWNER} login createrole password 'plain'`);
  await superuser.query(`grant perennial_login to ${OWNER} with admin true, inherit false, set false`);
  await superuser.query(`create database ${OWNER} owner ${OWNER}`);
  const url = new URL(testDatabase.ownerUrl);
  url.pathname = `/${OWNER}`;
  url.username = OWNER;
  url.password = 'plain';
  ownerUrl = url.href;
});
afterAll(async () => {
  await database?.close();
  await dropAll();
  await superuser.end();
  await testDatabase[Symbol.asyncDispose]();
});

async function dropAll(): Promise<void> {
  await superuser.query(`drop database if exists ${OWNER} with (force)`);
  const { rowCount } = await superuser.query('select 1 from pg_roles where rolname = $1', [OWNER]);
  if (rowCount === 0) return;
  // What it granted itself goes first, or the admin option cannot.
  await superuser.query(`revoke perennial_login from ${OWNER} granted by ${OWNER}`).catch(() => undefined);
  await superuser.query(`drop role ${OWNER}`);
}

test('an owner without superuser rights migrates, and the processes become the login role with its URL', async () => {
  expect(await migrate(ownerUrl)).not.toEqual([]);
  database = await connect({
    url: ownerUrl,
    poolSize: 2,
    applicationName: 'plain owner test',
    assumeLoginRole: true,
  });
  await expect(database.asSystem('test', ping)).resolves.not.toThrow();
  // What only the owner may do, it lends.
  const farAhead = new Date(Date.now() + 300 * 86_400_000);
  expect(await database.asSystem('test', (tx) => prepareMonth(tx, farAhead))).toBe(0);
});
