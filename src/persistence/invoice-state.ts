import { nextInvoiceStep } from '../domain/invoice-step.ts';
import type { InvoiceState } from '../domain/step-answer.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { clockOf } from './find.ts';
import type { InvoiceFacts } from './invoice-facts.ts';

/** What the workflow of an invoice carries. `owner`: its subscription, for one that lives in the present as its customer does. */
export async function invoiceStateOf(
  tx: Tx,
  { invoice, attempt, collection }: InvoiceFacts,
  owner: Pick<Subscription, 'testClockId'> | null = null,
): Promise<InvoiceState> {
  const clock = owner?.testClockId === null ? null : await clockOf(tx, invoice.customerId);
  const next = nextInvoiceStep(invoice, attempt, collection);
  return {
    v: 1,
    tenantId: invoice.tenantId,
    invoiceId: invoice.id,
    customerId: invoice.customerId,
    subscriptionId: invoice.subscriptionId,
    clockId: clock?.id ?? null,
    clockNow: clock?.now.toISOString() ?? null,
    status: invoice.status,
    next: next && { step: next.step, at: next.at.toISOString() },
    dunningAttempt: collection?.attempt ?? 0,
  };
}
