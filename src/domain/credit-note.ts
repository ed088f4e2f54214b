import type { Decimal } from './money.ts';

/** A reduction of an open invoice (billing rule 13). It takes from what is owed and never gives money back. Immutable. */
export type CreditNote = {
  id: string;
  tenantId: string;
  customerId: string;
  subscriptionId: string | null;
  invoiceId: string;
  /** Without gaps per tenant, like those of invoices. */
  number: string;
  currency: string;
  amount: Decimal;
  createdAt: Date;
};

/** What a credit note takes off one line; all notes of a line never take more than it billed. */
export type CreditNoteLine = {
  creditNoteId: string;
  n: number;
  tenantId: string;
  invoiceLineId: string;
  description: string;
  amount: Decimal;
};
