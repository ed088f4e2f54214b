import { sql } from 'kysely';
import type { Tx } from './doors.ts';
import { query } from './rows.ts';

/** What an operator can name: the table, and the column with what its tenant calls a row. */
const NOUNS = {
  subscription: { table: 'subscriptions', called: 'external_id' },
  invoice: { table: 'invoices', called: 'number' },
  delivery: { table: 'webhook_deliveries', called: null },
  'webhook endpoint': { table: 'webhook_endpoints', called: null },
  tenant: { table: 'tenants', called: null },
} as const;

export type OperatorNoun = keyof typeof NOUNS;

export type Place = { id: string; tenantId: string };

/**
 * Where something is, by its id or by what its tenant calls it (external id, invoice number): needs the system door.
 * By name it may be in several places, one per tenant; at most `limit` of them are answered.
 */
export function findAnywhere(
  tx: Tx,
  noun: OperatorNoun,
  name: string,
  options: { by: 'id' | 'name'; tenantId: string | null; limit: number },
): Promise<Place[]> {
  const { table, called } = NOUNS[noun];
  const column = options.by === 'id' ? 'id' : called;
  if (column === null) return Promise.resolve([]);
  const tenant = noun === 'tenant' ? sql.ref('id') : sql.ref('tenant_id');
  const within = options.tenantId === null ? sql`` : sql`and ${tenant} = ${options.tenantId}`;
  return query<Place>(
    tx,
    sql`select id, ${tenant} as "tenantId" from ${sql.table(table)} where ${sql.ref(column)} = ${name} ${within}
      order by id limit ${options.limit}`,
  );
}
