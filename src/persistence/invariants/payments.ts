import { sql } from 'kysely';
import type { Tx } from '../doors.ts';
import { query } from '../rows.ts';
import type { Promised } from './promised.ts';

/** Charged at most once: promise 6 of `docs/promises.md`. What the gateway's own log says of it is asked in `main`. */
export const PAYMENT_PROMISES: readonly Promised[] = [
  {
    promise: 'one_settled_attempt',
    sentence: 'At most one payment attempt of an invoice settled.',
    query: () => sql`
      select tenant_id, invoice_id, array_agg(id order by n) as attempt_ids from payment_attempts
      where status = 'settled' group by tenant_id, invoice_id having count(*) > 1`,
  },
  {
    promise: 'one_unfinished_attempt',
    sentence: 'At most one payment attempt of an invoice is unfinished.',
    query: () => sql`
      select tenant_id, invoice_id, array_agg(id order by n) as attempt_ids from payment_attempts
      where status not in ('settled', 'declined') group by tenant_id, invoice_id having count(*) > 1`,
  },
  {
    promise: 'settled_means_payment',
    sentence:
      'A settled attempt has one payment of its amount, given to its invoice; no other attempt has one.',
    query: () => sql`
      select attempt.tenant_id, attempt.id as attempt_id, attempt.invoice_id, attempt.status, attempt.amount, attempt.currency,
        array_agg(payment.id) filter (where payment.id is not null) as payment_ids, sum(payment.amount) as paid, sum(allocation.amount) as allocated
      from payment_attempts attempt
      left join payments payment on payment.attempt_id = attempt.id and payment.currency = attempt.currency
      left join payment_allocations allocation on allocation.payment_id = payment.id and allocation.invoice_id = attempt.invoice_id
      group by attempt.id
      having count(payment.id) <> case attempt.status when 'settled' then 1 else 0 end
        or (attempt.status = 'settled' and (sum(payment.amount) is distinct from attempt.amount or sum(allocation.amount) is distinct from attempt.amount))`,
  },
];

export type KnownAttempt = {
  id: string;
  tenantId: string;
  invoiceId: string;
  status: string;
  amount: string;
  currency: string;
};

const ATTEMPT = sql`id, tenant_id as "tenantId", invoice_id as "invoiceId", status, amount, currency`;

/** Every attempt that settled at this gateway, as far as we know. */
export function settledAttempts(tx: Tx, gateway: string): Promise<KnownAttempt[]> {
  return query(
    tx,
    sql`select ${ATTEMPT} from payment_attempts where gateway = ${gateway} and status = 'settled'`,
  );
}

export function attemptsById(tx: Tx, ids: readonly string[]): Promise<KnownAttempt[]> {
  return query(tx, sql`select ${ATTEMPT} from payment_attempts where id = any(${[...ids]}::text[])`);
}
