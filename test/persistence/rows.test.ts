import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { plantInvoices } from '../../bench/api/plant-invoices.ts';
import { Decimal } from '../../src/domain/money.ts';
import { CustomerSchema } from '../../src/persistence/customers.ts';
import { connect } from '../../src/persistence/database.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { findRow, findRows, insertRows, query, updateRows } from '../../src/persistence/rows.ts';
import { findEndpoint } from '../../src/persistence/webhooks.ts';
import { newId } from '../../src/platform/ids.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import { seedEndpoint } from '../support/webhooks.ts';

let tenant: LoneTenant;
const at = new Date('2026-03-29T01:00:00.120Z');

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 3 });
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

const customer = (name: string) => ({
  id: newId('cus'),
  tenantId: tenant.id,
  externalId: null,
  name,
  email: null,
  timeZone: null,
  currency: null,
  testClockId: null,
  metadata: { quote: `it's "${name}" \\ \u{1F600}` },
  deletedAt: null,
  createdAt: at,
  updatedAt: at,
});

describe('rows', () => {
  test('come back as they went in: instants, amounts, objects, lists, nulls', async () => {
    const whole = customer("O'Brien; drop table customers");
    await tenant.within((tx) => insertRows(tx, CustomerSchema, [whole]));
    expect(await tenant.within((tx) => findRow(tx, CustomerSchema, { id: whole.id }))).toEqual(whole);

    const [invoiceId = ''] = await plantInvoices(tenant.database, tenant.id, 1);
    const invoice = await tenant.within((tx) => findRow(tx, InvoiceSchema, { id: invoiceId }));
    expect(invoice?.total).toBeInstanceOf(Decimal);
    expect(invoice?.total.toFixed(2)).toBe('30.00');
    expect(invoice?.finalizedAt).toBeInstanceOf(Date);

    const endpoint = await seedEndpoint(tenant.database, tenant.id, 'https://example.com/', {
      eventTypes: ['invoice.paid', 'invoice.voided'],
    });
    expect((await tenant.within((tx) => findEndpoint(tx, endpoint.id)))?.eventTypes).toEqual(
      endpoint.eventTypes,
    );
  });

  test('are instants of the same moment whatever the zone of the session', async () => {
    const one = customer('zone');
    await tenant.within((tx) => insertRows(tx, CustomerSchema, [one]));
    const found = await tenant.within(async (tx) => {
      await query(tx, sql`set local time zone 'Asia/Kolkata'`);
      return findRow(tx, CustomerSchema, { id: one.id });
    });
    expect(found?.createdAt).toEqual(at);
  });

  test('are found by every kind of comparison, and by nothing that is not understood', async () => {
    const people = ['one', 'two', 'three'].map(customer);
    const ids = people.map(({ id }) => id);
    await tenant.within((tx) => insertRows(tx, CustomerSchema, people));
    const changed = await tenant.within((tx) =>
      updateRows(tx, CustomerSchema, { id: ids, name: 'two' }, { deletedAt: at, email: 'a@b.c' }),
    );
    expect(changed).toBe(1);
    const names = async (where: Record<string, unknown>) =>
      (
        await tenant.within((tx) =>
          findRows(
            tx,
            CustomerSchema,
            { id: { $in: ids }, ...where },
            {
              orderBy: { id: 'asc' },
            },
          ),
        )
      ).map(({ name }) => name);
    expect(await names({})).toEqual(['one', 'two', 'three']);
    expect(await names({ deletedAt: null })).toEqual(['one', 'three']);
    expect(await names({ deletedAt: { $ne: null } })).toEqual(['two']);
    expect(await names({ name: { $ne: 'one' } })).toEqual(['two', 'three']);
    expect(await names({ name: ['one', 'three'] })).toEqual(['one', 'three']);
    expect(await names({ createdAt: { $gte: at, $lt: new Date(at.getTime() + 1) } })).toHaveLength(3);
    expect(await names({ createdAt: { $gt: at } })).toEqual([]);
    expect(await tenant.within((tx) => findRows(tx, CustomerSchema, { id: { $in: [] } }))).toEqual([]);
    await expect(names({ name: { $like: '%' } })).rejects.toThrow('$like is not known');
    await expect(names({ nickname: 'x' })).rejects.toThrow('no property nickname');
    await expect(names({ name: undefined })).rejects.toThrow('has no value');
  });

  test('that nobody has room for at once go in one after the other, all or none', async () => {
    const many = Array.from({ length: 6_000 }, (_, n) => customer(`many ${n}`));
    await tenant.within((tx) => insertRows(tx, CustomerSchema, many));
    const count = () =>
      tenant.within((tx) =>
        query<{ n: number }>(tx, sql`select count(*)::int as n from customers where name like 'many %'`),
      );
    expect(await count()).toEqual([{ n: 6_000 }]);
    const twice = [...many.slice(0, 1), customer('many more')];
    await expect(tenant.within((tx) => insertRows(tx, CustomerSchema, twice))).rejects.toMatchObject({
      code: '23505',
    });
    expect(await count()).toEqual([{ n: 6_000 }]);
  });
});

describe('statements that are asked for at once', () => {
  test('travel together, and each gets its own answer', async () => {
    const asked = (tx: Tx) =>
      Promise.all(
        [1, 2, 3].map((n) =>
          query<{ n: number; at: string }>(tx, sql`select ${n}::int as n, now()::text as at`),
        ),
      );
    for (const answers of [
      await tenant.within(asked),
      await tenant.database.lookAsTenant(tenant.id, asked),
    ]) {
      expect(answers.map(([row]) => row?.n)).toEqual([1, 2, 3]);
      expect(new Set(answers.map(([row]) => row?.at)).size).toBe(1);
    }
  });

  test('fail together', async () => {
    const asked = (tx: Tx) =>
      Promise.allSettled([query(tx, sql`select 1`), query(tx, sql`select 1 / 0`), query(tx, sql`select 2`)]);
    const answers = await tenant.database.lookAsTenant(tenant.id, asked);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await tenant.database.lookAsTenant(tenant.id, (tx) => query(tx, sql`select 1 as one`))).toEqual([
      { one: 1 },
    ]);
  });

  test('that hold what PostgreSQL cannot be given are not sent, and leave the connection well', async () => {
    await using one = await connect({ url: tenant.url, poolSize: 1, applicationName: 'rows test' });
    const odd = one.lookAsTenant(tenant.id, (tx) => query(tx, sql`select ${{ a: 1 }}::text as x`));
    await expect(odd).rejects.toThrow('a value of type object');
    expect(await one.lookAsTenant(tenant.id, (tx) => query(tx, sql`select 1 as one`))).toEqual([{ one: 1 }]);
  });

  test('survive a server that forgets what it was told', async () => {
    await using one = await connect({ url: tenant.url, poolSize: 1, applicationName: 'rows test' });
    const look = () => one.lookAsTenant(tenant.id, (tx) => query(tx, sql`select ${'x'}::text as x`));
    await look();
    // As a pooler does that hands out its connections to one after the other.
    await one.asSystem('test', (tx) => query(tx, sql`deallocate all`));
    expect(await look()).toEqual([{ x: 'x' }]);
    expect(await look()).toEqual([{ x: 'x' }]);
  });
});
