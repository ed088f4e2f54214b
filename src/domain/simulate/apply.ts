import { lifeAfter } from '../apply-decision.ts';
import type { LineDraft } from '../build-invoice.ts';
import type { Decision } from '../decision.ts';
import { endedCollection, followInvoices, type Overdue } from '../follow-payment.ts';
import { amountDue, type InvoiceLine } from '../invoice.ts';
import type { Life, PendingLine } from '../life.ts';
import { Decimal } from '../money.ts';
import { withIds } from '../new-ids.ts';
import { derived } from '../next-step.ts';
import {
  creditedInvoice,
  draftInvoice,
  finalizedInvoice,
  openingOf,
  releasedDrafts,
  voidedInvoice,
} from '../open-invoice.ts';
import { assertTransition, type Subscription } from '../subscription.ts';
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
  graceHours = world.settings.invoiceGraceHours,
): Held | null {
  const decision = withIds(decided, world.newId);
  const { life } = lived;
  for (const { to } of decision.segments) if (to) world.prices.set(to.price.id, to.price);
  let held: Held | null = null;
  let inline = false;
  if (decision.invoice) {
    const { invoice: built, subscription: after, collect } = decision;
    const opening = openingOf({ after, built, collect, graceHours, at }, null);
    const invoice = draftInvoice(after, built, opening, world.newId('inv'), at);
    const lines = built.lines.map((line, index) => lineOf(world, invoice.id, index + 1, line));
    held = world.save({ invoice, lines, collection: null });
    for (const [n, { id }] of lines.entries()) {
      const line = built.lines[n];
      if (line) lived.lines.push({ ...line, id, invoiceId: invoice.id });
    }
    if (decision.takesPending) moveCredits(world, life.pending, lines);
    if (!opening.draft) held = finalize(world, held, at);
    inline = opening.inline && held.invoice.status === 'open';
  }
  noteReversals(world, life, decision);
  if (decision.voidOpenInvoices) voidOpen(world, lived, at);
  const latest = held ? { latestInvoiceId: held.invoice.id } : {};
  lived.life = lifeAfter(
    life,
    { ...decision, subscription: { ...decision.subscription, ...latest } },
    {
      newId: world.newId,
      invoiceId: held?.invoice.id ?? null,
      lineIds: held?.lines.map(({ id }) => id) ?? [],
      owed: held ? amountDue(held.invoice) : new Decimal(0),
    },
  );
  changeTo(lived, life.subscription, lived.life.subscription, at);
  credit(world, lived, decision, at);
  return inline ? held : null;
}

/** New facts of a subscription, with what follows from them. */
export function change(lived: Lived, facts: Subscription, at: Date): void {
  const before = lived.life.subscription;
  lived.life = { ...lived.life, subscription: derived(facts) };
  changeTo(lived, before, lived.life.subscription, at);
}

function changeTo(lived: Lived, before: Subscription, after: Subscription, at: Date): void {
  assertTransition(before.status, after.status);
  const { life } = lived;
  lived.life = { ...life, subscription: { ...after, revision: before.revision + 1, updatedAt: at } };
  if (after.status !== before.status) lived.states.push({ status: after.status, from: at });
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
export function finalize(world: World, held: Held, at: Date): Held {
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
  const { period, reverses, ...rest } = draft;
  return {
    ...rest,
    id: world.newId('il'),
    tenantId: '',
    invoiceId,
    n,
    periodStart: period.start,
    periodEnd: period.end,
    reversesLineId: reverses?.lineId ?? null,
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

/** Reductions of open invoices; a subscription that owes less may not be past due any more. */
function credit(world: World, lived: Lived, { credits }: Decision, at: Date): void {
  if (credits.length === 0) return;
  for (const [invoiceId, drafts] of Map.groupBy(credits, (draft) => draft.invoiceId)) {
    const held = world.held(invoiceId);
    const amount = drafts.reduce((sum, draft) => sum.plus(draft.amount), new Decimal(0));
    for (const { lineId, amount: part } of drafts) world.noteCredit(lineId, part);
    const lines = drafts.map(({ lineId, description, amount: part }) => ({
      lineId,
      description,
      amount: part,
    }));
    world.notes.push({ at, invoiceId, currency: held.invoice.currency, amount, lines });
    const invoice = creditedInvoice(held.invoice, amount, at);
    const isOver = invoice.status === 'paid' && held.collection?.outcome === null;
    const collection =
      isOver && held.collection ? endedCollection(held.collection, 'superseded', at) : held.collection;
    world.save({ ...held, invoice, collection });
  }
  follow(world, lived, at);
}
