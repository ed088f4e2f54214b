import { settleWithBalance } from './balance.ts';
import { type InvoiceDraft, totalOf } from './build-invoice.ts';
import { addCivilDays } from './calendar.ts';
import { amountDue, type BillingReason, type Invoice, type InvoiceLine } from './invoice.ts';
import { Decimal, sum } from './money.ts';
import type { Subscription } from './subscription.ts';

/**
 * What becomes of a new invoice: a draft until `finalizeAt` (null: until somebody finalizes it), or open at once.
 * `collectAt`: when it is charged, null for never; `inline`: by the step that makes it.
 */
export type Opening = { draft: boolean; finalizeAt: Date | null; collectAt: Date | null; inline: boolean };

/** What decides about it. `after` is the subscription as the decision leaves it. */
export type Opened = {
  after: Subscription;
  built: InvoiceDraft;
  collect: boolean;
  graceHours: number;
  at: Date;
};

/** Whether its charge takes its place behind older ones that are late (billing rule 31d). */
export function mayLineUp({ after, collect }: Opened): boolean {
  // A first payment never lines up: its subscription would expire before its turn came.
  return collect && !isWithheld(after) && !after.incompleteSince;
}

/**
 * When and whether a new invoice is finalized and charged (billing rules 27, 34b). `turnAt` is its place behind charges
 * that are late, null when there are none.
 */
export function openingOf({ after, built, collect, graceHours, at }: Opened, turnAt: Date | null): Opening {
  if (isWithheld(after)) return { draft: true, finalizeAt: null, collectAt: at, inline: false };
  const closes =
    built.billingReason === 'subscription_cycle' || built.billingReason === 'subscription_cancel';
  const draft = graceHours > 0 && closes;
  const openAt = draft ? new Date(at.getTime() + graceHours * 3_600_000) : at;
  if (!collect) return { draft, finalizeAt: openAt, collectAt: null, inline: false };
  return { draft, finalizeAt: openAt, collectAt: turnAt ?? openAt, inline: !draft && turnAt === null };
}

/** Invoices of an unpaid subscription stay drafts until it is paid (billing rule 34b); the last one of its life goes out. */
function isWithheld({ unpaidSince, endedAt }: Subscription): boolean {
  return unpaidSince !== null && endedAt === null;
}

/** A cancellation and a threshold may make a second invoice at the very instant of a renewal, so they name themselves. */
const BESIDE: Partial<Record<BillingReason, string>> = {
  subscription_cancel: '/cancel',
  threshold: '/threshold',
  late_usage: '/late',
};

/** An invoice as it is before it has a number. */
export function draftInvoice(
  subscription: Subscription,
  built: InvoiceDraft,
  opening: Pick<Opening, 'draft' | 'finalizeAt' | 'collectAt'>,
  id: string,
  at: Date,
): Invoice {
  const total = totalOf(built);
  return {
    id,
    tenantId: subscription.tenantId,
    customerId: subscription.customerId,
    subscriptionId: subscription.id,
    originKey: `${subscription.id}:${built.at.toISOString()}${BESIDE[built.billingReason] ?? ''}`,
    number: null,
    status: 'draft',
    billingReason: built.billingReason,
    currency: subscription.currency,
    subtotal: total,
    total,
    amountPaid: new Decimal(0),
    balanceApplied: new Decimal(0),
    amountCredited: new Decimal(0),
    collectionMethod: subscription.collectionMethod,
    netDays: subscription.netDays,
    dueAt: null,
    finalizeAt: opening.draft ? opening.finalizeAt : null,
    finalizedAt: null,
    collectAt: opening.collectAt,
    overdueSince: null,
    paidAt: null,
    paidOutOfBand: false,
    voidedAt: null,
    markedUncollectibleAt: null,
    periodStart: built.period.start,
    periodEnd: built.period.end,
    revision: 1,
    metadata: {},
    createdAt: at,
    updatedAt: at,
  };
}

/** A draft whose lines came to something else. */
export function withLines(draft: Invoice, lines: readonly Pick<InvoiceLine, 'amount'>[]): Invoice {
  const total = sum(lines.map(({ amount }) => amount));
  return { ...draft, subtotal: total, total };
}

/** What an invoice gets when it is finalized; `balance` is what its customer has to his credit in its currency. */
export type Finalization = { number: string; timeZone: string; balance: Decimal; at: Date };

/**
 * Draft to open: the amounts freeze, the customer's balance gives or takes, and nothing to pay is paid at once (billing
 * rules 23, 27 and 28). What is left of the balance is `balance − balanceApplied`.
 */
export function finalizedInvoice(draft: Invoice, { number, timeZone, balance, at }: Finalization): Invoice {
  const { applied: balanceApplied } = settleWithBalance(draft.total, balance);
  const free = amountDue({ ...draft, balanceApplied }).isZero();
  return {
    ...draft,
    balanceApplied,
    status: free ? 'paid' : 'open',
    paidAt: free ? at : null,
    finalizedAt: at,
    finalizeAt: null,
    dueAt: draft.collectionMethod === 'send_invoice' ? addCivilDays(at, draft.netDays ?? 0, timeZone) : null,
    collectAt: free || !draft.collectAt ? null : later(draft.collectAt, at),
    updatedAt: at,
    number,
  };
}

/**
 * What an invoice that was just made does to its subscription: when nothing is left to pay on the first one, because the
 * customer's balance paid it, the first payment is not owed any more (billing rules 28, 31).
 */
export function afterInvoice(
  after: Subscription,
  { id, status }: Pick<Invoice, 'id' | 'status'>,
): Subscription {
  const paid = status === 'paid' && after.incompleteSince !== null;
  return { ...after, latestInvoiceId: id, ...(paid ? { incompleteSince: null, expiresAt: null } : {}) };
}

/** Charges of invoices that go out together begin this far apart, so that the oldest is charged first. */
const CHARGES_APART_MS = 1_000;

/** The drafts of a subscription that was unpaid and is not any more, oldest first, with their turns (billing rule 34b). */
export function releasedDrafts(drafts: readonly Invoice[], at: Date): Invoice[] {
  return drafts.map((draft, place) => ({
    ...draft,
    collectAt: draft.collectAt && new Date(at.getTime() + (place + 1) * CHARGES_APART_MS),
  }));
}

/** An open invoice that a credit note takes `amount` off; when nothing is left to pay it is paid (billing rules 13, 28). */
export function creditedInvoice(invoice: Invoice, amount: Decimal, at: Date): Invoice {
  const credited = { ...invoice, amountCredited: invoice.amountCredited.plus(amount), updatedAt: at };
  return amountDue(credited).isZero()
    ? { ...credited, status: 'paid', paidAt: at, overdueSince: null, collectAt: null }
    : credited;
}

/** What can be taken off an invoice that nobody is being charged for: what is still to be paid of it (billing rule 13). */
export function reducible(invoice: Parameters<typeof amountDue>[0]): Decimal {
  const { status } = invoice;
  return status === 'open' || status === 'draft' ? Decimal.max(amountDue(invoice), 0) : new Decimal(0);
}

/** A draft that lines take `amount` off: as nothing of it is final yet, it needs no credit note. */
export function reducedDraft(draft: Invoice, amount: Decimal, at: Date): Invoice {
  const total = draft.total.minus(amount);
  return { ...draft, subtotal: total, total, updatedAt: at };
}

/** Open to void: nothing of it is owed any more. */
export function voidedInvoice(invoice: Invoice, at: Date): Invoice {
  return { ...invoice, status: 'void', voidedAt: at, overdueSince: null, collectAt: null, updatedAt: at };
}

/** Open to uncollectible: the debt becomes a loss; a later payment is still welcome. */
export function writtenOffInvoice(invoice: Invoice, at: Date): Invoice {
  return {
    ...invoice,
    status: 'uncollectible',
    markedUncollectibleAt: at,
    overdueSince: null,
    collectAt: null,
    updatedAt: at,
  };
}

/** Not paid in time; it is not charged by itself any more, its dunning does that. */
export function overdueInvoice(invoice: Invoice, at: Date): Invoice {
  return { ...invoice, overdueSince: invoice.overdueSince ?? at, collectAt: null, updatedAt: at };
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
