import { decideAbandon } from '../domain/decide-end.ts';
import { isFinished } from '../domain/payment.ts';
import { subscriptionsOnClock } from './advance-clock.ts';
import { CustomerSchema } from './customers.ts';
import { lockInvoice, openInvoicesOf } from './invoice-facts.ts';
import { nudgeInvoice, nudgeSubscription } from './nudge-workflows.ts';
import { findRows, updateRows } from './rows.ts';
import { lockSubscription } from './subscription-facts.ts';
import { tell, type Write } from './write.ts';
import { finalizeInvoice, writeVoid } from './write-invoice.ts';
import { applyDecision } from './write-subscription.ts';

/** How much one transaction ends, so that its locks are short. */
const SUBSCRIPTIONS_MAX = 50;
const CUSTOMERS_MAX = 50;

export const CLOCK_DELETED = 'test clock deleted';

/**
 * Ends a part of what hangs on a deleted test clock: first its subscriptions, without a final invoice, then its
 * customers and what they still owe. Answers whether there is more to end. `write.at` is the clock's last instant.
 */
export async function endClock(write: Write, clockId: string): Promise<boolean> {
  const live = await subscriptionsOnClock(write.tx, clockId, SUBSCRIPTIONS_MAX);
  for (const id of live) await endSubscription(write, id);
  if (live.length > 0) return true;
  const customers = await findRows(
    write.tx,
    CustomerSchema,
    { testClockId: clockId, deletedAt: null },
    { orderBy: { id: 'asc' }, limit: CUSTOMERS_MAX, lock: true },
  );
  for (const customer of customers) {
    await forgive(write, customer.id);
    const deleted = { ...customer, deletedAt: write.at, updatedAt: write.at };
    await updateRows(
      write.tx,
      CustomerSchema,
      { id: customer.id },
      { deletedAt: write.at, updatedAt: write.at },
    );
    await tell(write, 'customer.deleted', {
      objectType: 'customer',
      objectId: customer.id,
      customerId: customer.id,
      subscriptionId: null,
      invoiceId: null,
      object: write.present.customer(deleted),
    });
  }
  return customers.length === CUSTOMERS_MAX;
}

async function endSubscription(write: Write, id: string): Promise<void> {
  const facts = await lockSubscription(write.tx, id);
  if (!facts || facts.subscription.endedAt) return;
  const decision = decideAbandon(facts, write.at, CLOCK_DELETED);
  await applyDecision(write, facts, decision, null);
  await nudgeSubscription(write, id);
}

/** Voids what a customer has not paid. An invoice whose charge is under way keeps its workflow, which ends it. */
async function forgive(write: Write, customerId: string): Promise<void> {
  for (const { id } of await openInvoicesOf(write.tx, { customerId })) {
    const facts = await lockInvoice(write.tx, id);
    if (!facts || (facts.attempt && !isFinished(facts.attempt.status))) continue;
    // A draft has no number yet, and only what was finalized can be voided.
    const invoice =
      facts.invoice.status === 'draft' ? await finalizeInvoice(write, facts.invoice, 'UTC') : facts.invoice;
    if (invoice.status === 'open') await writeVoid(write, { ...facts, invoice });
    await nudgeInvoice(write, invoice);
  }
}
