import { sql } from 'kysely';
import type { Customer, PaymentMethod } from '../domain/customer.ts';
import { DomainError } from '../domain/errors.ts';
import { type IdPrefix, isId } from '../domain/ids.ts';
import type { Invoice } from '../domain/invoice.ts';
import type { Item } from '../domain/item.ts';
import type { Plan } from '../domain/plan.ts';
import type { Subscription } from '../domain/subscription.ts';
import { CustomerSchema, PaymentMethodSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { InvoiceSchema } from './invoices.ts';
import { ItemSchema } from './items.ts';
import { lockCustomer } from './lock-customer.ts';
import type { Fragment } from './meter-sql.ts';
import { PlanSchema } from './plans.ts';
import { findRow, lockRow } from './rows.ts';
import { SubscriptionSchema } from './subscriptions.ts';

/**
 * What a caller names, by id or by `external:` and his own id. Row-level security hides other tenants' rows, so theirs
 * are as unknown as those that never existed: null.
 */

const EXTERNAL = 'external:';
type Options = { lock?: boolean };
const finder = (options: Options) => (options.lock ? lockRow : findRow);

/** By id also a deleted customer; by external id never, because deletion frees it. */
export async function findCustomerByReference(
  tx: Tx,
  reference: string,
  options: Options = {},
): Promise<Customer | null> {
  const where = byReference('cus', reference, { deletedAt: null });
  const customer = where && (await findRow(tx, CustomerSchema, where));
  if (!customer || !options.lock) return customer;
  await lockCustomer(tx, customer.id);
  return findRow(tx, CustomerSchema, { id: customer.id, ...where });
}

/** A plan or an add-on. By id also an archived one; by external id never, because archiving frees it. */
export async function findPlanByReference(
  tx: Tx,
  reference: string,
  options: Options = {},
): Promise<Plan | null> {
  const where = byReference('plan', reference, { archivedAt: null });
  return where && finder(options)(tx, PlanSchema, where);
}

/** By id also an archived item; by external id never. */
export async function findItemByReference(
  tx: Tx,
  reference: string,
  options: Options = {},
): Promise<Item | null> {
  const where = byReference('item', reference, { archivedAt: null });
  return where && finder(options)(tx, ItemSchema, where);
}

export async function findSubscriptionByReference(tx: Tx, reference: string): Promise<Subscription | null> {
  const where = byReference('sub', reference, {});
  return where && findRow(tx, SubscriptionSchema, where);
}

export async function findInvoiceById(tx: Tx, id: string): Promise<Invoice | null> {
  return isId('inv', id) ? findRow(tx, InvoiceSchema, { id }) : null;
}

export async function findPaymentMethodById(tx: Tx, id: string): Promise<PaymentMethod | null> {
  return isId('pm', id) ? findRow(tx, PaymentMethodSchema, { id }) : null;
}

/** What tenants give ids of their own. */
const OWN_ID = new Set(['customer', 'plan', 'add-on', 'item', 'subscription', 'meter', 'feature']);

/** The row, or `not_found` in the same words whether it never existed or is somebody else's. */
export function found<T>(row: T | null, noun: string): T {
  if (row !== null) return row;
  const hint = OWN_ID.has(noun) ? ' An id of your own is written external:<id>.' : '';
  throw new DomainError('not_found', `There is no such ${noun}; look whether its id is right.${hint}`);
}

/** `where`: what must hold besides to be found by an external id. */
const NAMED = {
  customers: { prefix: 'cus', where: sql`deleted_at is null` },
  features: { prefix: 'feat', where: sql`archived_at is null` },
} as const;

/** The id that a reference means, for a statement that does not wait for the row; null when it can name nothing. */
export function idByReference(table: keyof typeof NAMED, reference: string): Fragment | null {
  const { prefix, where } = NAMED[table];
  if (isId(prefix, reference)) return sql`${reference}`;
  if (!reference.startsWith(EXTERNAL)) return null;
  return sql`(select id from ${sql.table(table)} where external_id = ${reference.slice(EXTERNAL.length)} and ${where})`;
}

/** The condition that a reference means; null when it can name nothing. `external`: what must hold besides to be found by it. */
export function byReference(
  prefix: IdPrefix,
  reference: string,
  external: Record<string, null>,
): Record<string, string | null> | null {
  if (reference.startsWith(EXTERNAL)) return { externalId: reference.slice(EXTERNAL.length), ...external };
  return isId(prefix, reference) ? { id: reference } : null;
}
