import { lineUp } from '../domain/dunning.ts';
import type { Invoice } from '../domain/invoice.ts';
import { runningCollections, saveCollection } from './invoice-facts.ts';
import { nudgeInvoice } from './nudge-workflows.ts';
import type { Write } from './write.ts';

export type Line = Pick<Invoice, 'id' | 'customerId' | 'currency'>;

/** Puts the customer's retries in order after something happened to the dunning of `invoice` (billing rule 34b). */
export async function advanceLine(
  write: Write,
  invoice: Line,
  timeZone: string,
  atOnce: boolean,
): Promise<void> {
  const running = await runningCollections(write.tx, invoice);
  for (const collection of lineUp(running, timeZone, write.at, atOnce)) {
    await saveCollection(write.tx, collection);
    // The workflow of the invoice itself is the one that asks, or is told by whoever asks.
    if (collection.invoiceId !== invoice.id) await nudgeInvoice(write, { id: collection.invoiceId });
  }
}
