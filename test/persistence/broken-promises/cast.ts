import { sql } from 'kysely';
import { query } from '../../../src/persistence/rows.ts';
import type { World } from '../../support/world.ts';
import type { manyLives } from '../many-lives.ts';

/** Rows of the world by the part they play in a case. */
export type Cast = Awaited<ReturnType<typeof castOf>>;

/** `sql` breaks a promise; `row` is what has to be named. `also`: promises that cannot stay whole when this one breaks. */
export type Case = {
  promise: string;
  how: string;
  sql: (cast: Cast) => string[];
  row: (cast: Cast) => Record<string, unknown>;
  also?: string[];
};

export async function castOf(world: World, lives: Awaited<ReturnType<typeof manyLives>>) {
  const one = async (statement: string): Promise<string> => {
    const [row] = await world.database.asSystem('test', (tx) =>
      query<{ id: string }>(tx, sql.raw(statement)),
    );
    if (!row) throw new Error(`nothing found: ${statement}`);
    return row.id;
  };
  const item = (subscription: string, key: string) =>
    one(`select id from subscription_items where subscription_id = '${subscription}' and key = '${key}'`);
  const [paidInvoice, secondInvoice] = await Promise.all(
    [0, 1].map((offset) =>
      one(
        `select id from invoices where subscription_id = '${lives.active}' and status = 'paid' order by id offset ${offset} limit 1`,
      ),
    ),
  );
  const attemptOf = (invoice: string | undefined) =>
    one(`select id from payment_attempts where invoice_id = '${invoice}' and status = 'settled'`);
  const attempt = await attemptOf(paidInvoice);
  return {
    ...lives,
    otherTenant: await one('select id from tenants order by id desc limit 1'),
    feeItem: await item(lives.active, 'p0'),
    weeklyItem: await item(lives.active, 'p1'),
    triedItem: await item(lives.tried, 'p0'),
    watchedItem: await item(lives.watched, 'p0'),
    leaverItem: await item(lives.leaver, 'p1'),
    paidInvoice,
    secondInvoice,
    attempt,
    secondAttempt: await attemptOf(secondInvoice),
    payment: await one(`select id from payments where attempt_id = '${attempt}'`),
    booking: await one(
      `select id from ledger_transactions where kind = 'invoice_finalized' and source = '${paidInvoice}'`,
    ),
    openInvoice: await one(
      `select id from invoices where subscription_id = '${lives.sent}' and status = 'open' order by id limit 1`,
    ),
    restedItem: await item(lives.rested, 'p0'),
    creditNote: await one(`select id from credit_notes where subscription_id = '${lives.credited}'`),
    creditedInvoice: await one(
      `select invoice_id as id from credit_notes where subscription_id = '${lives.credited}'`,
    ),
    granted: await one(
      `select entry.id from customer_balance_entries entry join subscriptions sub on sub.customer_id = entry.customer_id
        where sub.id = '${lives.downgraded}' and entry.kind = 'granted' limit 1`,
    ),
    waited: await one(
      `select id from pending_items where subscription_id = '${lives.upgraded}' and invoice_line_id is not null order by id limit 1`,
    ),
    lastNumbered: await one('select id from invoices where number is not null order by number desc limit 1'),
    presentInvoice: await one(`select id from invoices where subscription_id = '${lives.present}'`),
    event: await one(
      `select id from events where object_id = '${lives.active}' order by sequence desc limit 1`,
    ),
    otherEvent: await one(
      `select id from events where object_id = '${lives.tried}' order by sequence desc limit 1`,
    ),
    delivery:
      await one(`select delivery.id from webhook_deliveries delivery join events event on event.id = delivery.event_id
      where event.object_id = '${lives.active}' order by event.sequence desc limit 1`),
    counted: await one(
      `select line_id as id from usage_closures where subscription_id = '${lives.metered}' and revision = 1`,
    ),
    creation: await one(`select id from commands where subject_id = '${lives.active}' and kind = 'create'`),
  };
}

export const LONG_AGO = `now() - interval '1 day'`;

/** One more unfinished attempt of an invoice, copied from its first. */
export const unfinished = (invoice: string | undefined, id: string, n: number) => `
  insert into payment_attempts (id, tenant_id, invoice_id, customer_id, n, payment_method_id, gateway, amount, currency, status, next_check_at, created_at, updated_at)
  select '${id}', tenant_id, invoice_id, customer_id, ${n}, payment_method_id, gateway, amount, currency, 'unknown', ${LONG_AGO}, created_at, updated_at
  from payment_attempts where invoice_id = '${invoice}' and n = 1`;

/** Takes a check constraint away that would refuse the broken row; the migrations left their names to PostgreSQL. */
export const dropCheck = (table: string, about: string) => `
  do $$ declare name text; begin
    for name in select conname from pg_constraint where conrelid = '${table}'::regclass and contype = 'c' and pg_get_constraintdef(oid) like '%${about}%' loop
      execute format('alter table ${table} drop constraint %I', name);
    end loop; end $$`;
