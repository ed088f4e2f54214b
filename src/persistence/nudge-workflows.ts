import type { Invoice } from '../domain/invoice.ts';
import { nudge } from './nudges.ts';
import type { Write } from './write.ts';

/** Owes the workflow of an invoice a look at its row. */
export function nudgeInvoice(
  write: Write,
  invoice: Pick<Invoice, 'id'>,
  notBefore = write.wallNow,
): Promise<void> {
  return nudge(write.tx, { tenantId: write.tenantId, kind: 'invoice', entityId: invoice.id, notBefore });
}

/** The same for the workflow of a subscription. */
export function nudgeSubscription(write: Write, subscriptionId: string): Promise<void> {
  return nudge(write.tx, {
    tenantId: write.tenantId,
    kind: 'subscription',
    entityId: subscriptionId,
    notBefore: write.wallNow,
  });
}
