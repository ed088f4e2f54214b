import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import type { Invoice } from '../../src/domain/invoice.ts';
import type { PaymentAttempt } from '../../src/domain/payment.ts';
import { takeInvoiceNumber } from '../../src/persistence/invoice-facts.ts';
import { InvoiceSchema } from '../../src/persistence/invoices.ts';
import { PaymentAttemptSchema } from '../../src/persistence/payments.ts';
import { findRow, query } from '../../src/persistence/rows.ts';
import { createWorld, type World } from '../support/world.ts';

/** What cannot be stored, whoever tries: everything here goes through the door that the engine uses. */
let world: World;
let paid: Invoice;
let attempt: PaymentAttempt;

beforeAll(async () => {
  world = await createWorld();
  const plan = await world.plan([{ unitAmount: '19.99' }]);
  const subscriptionId = await world.subscribe(await world.customer(), plan);
  const found = await world.inTenant(async (tx) => {
    const invoice = await findRow(tx, InvoiceSchema, { subscriptionId, status: 'paid' });
    return {
      invoice,
      attempt: invoice && (await findRow(tx, PaymentAttemptSchema, { invoiceId: invoice.id })),
    };
  });
  if (!found.invoice || !found.attempt) throw new Error('the first invoice was not paid');
  paid = found.invoice;
  attempt = found.attempt;
});
afterAll(() => world?.[Symbol.asyncDispose]());

/** Whoever owns the tables is no exception. */
async function asOwner(statement: string): Promise<void> {
  const owner = new pg.Client({ connectionString: world.ownerUrl });
  await owner.connect();
  try {
    await owner.query(statement);
  } finally {
    await owner.end();
  }
}

const run = (statement: string) => world.inTenant((tx) => query(tx, sql.raw(statement)));

describe('a stretch of an item', () => {
  test('is billed once: a second bill for any part of it is refused', async () => {
    const again = (period: string) =>
      run(`insert into billed_periods (tenant_id, item_id, side, period, reason, line_id)
        select tenant_id, item_id, side, ${period}, reason, line_id from billed_periods where voided_at is null`);
    await expect(again('period')).rejects.toThrow('billed_periods_item_id_side_period_excl');
    await expect(
      again(`tstzrange(upper(period) - interval '1 second', upper(period) + interval '1 month')`),
    ).rejects.toThrow('_excl');
    await expect(again('tstzrange(lower(period), lower(period))')).rejects.toThrow('check constraint');
  });

  test('cannot be accounted for as billed without the line that bills it', async () => {
    const unbilled = run(`insert into billed_periods (tenant_id, item_id, side, period, reason)
      select tenant_id, item_id, side, tstzrange(upper(period), upper(period) + interval '1 day'), 'billed' from billed_periods`);
    await expect(unbilled).rejects.toThrow('check constraint');
  });
});

describe('an invoice', () => {
  test('that is paid stays paid, with its amounts, number and lines', async () => {
    const change = (changes: string) => run(`update invoices set ${changes} where id = '${paid.id}'`);
    await expect(change(`status = 'open', paid_at = null, amount_paid = 0`)).rejects.toThrow(
      'is paid: that is final',
    );
    await expect(change(`status = 'void', voided_at = now(), paid_at = null`)).rejects.toThrow(
      'is paid: that is final',
    );
    for (const changes of [
      'total = 1',
      'subtotal = 1',
      `number = 'INV-000009'`,
      `currency = 'EUR'`,
      'finalized_at = now()',
    ]) {
      await expect(change(changes)).rejects.toThrow('is finalized: its amounts no longer change');
    }
    await expect(run(`update invoice_lines set amount = 1 where invoice_id = '${paid.id}'`)).rejects.toThrow(
      'its lines no longer change',
    );
    await expect(run(`delete from invoices where id = '${paid.id}'`)).rejects.toThrow('permission denied');
  });

  test('is paid only when nothing is missing', async () => {
    await expect(run(`update invoices set amount_paid = 1 where id = '${paid.id}'`)).rejects.toThrow(
      'check constraint',
    );
  });

  test('has lines that sum to its total, at the latest when the transaction ends', async () => {
    const draft = (total: number) =>
      world.inTenant((tx) =>
        query(
          tx,
          sql`insert into invoices (id, tenant_id, customer_id, origin_key, status, billing_reason, currency, subtotal, total,
            collection_method, period_start, period_end, created_at, updated_at)
          values (${`inv_${total}`}, ${world.tenantId}, ${paid.customerId}, ${`by hand ${total}`}, 'draft', 'subscription_cycle', 'USD', ${total}, ${total},
            'charge_automatically', '2026-01-01', '2026-02-01', now(), now())`,
        ),
      );
    await expect(draft(5)).rejects.toThrow('lines sum to 0, subtotal is 5');
    await draft(0);
  });

  test('of one boundary is made once', async () => {
    const again =
      run(`insert into invoices (id, tenant_id, customer_id, origin_key, status, billing_reason, currency, subtotal, total,
        collection_method, period_start, period_end, created_at, updated_at)
      select 'inv_again', tenant_id, customer_id, origin_key, 'draft', billing_reason, currency, 0, 0, collection_method, period_start, period_end, now(), now()
      from invoices where id = '${paid.id}'`);
    await expect(again).rejects.toThrow('invoices_tenant_id_origin_key_key');
  });
});

describe('a charge', () => {
  const start = (n: number, id: string) =>
    run(`insert into payment_attempts (id, tenant_id, invoice_id, customer_id, n, payment_method_id, gateway, amount, currency, status, next_check_at, created_at, updated_at)
      select '${id}', tenant_id, invoice_id, customer_id, ${n}, payment_method_id, gateway, amount, currency, 'in_flight', now(), now(), now()
      from payment_attempts where id = '${attempt.id}'`);

  test('of an invoice is under way once at a time', async () => {
    await start(8, 'att_one');
    await expect(start(9, 'att_two')).rejects.toThrow('payment_attempts_one_in_flight');
    await run(
      `update payment_attempts set status = 'declined', hard = false, finished_at = now(), next_check_at = null where id = 'att_one'`,
    );
  });

  test('is one payment, which never changes', async () => {
    const again =
      run(`insert into payments (id, tenant_id, customer_id, attempt_id, gateway, gateway_ref, amount, currency, paid_at, created_at)
      select 'pay_again', tenant_id, customer_id, attempt_id, gateway, gateway_ref, amount, currency, paid_at, created_at from payments`);
    await expect(again).rejects.toThrow('payments_attempt_id_key');
    await expect(run('update payments set amount = 1')).rejects.toThrow('permission denied');
    await expect(run('delete from payment_allocations')).rejects.toThrow('permission denied');
  });
});

describe('the ledger', () => {
  const post = (...amounts: [amount: number, currency: string][]) =>
    world.inTenant(async (tx) => {
      await query(
        tx,
        sql`insert into ledger_transactions (id, tenant_id, kind, source, at) values ('ltx_one', ${world.tenantId}, 'payment_received', 'by hand', now())`,
      );
      for (const [index, [amount, currency]] of amounts.entries()) {
        await query(
          tx,
          sql`insert into ledger_entries (transaction_id, n, tenant_id, account, customer_id, amount, currency)
          values ('ltx_one', ${index + 1}, ${world.tenantId}, 'cash', ${paid.customerId}, ${amount}, ${currency})`,
        );
      }
      // What is deferred to the end is asked for now, so that nothing of this stays.
      await query(tx, sql`set constraints all immediate`);
      throw new Error('in balance');
    });

  test('takes a transaction only when it sums to zero in each currency', async () => {
    await expect(post([5, 'USD'], [-5, 'USD'])).rejects.toThrow('in balance');
    await expect(post([5, 'USD'], [-5, 'USD'], [3, 'EUR'], [-3, 'EUR'])).rejects.toThrow('in balance');
    await expect(post([5, 'USD'], [-4, 'USD'])).rejects.toThrow('does not sum to zero');
    await expect(post([5, 'USD'], [-5, 'EUR'])).rejects.toThrow('does not sum to zero');
    await expect(post([5, 'USD'])).rejects.toThrow('does not sum to zero');
  });

  test('books a fact once', async () => {
    const again = run(
      `insert into ledger_transactions (id, tenant_id, kind, source, at) select 'ltx_again', tenant_id, kind, source, at from ledger_transactions`,
    );
    await expect(again).rejects.toThrow('ledger_transactions_tenant_id_kind_source_key');
  });

  test('never changes, not even for the owner of its tables', async () => {
    for (const table of ['ledger_entries', 'ledger_transactions']) {
      await expect(run(`update ${table} set tenant_id = tenant_id`)).rejects.toThrow('permission denied');
      await expect(run(`delete from ${table}`)).rejects.toThrow('permission denied');
      await expect(asOwner(`update ${table} set tenant_id = tenant_id`)).rejects.toThrow(
        'rows are immutable',
      );
      await expect(asOwner(`delete from ${table}`)).rejects.toThrow('rows are immutable');
    }
  });
});

describe('invoice numbers', () => {
  test('that are taken at once, some in vain, leave neither a gap nor a duplicate', async () => {
    const before = await world.inTenant(async (tx) =>
      Number((await takeInvoiceNumber(tx, world.tenantId)).slice(4)),
    );
    const taken = await Promise.allSettled(
      Array.from({ length: 30 }, (_, index) =>
        world.inTenant(async (tx) => {
          const number = await takeInvoiceNumber(tx, world.tenantId);
          if (index % 3 === 0) throw new Error('rolled back');
          return Number(number.slice(4));
        }),
      ),
    );
    const numbers = taken.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => before + 1 + index),
    );
  });

  test('belong to one invoice of a tenant, and to no draft', async () => {
    const copy = (status: string) =>
      run(`insert into invoices (id, tenant_id, customer_id, origin_key, number, status, billing_reason, currency, subtotal, total,
          collection_method, finalized_at, period_start, period_end, created_at, updated_at)
        select 'inv_copy', tenant_id, customer_id, 'copy', number, '${status}', billing_reason, currency, 0, 0, collection_method,
          case when '${status}' = 'draft' then null else now() end, period_start, period_end, now(), now()
        from invoices where id = '${paid.id}'`);
    await expect(copy('open')).rejects.toThrow('invoices_tenant_id_number_key');
    await expect(copy('draft')).rejects.toThrow('check constraint');
  });
});
