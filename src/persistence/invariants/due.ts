import { type RawBuilder, sql } from 'kysely';
import { nextInvoiceStep } from '../../domain/invoice-step.ts';
import type { Tx } from '../doors.ts';
import { findInvoiceFacts } from '../invoice-facts.ts';
import { query } from '../rows.ts';
import type { BrokenRow, Promised } from './promised.ts';

/** Nothing in the present may be this much behind its instant without somebody looking into it. */
export const LATE_MS = 300_000;

/** What is due happens: the other half of promise 2 of `docs/promises.md`. */
export const DUE_PROMISES: readonly Promised[] = [
  {
    promise: 'nothing_overdue',
    sentence:
      'No living subscription is more than five minutes late with its next step, and none under a test clock that is ready.',
    query: (at) => sql`
      select sub.tenant_id, sub.id as subscription_id, sub.status, sub.next_step, sub.next_step_at, sub.test_clock_id
      from subscriptions sub left join test_clocks clock on clock.id = sub.test_clock_id
      where ${isLate(at)} or (sub.ended_at is null and sub.blocked_reason is null and clock.status = 'ready' and sub.next_step_at < clock.now_at)`,
  },
  {
    promise: 'no_invoice_overdue',
    sentence:
      'No invoice is more than five minutes late with being finalized, charged, asked about or marked overdue.',
    inspect: (tx, at) => lateInvoices(tx, new Date(late(at))),
  },
  {
    promise: 'nudges_arrive',
    sentence: 'No workflow is owed a nudge for more than five minutes.',
    query: (at) => sql`
      select tenant_id, workflow_id, attempts, last_error, next_attempt_at from nudges where next_attempt_at < ${late(at)}`,
  },
];

/**
 * Whether the subscription `sub` in the present is late with its next step. Calendar billing is spread over up to ten
 * minutes; a blocked subscription waits for a person and says so.
 */
export function isLate(at: Date): RawBuilder<boolean> {
  return sql`(sub.next_step_at < ${late(at)}::timestamptz - case sub.billing_cycle when 'calendar' then interval '10 minutes' else interval '0' end
    and sub.next_step_at < ${late(at)} and sub.ended_at is null and sub.blocked_reason is null and sub.test_clock_id is null)`;
}

function late(at: Date): string {
  return new Date(at.getTime() - LATE_MS).toISOString();
}

/** Candidates by their instants, the verdict by the domain: `nextInvoiceStep` knows which of the instants counts. */
async function* lateInvoices(tx: Tx, before: Date): AsyncGenerator<BrokenRow> {
  const limit = before.toISOString();
  const candidates = await query<{ id: string }>(
    tx,
    sql`select invoice.id from invoices invoice
      join customers customer on customer.id = invoice.customer_id and customer.test_clock_id is null
      left join collections collection on collection.invoice_id = invoice.id
      where (invoice.status in ('draft', 'open') and least(invoice.finalize_at, invoice.collect_at, invoice.due_at, collection.next_attempt_at) < ${limit})
        or exists (select from payment_attempts attempt where attempt.invoice_id = invoice.id and attempt.next_check_at < ${limit})
      order by invoice.id`,
  );
  for (const { id } of candidates) {
    const facts = await findInvoiceFacts(tx, id);
    const next = facts && nextInvoiceStep(facts.invoice, facts.attempt, facts.collection);
    if (!next || next.at >= before) continue;
    const { tenantId: tenant_id, status, subscriptionId: subscription_id } = facts.invoice;
    yield { tenant_id, invoice_id: id, subscription_id, status, step: next.step, due_at: next.at };
  }
}
