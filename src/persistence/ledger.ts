import { sql } from 'kysely';
import type { LedgerMovement } from '../domain/ledger.ts';
import { newId } from '../platform/ids.ts';
import type { Tx } from './doors.ts';
import { queryLater } from './rows.ts';

/** Writes movements of an invoice, two entries each; (tenant, kind, source) makes each happen once. */
export async function postLedger(
  tx: Tx,
  movements: readonly LedgerMovement[],
  of: { tenantId: string; customerId: string; invoiceId: string; currency: string; at: Date },
): Promise<void> {
  for (const movement of movements) {
    if (movement.amount.isZero()) continue;
    const id = newId('ltx');
    const debit = movement.amount.toFixed();
    const credit = movement.amount.neg().toFixed();
    queryLater(
      tx,
      sql`with movement as (
          insert into ledger_transactions (id, tenant_id, kind, source, at)
          values (${id}, ${of.tenantId}, ${movement.kind}, ${movement.source}, ${of.at.toISOString()}) returning id, tenant_id)
        insert into ledger_entries (transaction_id, n, tenant_id, account, customer_id, invoice_id, amount, currency)
        select movement.id, side.n, movement.tenant_id, side.account, ${of.customerId}, ${of.invoiceId}, side.amount, ${of.currency}
        from movement, (values (1, ${movement.debit}, ${debit}::numeric), (2, ${movement.credit}, ${credit}::numeric)) as side (n, account, amount)`,
    );
  }
}
