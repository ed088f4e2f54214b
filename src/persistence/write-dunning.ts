import { decideCancel, decideExpire } from '../domain/decide-end.ts';
import { decideUnpaidPause } from '../domain/decide-pause.ts';
import { afterFailure, type Collection, type DunningEndAction } from '../domain/dunning.ts';
import {
  afterDunnedFailure,
  afterFailedCharge,
  becomesUnpaid,
  endOfDunning,
  policyFor,
  unpaidCancellation,
  withOverdue,
  withoutHardDeclines,
} from '../domain/follow-payment.ts';
import { overdueInvoice } from '../domain/open-invoice.ts';
import type { PaymentAttempt } from '../domain/payment.ts';
import { putOffCredits } from '../domain/put-off-credits.ts';
import { isEnded, type Subscription } from '../domain/subscription.ts';
import type { Tenant } from '../domain/tenant.ts';
import { advanceLine, type Line } from './advance-line.ts';
import {
  type InvoiceFacts,
  lockInvoice,
  runningCollections,
  saveCollection,
  saveInvoice,
} from './invoice-facts.ts';
import { withFees, withUsage } from './life-facts.ts';
import { type Owed, timeZoneOf } from './lock-owed.ts';
import { nudgeSubscription } from './nudge-workflows.ts';
import { lockSubscription, overdueOf, type SubscriptionFacts } from './subscription-facts.ts';
import type { Write } from './write.ts';
import { endCollection, tellOfInvoice, writeOff, writeVoid } from './write-invoice.ts';
import { applyDecision, changeSubscription, followInvoices, tellOfStatus } from './write-subscription.ts';

/**
 * A charge failed, or could not even be tried (`charged` is null). What follows depends on what was being paid: the
 * first payment of a subscription, something a person tried, or a renewal, which goes into dunning.
 */
export async function failCharge(
  write: Write,
  owed: Owed,
  tenant: Tenant,
  failed: { hard: boolean; charged: PaymentAttempt | null },
): Promise<void> {
  const { invoice, owner, collection } = owed;
  const asked = Boolean(failed.charged?.commandId);
  const follows = afterFailedCharge({ invoice, owner: owner?.subscription ?? null, collection, asked });
  switch (follows) {
    case 'none':
      return;
    case 'stays_incomplete':
    case 'expire':
      return failFirstPayment(write, owed, follows === 'expire', tenant);
    case 'void':
      await writeVoid(write, owed);
      return;
    case 'tell':
      return tellOfInvoice(write, 'invoice.payment_failed', invoice);
    case 'dun':
      return dun(write, owed, tenant, failed);
  }
}

/** The subscription stays incomplete until it expires or is paid; one that wanted all or nothing expires (billing rule 31). */
async function failFirstPayment(
  write: Write,
  { invoice, owner }: Owed,
  expires: boolean,
  tenant: Tenant,
): Promise<void> {
  const unpaid = await saveInvoice(write.tx, { ...invoice, collectAt: null, updatedAt: write.at });
  await tellOfInvoice(write, 'invoice.payment_failed', unpaid);
  if (owner && expires) await applyDecision(write, owner, decideExpire(owner, write.at), tenant);
  // What begins later than it is made says nothing of its status before it is known whether it was paid.
  else if (owner && beganLater(owner.subscription) && invoice.collectAt) await tellOfStatus(write, owner);
}

/** With the end of a trial, or at a start that lay ahead. */
function beganLater({ trialEndedAt, startsAt, createdAt }: Subscription): boolean {
  return trialEndedAt !== null || startsAt > createdAt;
}

async function dun(
  write: Write,
  owed: Owed,
  tenant: Tenant,
  failed: { hard: boolean; charged: PaymentAttempt | null },
): Promise<void> {
  const { invoice, owner } = owed;
  const { id: invoiceId, tenantId, customerId, currency } = invoice;
  const running = await runningCollections(write.tx, invoice);
  const policy = policyFor(running, tenant.dunningPolicy);
  const timeZone = await timeZoneOf(write, owed);
  const failure = { invoiceId, tenantId, customerId, currency, hard: failed.hard };
  const collection = afterFailure(owed.collection, failure, policy, timeZone, write.at);
  const before = { invoice, owner: owner?.subscription ?? null, collection: owed.collection };
  const unpaid = await saveInvoice(write.tx, afterDunnedFailure(before, collection, write.at));
  // A retry that a standing hard decline suppresses is no news.
  if (failed.charged || !owed.collection) await tellOfInvoice(write, 'invoice.payment_failed', unpaid);
  await saveCollection(write.tx, collection);
  if (collection.outcome === 'exhausted') {
    await endDunning(write, [collection, ...running.filter((other) => other.invoiceId !== invoiceId)]);
    return;
  }
  await advanceLine(write, invoice, timeZone, false);
  if (owner) await followInvoices(write, owner);
}

/** The customer's method is a new one, or works again: hard declines of the past say nothing any more. */
export async function forgetHardDeclines(write: Write, line: Omit<Line, 'id'>): Promise<void> {
  for (const collection of withoutHardDeclines(await runningCollections(write.tx, line), write.at))
    await saveCollection(write.tx, collection);
}

/**
 * Every retry of the first of these has failed: the policy's end action, once, for everything of the customer that is in
 * dunning; the other invoices' collections end as superseded (billing rule 34b).
 */
async function endDunning(write: Write, collections: readonly [Collection, ...Collection[]]): Promise<void> {
  const [{ policy }] = collections;
  const subscriptionIds = new Set<string>();
  for (const { collection, outcome, writesOff } of endOfDunning(collections)) {
    const facts = await lockInvoice(write.tx, collection.invoiceId);
    if (!facts) continue;
    if (facts.invoice.subscriptionId) subscriptionIds.add(facts.invoice.subscriptionId);
    if (writesOff) await writeOff(write, facts, outcome);
    else await leaveOpen(write, facts, outcome);
  }
  for (const id of [...subscriptionIds].sort()) await endSubscription(write, id, policy.endAction);
}

/** Nobody tries any more to collect it: from here on it counts as overdue, also where its subscription was trusted. */
async function leaveOpen(
  write: Write,
  { invoice, collection }: InvoiceFacts,
  outcome: NonNullable<Collection['outcome']>,
): Promise<void> {
  if (collection && !collection.outcome) await endCollection(write, collection, outcome);
  if (invoice.status === 'open' && !invoice.overdueSince)
    await saveInvoice(write.tx, overdueInvoice(invoice, write.at));
}

async function endSubscription(write: Write, id: string, action: DunningEndAction): Promise<void> {
  const facts = await lockSubscription(write.tx, id);
  if (!facts || isEnded(facts.subscription.status)) return;
  if (action === 'cancel') await cancelUnpaid(write, facts);
  else if (action !== 'pause' || !(await pauseUnpaid(write, facts))) await stayUnpaid(write, facts, action);
  await nudgeSubscription(write, id);
}

async function cancelUnpaid(write: Write, locked: SubscriptionFacts): Promise<void> {
  const { tx, at } = write;
  const facts = await withUsage(tx, locked, at);
  const noted = unpaidCancellation(facts.subscription, await overdueOf(tx, facts.subscription.id));
  // Whoever did not pay for weeks is not charged once more at the door: the final invoice stays open.
  const decision = { ...decideCancel({ ...facts, subscription: noted }, at), collect: false };
  await applyDecision(write, facts, decision, null);
}

/** Answers false where the subscription cannot be paused. */
async function pauseUnpaid(write: Write, locked: SubscriptionFacts): Promise<boolean> {
  const { tx, at } = write;
  const facts = await withFees(tx, locked, at);
  const noted = withOverdue(facts.subscription, await overdueOf(tx, facts.subscription.id));
  const paused = decideUnpaidPause({ ...facts, subscription: noted }, at);
  if (!paused) return false;
  // What another charge is under way for is given back when that is over.
  const underWay = facts.fees.flatMap((fee) => (fee.underWay && fee.lineId ? [fee.lineId] : []));
  await applyDecision(write, facts, putOffCredits(paused, new Set(underWay), facts.pending.length), null);
  return true;
}

/** Its invoices have just changed, so the count of overdue ones comes first: only what is past due becomes unpaid. */
async function stayUnpaid(write: Write, facts: SubscriptionFacts, action: DunningEndAction): Promise<void> {
  const subscription = (await followInvoices(write, facts)) ?? facts.subscription;
  if (becomesUnpaid(subscription, action))
    await changeSubscription(write, { ...facts, subscription }, { ...subscription, unpaidSince: write.at });
}
