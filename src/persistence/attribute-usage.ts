import { sql } from 'kysely';
import type { Customer } from '../domain/customer.ts';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';
import { reopenClosures } from './usage-closures.ts';

/** So many events find their customer in one statement. */
const BATCH = 10_000;

/**
 * Gives a customer the events that named it before it was there. They get a new `ingest_xid` with it: to every count
 * that was made before, they are as late as if they had come now.
 *
 * @returns how many there were, at most 10,000; `attributeStrangers` finds the rest.
 */
export async function attributeUsage(
  tx: Tx,
  { id, tenantId, externalId }: Pick<Customer, 'id' | 'tenantId' | 'externalId'>,
): Promise<number> {
  if (externalId === null) return 0;
  const strange = sql`tenant_id = ${tenantId} and external_customer_id = ${externalId} and customer_id is null`;
  const [row] = await query<{ found: number }>(
    tx,
    sql`with found as (
        update usage_events set customer_id = ${id}, ingest_xid = pg_current_xact_id()
        where ${strange} and key in (select key from usage_events where ${strange} limit ${sql.lit(BATCH)})
        returning tenant_id, key, revision, event_at
      ), said as (
        update usage_voids void set customer_id = ${id} from found
        where void.tenant_id = found.tenant_id and void.key = found.key and void.revision = found.revision
          and void.event_at = found.event_at
      )
      select count(*)::integer as found from found`,
  );
  const found = row?.found ?? 0;
  if (found > 0) await reopenClosures(tx, id);
  return found;
}

/**
 * The same for all customers, across tenants: for events that were on their way in while their customer was created, and
 * so were seen by neither. Needs the system door.
 *
 * @returns how many events found their customer; when there are, there may be more.
 */
export async function attributeStrangers(tx: Tx): Promise<number> {
  const [lock] = await query<{ free: boolean }>(
    tx,
    sql`select pg_try_advisory_xact_lock(hashtextextended('perennial attribute usage', 0)) as free`,
  );
  if (!lock?.free) return 0;
  const customers = await query<{ id: string; tenant_id: string; external_id: string }>(
    tx,
    sql`select customer.id, customer.tenant_id, customer.external_id
      from (select distinct tenant_id, external_customer_id from usage_events where customer_id is null) strange
      join customers customer on customer.tenant_id = strange.tenant_id
        and customer.external_id = strange.external_customer_id and customer.deleted_at is null
      limit 100`,
  );
  let found = 0;
  for (const { id, tenant_id: tenantId, external_id: externalId } of customers)
    found += await attributeUsage(tx, { id, tenantId, externalId });
  return found;
}
