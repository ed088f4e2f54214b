import type { InvoiceDraft, LineDraft } from './build-invoice.ts';
import type { ScheduledChange } from './change.ts';
import type { Obstacle } from './errors.ts';
import type { EventType } from './event.ts';
import type { Decimal } from './money.ts';
import type { Price } from './plan.ts';
import type { BilledPeriod, Subscription, SubscriptionItem } from './subscription.ts';

/**
 * What a step or a command does: new facts, what is billed and given back, what of the items' lives is accounted for,
 * and what the world is told beyond the change of status. Pure: activities make it true, previews only look at it,
 * simulations make it true in memory.
 *
 * Items and scheduled changes that it begins have no id yet but a placeholder; `withIds` gives them theirs.
 */
export type Decision = {
  subscription: Subscription;
  /** Every item that it had, changed or not, and those that begin. */
  items: readonly SubscriptionItem[];
  segments: readonly SegmentChange[];
  invoice: InvoiceDraft | null;
  /** Lines for the next invoice. Those of `invoice` that were pending before are its last ones, in their order. */
  pending: readonly LineDraft[];
  /** Whether the invoice takes the lines that were pending before; they stand in `invoice.lines` already. */
  takesPending: boolean;
  /** Reductions of drafts and open invoices, which never become spendable (billing rule 13). */
  credits: readonly CreditDraft[];
  coverage: readonly Coverage[];
  /** Stretches of coverage that end early; what began at or after `at` is freed altogether. */
  truncations: readonly { itemId: string; at: Date }[];
  /** Scheduled changes that are done with, and those that are new. */
  finished: readonly FinishedChange[];
  scheduled: readonly ScheduledChange[];
  /** Pending ones whose instant moved with the period or trial that they wait for the end of. */
  moved: readonly { id: string; effectiveAt: Date }[];
  events: readonly EventType[];
  /** Whether the invoice is to be charged now (only for automatic collection). */
  collect: boolean;
  /** An incomplete subscription's invoice dies with it. */
  voidOpenInvoices: boolean;
};

/** `because`: why one that was due did not take place. */
export type FinishedChange = { id: string; as: 'applied' | 'replaced' | 'canceled'; because?: Obstacle };

/**
 * From `from` on an item has this price and quantity; null: it has none any more. A segment that began at `from` is
 * replaced, and of one that would have begun later nothing is left.
 */
export type SegmentChange = { itemId: string; from: Date; to: { price: Price; quantity: Decimal } | null };

/** A stretch of an item's life that this decision accounts for, and where it is billed: a line of the invoice or a pending one. */
export type Coverage = Pick<BilledPeriod, 'itemId' | 'side' | 'period' | 'reason'> & {
  line: number | null;
  pendingLine: number | null;
};

/**
 * What an invoice that is not paid is reduced by, because a line of it stands for time that was not used: an open one by
 * a credit note, a draft by `line`, which has the same amount with its sign turned.
 */
export type CreditDraft = {
  invoiceId: string;
  lineId: string;
  amount: Decimal;
  description: string;
  line: LineDraft;
};

/** A decision that changes nothing but what is named beside it. */
export const NOTHING = {
  segments: [],
  invoice: null,
  pending: [],
  takesPending: false,
  credits: [],
  coverage: [],
  truncations: [],
  finished: [],
  scheduled: [],
  moved: [],
  events: [],
  collect: false,
  voidOpenInvoices: false,
} as const satisfies Omit<Decision, 'subscription' | 'items'>;
