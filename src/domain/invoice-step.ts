import type { Collection } from './dunning.ts';
import type { Invoice } from './invoice.ts';
import { isFinished, type PaymentAttempt } from './payment.ts';

export type InvoiceStepName = 'finalize' | 'collect' | 'check_payment' | 'retry' | 'mark_overdue';
export type NextInvoiceStep = { step: InvoiceStepName; at: Date };

/**
 * What an invoice waits for, or null when nothing is due any more. `attempt` is its latest charge, `collection` its
 * dunning, if any.
 */
export function nextInvoiceStep(
  invoice: Invoice,
  attempt: PaymentAttempt | null,
  collection: Collection | null,
): NextInvoiceStep | null {
  if (invoice.status === 'draft') return invoice.finalizeAt && { step: 'finalize', at: invoice.finalizeAt };
  // Money may be on its way whatever became of the invoice, so an unfinished charge is always followed up.
  if (attempt && !isFinished(attempt.status))
    return attempt.nextCheckAt && { step: 'check_payment', at: attempt.nextCheckAt };
  if (invoice.status !== 'open') return null;
  if (collection && !collection.outcome)
    return collection.nextAttemptAt && { step: 'retry', at: collection.nextAttemptAt };
  if (!collection && invoice.collectAt) return { step: 'collect', at: invoice.collectAt };
  if (invoice.dueAt && !invoice.overdueSince) return { step: 'mark_overdue', at: invoice.dueAt };
  return null;
}
