import { sql } from 'kysely';
import type { PaymentMethod } from '../domain/customer.ts';
import type { Tenant } from '../domain/tenant.ts';
import { PaymentMethodSchema } from './customers.ts';
import type { Tx } from './doors.ts';
import { findRow, query } from './rows.ts';
import { TenantSchema } from './tenants.ts';

/** The one row of `tenants` that a tenant's door shows. */
export async function findTenant(tx: Tx, id: string): Promise<Tenant> {
  const tenant = await findRow(tx, TenantSchema, { id });
  if (!tenant) throw new Error(`tenant ${id} has no row`);
  return tenant;
}

/** The method that charges go to, or null when the customer has none. */
export function findDefaultMethod(tx: Tx, customerId: string): Promise<PaymentMethod | null> {
  return findRow(tx, PaymentMethodSchema, { customerId, isDefault: true });
}

/** A customer's test clock and its time, or null for the present. */
export async function clockOf(tx: Tx, customerId: string): Promise<{ id: string; now: Date } | null> {
  const [row] = await query<{ id: string; now_at: string }>(
    tx,
    sql`select clock.id, clock.now_at from customers customer join test_clocks clock on clock.id = customer.test_clock_id where customer.id = ${customerId}`,
  );
  return row ? { id: row.id, now: new Date(row.now_at) } : null;
}
