import { pricedAfter, shownAfter } from '../domain/apply-decision.ts';
import type { Decision } from '../domain/decision.ts';
import type { EventType } from '../domain/event.ts';
import { followInvoices as follow } from '../domain/follow-payment.ts';
import type { Invoice } from '../domain/invoice.ts';
import { nextInvoiceStep } from '../domain/invoice-step.ts';
import { withIds } from '../domain/new-ids.ts';
import { derived } from '../domain/next-step.ts';
import {
  afterInvoice,
  mayLineUp,
  type Opened,
  type Opening,
  openingOf,
  releasedDrafts,
} from '../domain/open-invoice.ts';
import { isFinished } from '../domain/payment.ts';
import { isCutShort } from '../domain/period-end.ts';
import { firstPaymentDeadline } from '../domain/start-billing.ts';
import { assertTransition, type Subscription, type SubscriptionStatus } from '../domain/subscription.ts';
import type { Tenant } from '../domain/tenant.ts';
import { newId } from '../platform/ids.ts';
import { backlogOf, isLate } from './collect-backlog.ts';
import { insertCoverage, truncateCoverage } from './coverage.ts';
import { lockInvoice, openInvoicesOf } from './invoice-facts.ts';
import { graceHoursOf } from './invoice-grace.ts';
import { nudgeInvoice } from './nudge-workflows.ts';
import { dropPending, insertPending, takePending } from './pending-items.ts';
import { saveScheduled } from './scheduled-changes.ts';
import { overdueOf, type SubscriptionFacts, saveItems, saveSubscription } from './subscription-facts.ts';
import { claimMeters } from './usage-claims.ts';
import { insertClosures } from './usage-closures.ts';
import { noteCut } from './usage-touched.ts';
import { tellAll, type Write } from './write.ts';
import { creditInvoices } from './write-credit.ts';
import { createInvoice, finalizeInvoice, writeVoid } from './write-invoice.ts';
import { writeItems } from './write-items.ts';

/** `collect`: an invoice to charge now, inside the step that made it. `waits`: one that something else will see to. */
export type Applied = { subscription: Subscription; collect: { invoiceId: string } | null; waits: boolean };

/**
 * Makes a decision true: items, what is given back, invoice, what waits, coverage, facts, events. The caller holds the
 * subscription's lock and, where something is given back, that of its customer. `tenant` null: no invoice of it waits for
 * a time of grace.
 */
export async function applyDecision(
  write: Write,
  facts: SubscriptionFacts,
  decided: Decision,
  tenant: Pick<Tenant, 'invoiceGraceHours'> | null,
): Promise<Applied> {
  const decision = withIds(decided, newId);
  const { tx, tenantId } = write;
  let after = withFullDeadline(write, facts.subscription, decision.subscription);
  writeItems(
    write,
    facts.priced.map(({ item }) => item),
    decision,
  );
  await claimMeters(tx, after, facts.priced, pricedAfter(facts.priced, decision));
  truncateCoverage(tx, decision.truncations, write.at);
  if (decision.credits.length > 0) after = await giveCredit(write, after, decision.credits);
  const { invoice, lineIds, inline } = await bill(write, facts, after, decision, tenant);
  if (invoice) after = afterInvoice(after, invoice);
  if (decision.voidOpenInvoices) await voidOpenInvoices(write, after.id);
  const pendingIds = insertPending(write, after.id, decision.pending);
  if (after.endedAt && !decision.takesPending) {
    dropPending(
      write,
      facts.pending.map(({ id }) => id),
    );
  }
  saveScheduled(write, after.id, decision);
  insertClosures(write, after, decision, { lineIds, pendingIds });
  if (isCutShort(facts.priced, decision.items, write.at)) noteCut(tx, after);
  const [subscription] = await Promise.all([
    changeSubscription(write, facts, after, waitsUncharged(facts, after, decision)),
    insertCoverage(tx, tenantId, decision.coverage, { lineIds, pendingIds }),
    invoice && expectFollowUp(write, invoice, inline),
  ]);
  const collect = inline && invoice ? { invoiceId: invoice.id } : null;
  return { subscription, collect, waits: invoice !== null && invoice.status !== 'paid' && !inline };
}

/** The invoice of a decision, with the lines that waited for it. `inline`: whether it is to be charged now, by whoever made it. */
async function bill(
  write: Write,
  facts: SubscriptionFacts,
  after: Subscription,
  { invoice: built, collect, takesPending }: Decision,
  tenant: Pick<Tenant, 'invoiceGraceHours'> | null,
): Promise<{ invoice: Invoice | null; lineIds: readonly string[]; inline: boolean }> {
  if (!built) return { invoice: null, lineIds: [], inline: false };
  const graceHours = tenant ? await graceHoursOf(write.tx, after, tenant) : 0;
  const opening = await openingFor(write, { after, built, collect, graceHours, at: write.at });
  const waiting = takesPending ? facts.pending : [];
  const { invoice, lineIds, taken } = await createInvoice(write, after, built, opening, waiting);
  takePending(write.tx, taken);
  return { invoice, lineIds, inline: invoice.status === 'open' && opening.inline };
}

/** Whose first payment nobody will charge is told so at once; of the others it is told when the charge has failed. */
function waitsUncharged(
  { subscription }: SubscriptionFacts,
  after: Subscription,
  decision: Decision,
): Decision {
  const begins = subscription.status !== 'incomplete' && derived(after).status === 'incomplete';
  if (!begins || decision.collect) return decision;
  return { ...decision, events: [...decision.events, 'subscription.updated'] };
}

/** Takes credits off open invoices. A subscription that owes less may not be past due any more. */
async function giveCredit(
  write: Write,
  subscription: Subscription,
  credits: Decision['credits'],
): Promise<Subscription> {
  await creditInvoices(write, subscription, credits);
  const followed = follow(subscription, await overdueOf(write.tx, subscription.id), 'unchanged');
  return followed?.subscription ?? subscription;
}

/** Whoever hears of his first payment late, after an outage, still has the whole time to make it (billing rule 30). */
function withFullDeadline(write: Write, before: Subscription, after: Subscription): Subscription {
  const begins = after.incompleteSince !== null && before.incompleteSince === null;
  if (!begins || !isLate(write, after)) return after;
  return { ...after, expiresAt: firstPaymentDeadline(after, write.wallNow) };
}

/** The event that a change of status is announced with, by the status it leads to. */
const ANNOUNCED: Partial<Record<SubscriptionStatus, EventType>> = {
  trialing: 'subscription.trial_started',
  active: 'subscription.activated',
  past_due: 'subscription.past_due',
  unpaid: 'subscription.unpaid',
  paused: 'subscription.paused',
  canceled: 'subscription.canceled',
  expired: 'subscription.expired',
};

/**
 * Writes new facts of a subscription and everything that follows from them: status, next step, revision, events.
 * The only way a subscription's row changes after its creation.
 */
export async function changeSubscription(
  write: Write,
  facts: Pick<SubscriptionFacts, 'subscription' | 'priced'>,
  changes: Subscription,
  become: Pick<Decision, 'items' | 'segments' | 'events'> = asItWas(facts),
): Promise<Subscription> {
  const before = facts.subscription;
  const after: Subscription = { ...derived(changes), revision: before.revision + 1, updatedAt: write.at };
  assertTransition(before.status, after.status);
  const object = write.present.subscription(after, shownAfter(facts.priced, after, become));
  const previous = write.present.subscription(before, facts.priced);
  const types = [...become.events, ...announcement(before.status, after.status)];
  const itemsBefore = facts.priced.map(({ item }) => item);
  await Promise.all([
    saveSubscription(write.tx, before, after),
    saveItems(write.tx, itemsBefore, become.items),
    tellAll(write, types, { ...subjectOf(after), object, previous }),
  ]);
  return after;
}

function asItWas({
  priced,
}: Pick<SubscriptionFacts, 'priced'>): Pick<Decision, 'items' | 'segments' | 'events'> {
  return { items: priced.map(({ item }) => item), segments: [], events: [] };
}

/**
 * Brings a subscription up to date with its invoices: how many are overdue, whether its first payment arrived, whether
 * drafts that waited for payment may go out. Answers null when nothing changed.
 */
export async function followInvoices(
  write: Write,
  facts: SubscriptionFacts,
  firstPayment: 'received' | 'unchanged' = 'unchanged',
): Promise<Subscription | null> {
  const before = facts.subscription;
  if (before.endedAt) return null;
  const followed = follow(before, await overdueOf(write.tx, before.id), firstPayment);
  if (!followed) return null;
  const after = await changeSubscription(write, facts, followed.subscription);
  if (followed.recovered) await releaseDrafts(write, after);
  return after;
}

export function subjectOf(subscription: Subscription) {
  return {
    objectType: 'subscription' as const,
    objectId: subscription.id,
    customerId: subscription.customerId,
    subscriptionId: subscription.id,
    invoiceId: null,
  };
}

/** For a status that the row has had for a moment already, and that is news only now. */
export function tellOfStatus(
  write: Write,
  { subscription, priced }: Pick<SubscriptionFacts, 'subscription' | 'priced'>,
): Promise<void> {
  const object = write.present.subscription(subscription, priced);
  return tellAll(write, ['subscription.updated'], { ...subjectOf(subscription), object });
}

/** What the world hears of a change of status. */
export function announcement(from: SubscriptionStatus, to: SubscriptionStatus): EventType[] {
  if (from === to) return [];
  if (to === 'active' && (from === 'past_due' || from === 'unpaid')) return ['subscription.recovered'];
  const type = ANNOUNCED[to];
  return type ? [type] : [];
}

/** When and whether a new invoice is finalized and charged. */
async function openingFor(write: Write, opened: Opened): Promise<Opening> {
  const { after } = opened;
  const turnAt = mayLineUp(opened) ? await backlogOf(write, after, derived(after).nextStepAt) : null;
  return openingOf(opened, turnAt);
}

/**
 * The invoice's own workflow looks after whatever waits. When the step charges the invoice itself, the nudge is only a
 * net below it, in case that process dies.
 */
async function expectFollowUp(write: Write, invoice: Invoice, inline: boolean): Promise<void> {
  if (invoice.status === 'paid' || (!inline && !invoice.collectAt && !invoice.finalizeAt && !invoice.dueAt))
    return;
  const delayMs = inline ? 60_000 : 0;
  await nudgeInvoice(write, invoice, new Date(write.wallNow.getTime() + delayMs));
}

/** An invoice whose charge is under way is left alone, its own workflow ends it when the answer is known; one that waits is told. */
async function voidOpenInvoices(write: Write, subscriptionId: string): Promise<void> {
  for (const { id } of await openInvoicesOf(write.tx, { subscriptionId })) {
    const facts = await lockInvoice(write.tx, id);
    const underWay = facts?.attempt && !isFinished(facts.attempt.status);
    if (facts?.invoice.status !== 'open' || underWay) continue;
    const waits = nextInvoiceStep(facts.invoice, facts.attempt, facts.collection) !== null;
    await writeVoid(write, facts);
    if (waits) await nudgeInvoice(write, facts.invoice);
  }
}

/** The drafts of an unpaid subscription that was paid go out, oldest first (billing rule 34b). */
async function releaseDrafts(write: Write, { id: subscriptionId, timeZone }: Subscription): Promise<void> {
  const drafts: Invoice[] = [];
  for (const { id } of await openInvoicesOf(write.tx, { subscriptionId })) {
    const invoice = (await lockInvoice(write.tx, id))?.invoice;
    if (invoice?.status === 'draft' && !invoice.finalizeAt) drafts.push(invoice);
  }
  // All of them are locked before the first number is taken: the counter comes last (`data.md`, lock order).
  for (const draft of releasedDrafts(drafts, write.at))
    await nudgeInvoice(write, await finalizeInvoice(write, draft, timeZone));
}
