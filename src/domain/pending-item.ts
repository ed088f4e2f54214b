import type { InvoiceLine } from './invoice.ts';

/** A line that waits for its subscription's next invoice, as a row. An invoice takes it once, or it is dropped with its subscription. */
export type PendingItem = Omit<InvoiceLine, 'invoiceId' | 'n'> & {
  subscriptionId: string;
  /** What it gives back a part of, when that waits as well. */
  reversesPendingId: string | null;
  /** Where it went. */
  invoiceLineId: string | null;
  droppedAt: Date | null;
  createdAt: Date;
};
