import { lifeAfter, shownAfter } from '../apply-decision.ts';
import { type LineDraft, meterOf } from '../build-invoice.ts';
import type { CreditDraft, Decision } from '../decision.ts';
import { endedCollection, followInvoices, type Overdue } from '../follow-payment.ts';
import { amountDue, type InvoiceLine } from '../invoice.ts';
import type { Life, PendingLine } from '../life.ts';
import { Decimal, sum } from '../money.ts';
import { withIds } from '../new-ids.ts';
import { derived } from '../next-step.ts';
import {
  afterInvoice,
  creditedInvoice,
  draftInvoice,
  finalizedInvoice,
  openingOf,
  reducedDraft,
  releasedDrafts,
  voidedInvoice,
} from '../open-invoice.ts';
import { assertTransition, type Subscription } from '../subscription.ts';
import { noteClosures, ratedNow } from './closures.ts';
import { advanceLine } from './line-up.ts';
import type { Held, Lived, World } from './world.ts';

/**
 * Makes a decision true in memory, as the activities do in rows. Answers the invoice that is to be charged at once, by
 * the step that made it, or null.
 */
export function apply(
  world: World,
  lived: Lived,
  decided: Decision,
  at: Date,
  graceHours = graceHoursOf(world, decided),
): Held | null {
  const decision = withIds(decided, world.newId);
  const { life } = lived;
  assertTransition(life.subscription.status, derived(decision.subscription).status);
  for (const { to } of decision.segments) if (to) world.prices.set(to.price.id, to.price);
  const after = giveCredit(world, lived, decision, at);
  // Before what waited becomes lines: a credit may take from something that waited for this very invoice.
  noteReversals(world, life, decision);
  const { held, inline } = bill(world, lived, { ...decision, subscription: after }, at, graceHours);
  noteClosures(world, lived, decision, held, at);
  if (decision.voidOpenInvoices) voidOpen(world, lived, at);
  const then = lifeAfter(
    // What still waited when a life ended without a last invoice is dropped.
    after.endedAt && !decision.takesPending ? { ...life, pending: [] } : life,
    { ...decision, subscription: held ? afterInvoice(after, held.invoice) : after },
    {
      newId: world.newId,
      invoiceId: held?.invoice.id ?? null,
      lineIds: held?.lines.map(({ id }) => id) ?? [],
      owed: held ? amountDue(held.invoice) : new Decimal(0),
    },
  );
  become(lived, after.endedAt ? { ...then, priced: shownAfter(life.priced, after, decision) } : then, at);
  return inline ? held : null;
}

/** As the plan says that the subscription is on then, else as the tenant does (billing rule 27). */
function graceHoursOf({ settings }: World, { subscription }: Decision): number {
  return settings.graceHoursOf(subscription) ?? settings.invoiceGraceHours;
}

/** The invoice of a decision; `inline`: whether it is to be charged at once. */
function bill(
  world: World,
  lived: Lived,
  { invoice: built, subscription: after, collect, takesPending }: Decision,
  at: Date,
  graceHours: number,
): { held: Held | null; inline: boolean } {
  if (!built) return { held: null, inline: false };
  const opening = openingOf({ after, built, collect, graceHours, at }, null);
  const invoice = draftInvoice(after, built, opening, world.newId('inv'), at);
  const lines = built.lines.map((line, index) => lineOf(world, invoice.id, index + 1, line));
  for (const [n, line] of built.lines.entries())
    lived.lines.push({ ...line, id: lines[n]?.id ?? '', invoiceId: invoice.id });
  if (takesPending) moveCredits(world, lived.life.pending, lines);
  const draft = world.save({ invoice, lines, collection: null, attempts: [] });
  const held = opening.draft ? draft : finalize(world, draft, at);
  return { held, inline: opening.inline && held.invoice.status === 'open' };
}

/** New facts of a subscription, with what follows from them. */
export function change(lived: Lived, facts: Subscription, at: Date): void {
  become(lived, { ...lived.life, subscription: derived(facts) }, at);
}

function become(lived: Lived, then: Life, at: Date): void {
  const { status: before, revision } = lived.life.subscription;
  const { subscription } = then;
  assertTransition(before, subscription.status);
  lived.life = { ...then, subscription: { ...subscription, revision: revision + 1, updatedAt: at } };
  if (subscription.status !== before) lived.states.push({ status: subscription.status, from: at });
}

/** Brings a subscription up to date with its invoices. */
export function follow(
  world: World,
  lived: Lived,
  at: Date,
  firstPayment: 'received' | 'unchanged' = 'unchanged',
): void {
  const { subscription } = lived.life;
  const followed = followInvoices(subscription, overdueOf(world, subscription.id), firstPayment);
  if (!followed) return;
  change(lived, followed.subscription, at);
  if (!followed.recovered) return;
  const drafts = world
    .waiting(subscription.id)
    .filter(({ invoice }) => invoice.status === 'draft' && !invoice.finalizeAt);
  const released = releasedDrafts(
    drafts.map(({ invoice }) => invoice),
    at,
  );
  for (const invoice of released) finalize(world, { ...world.held(invoice.id), invoice }, at);
}

export function overdueOf(world: World, subscriptionId: string): Overdue {
  const since = world
    .waiting(subscriptionId)
    .flatMap(({ invoice }) =>
      invoice.status === 'open' && invoice.overdueSince ? [invoice.overdueSince.getTime()] : [],
    );
  return { count: since.length, since: since.length > 0 ? new Date(Math.min(...since)) : null };
}

/** Draft to open: the number is given and the balance gives or takes. */
export function finalize(world: World, draft: Held, at: Date): Held {
  const held = ratedNow(world, draft, at);
  const { currency } = held.invoice;
  const balance = world.balanceIn(currency);
  const { timeZone } = world.ownerOf(held).life.subscription;
  const invoice = finalizedInvoice(held.invoice, { number: world.nextNumber(), timeZone, balance, at });
  if (!invoice.balanceApplied.isZero()) world.balances.set(currency, balance.minus(invoice.balanceApplied));
  return world.save({ ...held, invoice });
}

/** Open to void: what the balance gave comes back. */
export function voidHeld(world: World, held: Held, at: Date): void {
  const { currency, balanceApplied } = held.invoice;
  const collection =
    held.collection?.outcome === null ? endedCollection(held.collection, 'voided', at) : held.collection;
  if (balanceApplied.gt(0)) world.balances.set(currency, world.balanceIn(currency).plus(balanceApplied));
  world.save({ ...held, invoice: voidedInvoice(held.invoice, at), collection });
}

function voidOpen(world: World, { life }: Lived, at: Date): void {
  for (const held of world.waiting(life.subscription.id))
    if (held.invoice.status === 'open') voidHeld(world, held, at);
}

function lineOf(world: World, invoiceId: string, n: number, draft: LineDraft): InvoiceLine {
  const { period, reverses, metered, ...rest } = draft;
  return {
    ...rest,
    id: world.newId('il'),
    tenantId: '',
    invoiceId,
    n,
    periodStart: period.start,
    periodEnd: period.end,
    reversesLineId: reverses?.lineId ?? null,
    ...meterOf(metered),
  };
}

/** What was taken off pending lines is taken off the lines that they have become, the last ones of the invoice. */
function moveCredits(world: World, pending: readonly PendingLine[], lines: readonly InvoiceLine[]): void {
  for (const [n, { id }] of pending.entries()) {
    const line = lines[lines.length - pending.length + n];
    if (line) world.noteCredit(line.id, world.creditedOf(id));
  }
}

/** Credits that are lines; those that were pending have been noted when they began to wait. */
function noteReversals(world: World, life: Life, { invoice, pending, takesPending }: Decision): void {
  const lines = invoice?.lines ?? [];
  const own = takesPending ? lines.slice(0, lines.length - life.pending.length) : lines;
  for (const { reverses, amount } of [...own, ...pending]) {
    const id = reverses?.lineId ?? reverses?.pendingId;
    if (id) world.noteCredit(id, amount.abs());
  }
}

/** Reduces drafts and open invoices. A subscription that owes less may not be past due any more. */
function giveCredit(world: World, lived: Lived, { subscription, credits }: Decision, at: Date): Subscription {
  if (credits.length === 0) return subscription;
  for (const [invoiceId, drafts] of Map.groupBy(credits, (draft) => draft.invoiceId))
    credit(world, world.held(invoiceId), drafts, at);
  const overdue = overdueOf(world, lived.life.subscription.id);
  return followInvoices(subscription, overdue, 'unchanged')?.subscription ?? subscription;
}

/** A draft gets the lines that take off it what is given back. */
function reduceDraft(world: World, held: Held, drafts: readonly CreditDraft[], at: Date): void {
  const { invoice } = held;
  const owner = world.ownerOf(held);
  const lines = drafts.map(({ line }, n) => lineOf(world, invoice.id, held.lines.length + n + 1, line));
  for (const [n, { lineId, amount, line }] of drafts.entries()) {
    world.noteCredit(lineId, amount);
    owner.lines.push({ ...line, id: lines[n]?.id ?? '', invoiceId: invoice.id });
  }
  const reduced = reducedDraft(invoice, sum(drafts.map(({ amount }) => amount)), at);
  world.save({ ...held, invoice: reduced, lines: [...held.lines, ...lines] });
}

function credit(world: World, held: Held, drafts: readonly CreditDraft[], at: Date): void {
  if (held.invoice.status === 'draft') {
    reduceDraft(world, held, drafts, at);
    return;
  }
  const amount = sum(drafts.map((draft) => draft.amount));
  const lines = drafts.map(({ lineId, description, amount: part }) => ({
    lineId,
    description,
    amount: part,
  }));
  for (const line of lines) world.noteCredit(line.lineId, line.amount);
  world.notes.push({ at, invoiceId: held.invoice.id, currency: held.invoice.currency, amount, lines });
  const invoice = creditedInvoice(held.invoice, amount, at);
  const { collection } = held;
  if (invoice.status !== 'paid' || collection?.outcome !== null) {
    world.save({ ...held, invoice });
    return;
  }
  world.save({ ...held, invoice, collection: endedCollection(collection, 'superseded', at) });
  advanceLine(world, held, at, false);
}
