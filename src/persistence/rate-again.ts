import { sql } from 'kysely';
import type { Invoice, InvoiceLine } from '../domain/invoice.ts';
import { ratedAgain } from '../domain/late-usage.ts';
import { withLines } from '../domain/open-invoice.ts';
import { linesOf } from './invoice-facts.ts';
import { InvoiceLineSchema, InvoiceSchema } from './invoices.ts';
import { findRow, updateRowsLater } from './rows.ts';
import { SubscriptionSchema } from './subscriptions.ts';
import { closuresWhere, hasUnseen, insertClosure, recounted } from './usage-closures.ts';
import type { Write } from './write.ts';

/**
 * Rates the metered lines of a draft again, with the usage that is known when it goes out; all else of it is untouched
 * (billing rule 28b). The caller holds the lock of the draft. What waited before it was drafted is left as it is: what
 * came late for that is on the invoice after it.
 */
export async function rateAgain(
  write: Write,
  draft: Invoice,
): Promise<{ invoice: Invoice; lines: InvoiceLine[] }> {
  const { tx } = write;
  const [lines, closures, subscription] = await Promise.all([
    linesOf(tx, draft.id),
    closuresWhere(
      tx,
      sql`c.line_id in (select id from invoice_lines where invoice_id = ${draft.id}) and c.final_at is null
        and c.pending_item_id is null and ${hasUnseen}`,
    ),
    draft.subscriptionId === null ? null : findRow(tx, SubscriptionSchema, { id: draft.subscriptionId }),
  ]);
  if (!subscription || closures.length === 0) return { invoice: draft, lines };
  const changed = new Map<string, InvoiceLine>();
  for (const { closure, ...known } of await recounted(tx, subscription, closures)) {
    const line = lines.find(({ id }) => id === closure.lineId);
    if (!line) continue;
    const again = ratedAgain(subscription, known, line, closure.revision === 0);
    changed.set(line.id, again.line);
    const { quantity, amount, trace, eventCount } = again.line;
    updateRowsLater(tx, InvoiceLineSchema, { id: line.id }, { quantity, amount, trace, eventCount });
    const billed = { itemId: known.itemId, priceId: known.price.id, period: known.period };
    insertClosure(
      write,
      subscription,
      { ...billed, metered: again.metered },
      { lineId: line.id, pendingId: null },
    );
  }
  const now = lines.map((line) => changed.get(line.id) ?? line);
  const invoice = withLines(draft, now);
  const { subtotal, total } = invoice;
  updateRowsLater(tx, InvoiceSchema, { id: draft.id }, { subtotal, total });
  return { invoice, lines: now };
}
