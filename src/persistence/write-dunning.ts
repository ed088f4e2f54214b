import { afterFailure } from '../domain/decide-payment.ts';
import { decideCancel, decideExpire } from '../domain/decide-step.ts';
import { type Collection, DEFAULT_DUNNING_POLICY } from '../domain/dunning.ts';
import type { PaymentAttempt } from '../domain/payment.ts';
import { isEnded } from '../domain/subscription.ts';
import type { Tenant } from '../domain/tenant.ts';
import { type InvoiceFacts, lockInvoice, saveCollection, saveInvoice } from './invoice-facts.ts';
import { lockSubscription, type SubscriptionFacts } from './subscription-facts.ts';
import type { Write } from './write.ts';
import { endCollection, tellOfInvoice, writeOff, writeVoid } from './write-invoice.ts';
import { applyDecision, changeSubscription, followInvoices, nudgeSubscription } from './write-subscription.ts';

type Owed = InvoiceFacts & { owner: SubscriptionFacts | null };

/**
 * A charge failed, or could not even be tried (`charged` is null). What follows depends on what was being paid: the
 * first payment of a subscription, an invoice whose subscription is gone, or a renewal, which goes into dunning.
 */
export async function failCharge(
  write: Write,
  owed: Owed,
  others: readonly Collection[],
  tenant: Tenant,
  failed: { hard: boolean; charged: PaymentAttempt | null },
): Promise<void> {
  const { invoice, owner } = owed;
  if (invoice.status !== 'open') return;
  const isFirst = owner?.subscription.latestInvoiceId === invoice.id;
  if (owner && isFirst && owner.subscription.incompleteSince) return failFirstPayment(write, owed, owner, tenant);
  if (owner && isFirst && isEnded(owner.subscription.status) && invoice.billingReason !== 'subscription_cancel' && !owed.collection) {
    await writeVoid(write, owed);
    return;
  }
  const overdue = await saveInvoice(write.tx, {
    ...invoice,
    overdueSince: invoice.overdueSince ?? write.at,
    collectAt: null,
    updatedAt: write.at,
  });
  await tellOfInvoice(write, 'invoice.payment_failed', overdue);
  const timeZone = owner?.subscription.timeZone ?? tenant.timeZone;
  const { id: invoiceId, tenantId, customerId, currency } = invoice;
  const failure = { invoiceId, tenantId, customerId, currency, hard: failed.hard };
  const policy = tenant.dunningPolicy ?? DEFAULT_DUNNING_POLICY;
  const { collection, exhausted } = afterFailure({ collection: owed.collection, others }, failure, policy, timeZone, write.at);
  await saveCollection(write.tx, collection);
  if (!exhausted) {
    if (owner) await followInvoices(write, owner);
    return;
  }
  await endDunning(write, [collection, ...others]);
}

/** The subscription stays incomplete until it expires or is paid, unless its creator wanted all or nothing (billing rule 31). */
async function failFirstPayment(write: Write, owed: Owed, owner: SubscriptionFacts, tenant: Tenant): Promise<void> {
  const unpaid = await saveInvoice(write.tx, { ...owed.invoice, collectAt: null, updatedAt: write.at });
  await tellOfInvoice(write, 'invoice.payment_failed', unpaid);
  if (owner.subscription.paymentBehavior !== 'error_if_incomplete') return;
  await applyDecision(write, owner, decideExpire(owner.subscription, owner.priced, write.at), tenant);
}

/**
 * Every retry has failed: the policy's end action, once, for everything of the customer that is in dunning; the other
 * invoices' collections end as superseded (billing rule 34b).
 */
async function endDunning(write: Write, collections: readonly Collection[]): Promise<void> {
  const policy = collections[0]?.policy ?? DEFAULT_DUNNING_POLICY;
  const subscriptionIds = new Set<string>();
  for (const [index, collection] of collections.entries()) {
    const facts = await lockInvoice(write.tx, collection.invoiceId);
    if (!facts) continue;
    if (facts.invoice.subscriptionId) subscriptionIds.add(facts.invoice.subscriptionId);
    const outcome = index === 0 ? 'exhausted' : 'superseded';
    if (policy.invoice === 'uncollectible' && policy.endAction === 'cancel') await writeOff(write, facts, outcome);
    else if (index > 0) await endCollection(write, collection, outcome);
  }
  for (const id of [...subscriptionIds].sort()) await endSubscription(write, id, policy.endAction);
}

async function endSubscription(write: Write, id: string, action: 'cancel' | 'unpaid' | 'leave_past_due'): Promise<void> {
  const facts = await lockSubscription(write.tx, id);
  if (!facts || isEnded(facts.subscription.status)) return;
  // Its invoices have just changed, so the count of overdue ones comes first; an unpaid one keeps them open.
  const followed = action === 'cancel' ? null : await followInvoices(write, facts);
  const current = followed ? { ...facts, subscription: followed } : facts;
  if (action === 'unpaid' && !current.subscription.unpaidSince) {
    await changeSubscription(write, current, { ...current.subscription, unpaidSince: write.at });
  }
  if (action === 'cancel') {
    const noted = { ...current.subscription, cancellationReason: 'payment failed' };
    const decision = decideCancel(noted, current.priced, write.at);
    // Whoever did not pay for weeks is not charged once more at the door: the final invoice stays open.
    await applyDecision(write, current, { ...decision, collect: false }, { invoiceGraceHours: 0 });
  }
  await nudgeSubscription(write, id);
}
