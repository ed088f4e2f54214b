import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { catalogue } from '../../src/main/house/catalogue.ts';
import { firstDifference } from '../../src/main/house/first-difference.ts';
import { createTestDatabase } from '../support/database.ts';

test('docs/schema.sql tells when the database is not what it says', async () => {
  const stored = await readFile('docs/schema.sql', 'utf8');

  await using database = await createTestDatabase();
  const url = database.ownerUrl;
  expect(firstDifference(stored, await catalogue(url))).toBeNull();

  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let before = await catalogue(url);
  /** What the check says that `change` changed. */
  const findingAfter = async (change: string) => {
    await client.query(change);
    const after = await catalogue(url);
    const finding = firstDifference(before, after);
    before = after;
    return finding;
  };
  try {
    expect(
      await findingAfter(
        'alter table billed_periods drop constraint billed_periods_item_id_side_period_excl',
      ),
    ).toMatch(
      /^- alter table billed_periods add constraint billed_periods_item_id_side_period_excl EXCLUDE .*$/,
    );
    expect(await findingAfter('alter table invoices no force row level security')).toBe(
      '- alter table invoices force row level security;',
    );
    expect(await findingAfter('drop policy app_own_tenant on invoices')).toMatch(
      /^- create policy app_own_tenant on invoices to perennial_app/,
    );
    expect(await findingAfter('alter table invoices disable trigger all')).toMatch(/disabled/);
    expect(await findingAfter('alter table customers alter column name drop not null')).toBe(
      '-   name text not null,\n+   name text,',
    );
    expect(await findingAfter('grant delete on ledger_entries to perennial_app')).toMatch(
      /^\+ grant delete/m,
    );
    expect(await findingAfter('create table extra (a int)')).toMatch(/^\+ create table extra \($/m);
  } finally {
    await client.end();
  }
});
