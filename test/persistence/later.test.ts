import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { Tx } from '../../src/persistence/doors.ts';
import { query, queryLater } from '../../src/persistence/rows.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';

let tenant: LoneTenant;

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 1 });
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

function countTo(tx: Tx, name: string, value: number): void {
  queryLater(tx, sql`insert into counters (tenant_id, name, value) values (${tenant.id}, ${name}, ${value})`);
}

async function namesIn(tx: Tx): Promise<string[]> {
  const rows = await query<{ name: string }>(tx, sql`select name from counters order by name`);
  return rows.map(({ name }) => name);
}

describe('a statement that nobody waits for', () => {
  test('goes before the next one and with the commit, in its order', async () => {
    const seen = await tenant.within(async (tx) => {
      countTo(tx, 'a', 1);
      const names = await namesIn(tx);
      countTo(tx, 'b', 1);
      return names;
    });
    expect(seen).toEqual(['a']);
    expect(await tenant.within(namesIn)).toEqual(['a', 'b']);
  });

  test('is undone with its transaction when the commit meets what the database has against it', async () => {
    await expect(
      tenant.within(async (tx) => {
        countTo(tx, 'c', 1);
        countTo(tx, 'negative', -1);
      }),
    ).rejects.toMatchObject({ code: '23514' });
    expect(await tenant.within(namesIn)).toEqual(['a', 'b']);
  });

  test('fails the next statement, and is not sent at all when the work fails before', async () => {
    await expect(
      tenant.within(async (tx) => {
        countTo(tx, 'negative', -1);
        await namesIn(tx);
      }),
    ).rejects.toMatchObject({ code: '23514' });
    await expect(
      tenant.within(async (tx) => {
        countTo(tx, 'd', 1);
        throw new Error('thought better of it');
      }),
    ).rejects.toThrow('thought better of it');
    expect(await tenant.within(namesIn)).toEqual(['a', 'b']);
  });

  test('is refused where nothing may be written, and by a transaction that has ended', async () => {
    const looking = tenant.database.lookAsTenant(tenant.id, async (tx) => countTo(tx, 'e', 1));
    await expect(looking).rejects.toThrow('only looks');
    const ended = await tenant.within(async (tx) => {
      await namesIn(tx);
      return tx;
    });
    await expect(namesIn(ended)).rejects.toThrow('has ended');
    expect(await tenant.within(namesIn)).toEqual(['a', 'b']);
  });
});
