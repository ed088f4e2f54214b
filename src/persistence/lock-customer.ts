import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/**
 * Locks a customer until the transaction ends, before anything else of it is locked. `no key`: rows that refer to the
 * customer may still be written meanwhile, so whoever bills a subscription does not wait, and cannot be waited for.
 */
export async function lockCustomer(tx: Tx, id: string): Promise<void> {
  await query(tx, sql`select id from customers where id = ${id} for no key update`);
}
