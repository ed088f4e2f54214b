import type { Decimal } from './money.ts';
import type { Price } from './plan.ts';

/** Where the money of a change goes (billing rule 15): at once, with the next invoice, or nowhere. */
export const PRORATIONS = ['invoice_now', 'next_invoice', 'none'] as const;
export type Proration = (typeof PRORATIONS)[number];
/** Whether a change begins a new period at once or keeps the calendar it has (billing rule 16). */
export const ANCHORS = ['reset', 'keep'] as const;
export type AnchorChange = (typeof ANCHORS)[number];

/** What one item is to be from the change on. */
export type ItemTarget = { key: string; price: Price; quantity: Decimal };

/**
 * A change of what a subscription consists of, with every reference resolved. What is not named stays. It says what to
 * be, not how to get there, so it can be applied to whatever the subscription has become by then.
 */
export type Change = {
  /** The plan it is on from then; null: the one it has. Items of a plan that is left and not in `set` end. */
  plan: { planId: string; version: number } | null;
  set: readonly ItemTarget[];
  /** Keys of items that end. */
  remove: readonly string[];
  /** Charged once, on the change's invoice or the next one, whatever `proration` says. */
  once: readonly ItemTarget[];
  proration: Proration;
  anchor: AnchorChange;
  /** A new place in the calendar to count from; with `anchor: keep`. */
  billingAnchor: Date | null;
  /** During a trial: whether it goes on. */
  trial: 'keep' | 'end';
};

/** Billing rule 15b. */
export type ChangeClass = 'upgrade' | 'downgrade';

/** What happens to a subscription at an instant that lies ahead. */
export type PlannedAction =
  | { kind: 'change'; change: Change }
  | { kind: 'pause'; credit: boolean; resumeAt: Date | null }
  | { kind: 'resume' };

/**
 * An action that waits for its instant; phases and ramps are several of them. `mode: period_end` moves with the end of
 * the period or trial it was meant for.
 */
export type ScheduledChange = {
  id: string;
  effectiveAt: Date;
  mode: 'at' | 'period_end';
  /** Phases of one schedule stand together: a single change that is scheduled later replaces them all. */
  scheduleId: string | null;
  action: PlannedAction;
};
