import { DomainError } from '../src/domain/errors.ts';
import { overdueInvoice } from '../src/domain/open-invoice.ts';
import type { InvoiceState } from '../src/domain/step-answer.ts';
import { lockInvoice, saveInvoice } from '../src/persistence/invoice-facts.ts';
import { invoiceStateOf } from '../src/persistence/invoice-state.ts';
import { lockOwed, type Owed, timeZoneOf } from '../src/persistence/lock-owed.ts';
import { nudgeSubscription } from '../src/persistence/nudge-workflows.ts';
import type { Write } from '../src/persistence/write.ts';
import { finalizeInvoice, tellOfInvoice } from '../src/persistence/write-invoice.ts';
import { followInvoices } from '../src/persistence/write-subscription.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { toFailure } from './failure.ts';

export type InvoiceStepInput = { tenantId: string; invoiceId: string; at: string };

/** The steps of an invoice that need no gateway. Each looks at the row first, so a second call changes nothing. */
export function createInvoiceActivities(deps: ActivityDeps) {
  const step =
    (perform: (write: Write, owed: Owed) => Promise<void>) =>
    async (input: InvoiceStepInput): Promise<InvoiceState> => {
      try {
        const state = await deps.database.withTenant(input.tenantId, async (tx) => {
          const write = writeOf(deps, tx, input.tenantId, new Date(input.at), {
            correlationId: null,
            causationId: `invoice/${input.invoiceId}`,
          });
          const owed = await lockOwed(write, input.invoiceId);
          if (!owed) throw new DomainError('not_found', `invoice ${input.invoiceId} has no row`);
          await perform(write, owed);
          const now = await lockInvoice(tx, input.invoiceId);
          crashPoint('invoiceStep.beforeCommit');
          return invoiceStateOf(tx, now ?? owed);
        });
        crashPoint('invoiceStep.afterCommit');
        return state;
      } catch (error) {
        throw toFailure(error);
      }
    };
  return {
    async loadInvoice({
      tenantId,
      invoiceId,
    }: {
      tenantId: string;
      invoiceId: string;
    }): Promise<InvoiceState | null> {
      try {
        return await deps.database.withTenant(tenantId, async (tx) => {
          const facts = await lockInvoice(tx, invoiceId);
          return facts && (await invoiceStateOf(tx, facts));
        });
      } catch (error) {
        throw toFailure(error);
      }
    },
    finalizeInvoice: step(finalize),
    markOverdue: step(markOverdue),
  };
}

export type InvoiceActivities = ReturnType<typeof createInvoiceActivities>;

/** The grace period is over, or an unpaid subscription was paid: the draft goes out (billing rule 27). */
async function finalize(write: Write, owed: Owed): Promise<void> {
  const { invoice } = owed;
  if (invoice.status !== 'draft' || !invoice.finalizeAt || invoice.finalizeAt > write.at) return;
  await finalizeInvoice(write, invoice, await timeZoneOf(write, owed));
}

/** A sent invoice was not paid by its due date: its subscription is past due, nothing is charged (billing rule 29d). */
async function markOverdue(write: Write, { invoice, owner }: Owed): Promise<void> {
  if (invoice.status !== 'open' || invoice.overdueSince || !invoice.dueAt || invoice.dueAt > write.at) return;
  const overdue = await saveInvoice(write.tx, overdueInvoice(invoice, write.at));
  await tellOfInvoice(write, 'invoice.overdue', overdue);
  if (!owner) return;
  await followInvoices(write, owner);
  await nudgeSubscription(write, owner.subscription.id);
}
