import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { query } from '../../src/persistence/rows.ts';
import { underClock } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';

/** What of credit, balances and waiting lines cannot be stored, whoever tries: through the door that the engine uses. */
let world: World;

beforeAll(async () => {
  world = await createWorld();
  const plan = await world.plan([{ unitAmount: '31', model: 'per_unit' }, { unitAmount: '100' }]);
  const [fee] = plan.prices;
  const become = (quantity: string, proration: string) => ({
    effective: 'now',
    at: null,
    preview_token: null,
    prices: [],
    change: {
      plan: null,
      set: [{ key: fee?.key, price: fee?.id, quantity }],
      remove: [],
      once: [],
      proration,
      anchor: null,
      billing_anchor: null,
      trial: 'keep',
    },
  });
  const start = '2026-03-01T00:00:00.000Z';
  // One who owes what is given back, one who has paid it, and one for whom it waits.
  for (const [terms, quantity, proration] of [
    [{ collection_method: 'send_invoice', net_days: 30 } as const, '0.5', 'invoice_now'],
    [{}, '0.5', 'invoice_now'],
    [{}, '2', 'next_invoice'],
  ] as const) {
    const person = await underClock(world, start);
    const id = await person.subscribe(plan, terms);
    await person.advance('2026-03-11T00:00:00.000Z');
    await person.command(id, 'change', become(quantity, proration));
  }
});
afterAll(() => world?.[Symbol.asyncDispose]());

const run = (statement: string) => world.inTenant((tx) => query(tx, sql.raw(statement)));
const anotherNote = (amount: number) =>
  run(`with note as (
      insert into credit_notes (id, tenant_id, customer_id, subscription_id, invoice_id, number, currency, amount, created_at)
      select 'cn_again', tenant_id, customer_id, subscription_id, invoice_id, 'CN-000009', currency, ${amount}, now() from credit_notes returning *),
    line as (
      insert into credit_note_lines (credit_note_id, n, tenant_id, invoice_line_id, description, amount)
      select 'cn_again', 1, tenant_id, invoice_line_id, 'again', ${amount} from credit_note_lines)
    update invoices set amount_credited = amount_credited + ${amount} where id = (select invoice_id from note)`);

describe('credit', () => {
  test('is never more than its line billed, on notes and on lines that reverse', async () => {
    await expect(anotherNote(29)).rejects.toThrow('of it would be credited');
    const reversal = `with copy as (
        insert into pending_items (id, tenant_id, subscription_id, item_id, price_id, description, quantity, unit_amount, amount,
          period_start, period_end, proration, trace, reverses_line_id, created_at)
        select 'pl_again', line.tenant_id, invoice.subscription_id, line.item_id, line.price_id, 'again', 1, 1, -25,
          line.period_start, line.period_end, true, line.trace, line.reverses_line_id, now()
        from invoice_lines line join invoices invoice on invoice.id = line.invoice_id where line.reverses_line_id is not null limit 1 returning id)
      select id from copy`;
    await expect(run(reversal)).rejects.toThrow('of it would be credited');
  });

  test('is what its invoice and its lines say, and never changes', async () => {
    await expect(
      run(`insert into credit_notes (id, tenant_id, customer_id, invoice_id, number, currency, amount, created_at)
        select 'cn_alone', tenant_id, customer_id, invoice_id, 'CN-000008', currency, 1, now() from credit_notes`),
    ).rejects.toThrow('lines sum to 0');
    await expect(run('update credit_notes set amount = 1')).rejects.toThrow('permission denied');
    await expect(run('delete from credit_note_lines')).rejects.toThrow('permission denied');
  });

  test('is numbered once', async () => {
    const again = `insert into credit_notes (id, tenant_id, customer_id, invoice_id, number, currency, amount, created_at)
      select 'cn_copy', tenant_id, customer_id, invoice_id, number, currency, amount, now() from credit_notes`;
    await expect(run(again)).rejects.toThrow('credit_notes_tenant_id_number_key');
  });

  test('never makes an invoice owe less than nothing', async () => {
    const more = `update invoices set amount_credited = total + 1 where status = 'open' and amount_credited > 0`;
    await expect(run(more)).rejects.toThrow('invoices_settled_by');
  });
});

describe('a balance', () => {
  test('is the sum of its entries, and never below zero', async () => {
    await expect(run('update customer_balances set balance = balance + 1')).rejects.toThrow(
      'its entries sum to',
    );
    await expect(run('update customer_balances set balance = -1')).rejects.toThrow('check constraint');
    await expect(run('delete from customer_balance_entries')).rejects.toThrow('permission denied');
  });

  test('moves once for an invoice', async () => {
    const again = `insert into customer_balance_entries (id, tenant_id, customer_id, currency, n, kind, amount, balance, invoice_id, created_at)
      select 'cbe_again', tenant_id, customer_id, currency, n + 1, kind, amount, balance, invoice_id, now() from customer_balance_entries`;
    await expect(run(again)).rejects.toThrow('customer_balance_entries_invoice_id_kind_key');
  });
});

describe('a line that waits', () => {
  test('never changes, and goes only to a line that says the same', async () => {
    await expect(run('update pending_items set amount = 1')).rejects.toThrow('is frozen');
    await expect(run('delete from pending_items')).rejects.toThrow('permission denied');
    const elsewhere = `update pending_items set invoice_line_id = (select id from invoice_lines order by id limit 1)
      where id = (select id from pending_items order by id limit 1)`;
    await expect(run(elsewhere)).rejects.toThrow('is not what line');
  });
});
