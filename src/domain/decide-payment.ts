import { localTimeOnDay } from './calendar.ts';
import type { Collection, DunningPolicy } from './dunning.ts';
import type { EventType } from './event.ts';
import { amountDue, type Invoice } from './invoice.ts';
import type { LedgerMovement } from './ledger.ts';
import type { AttemptStatus, PaymentAttempt } from './payment.ts';

/** What a gateway said of a charge, as far as billing cares (billing rule 34). */
export type ChargeOutcome =
  | { kind: 'settled' }
  | { kind: 'declined'; hard: boolean; code: string; message: string }
  | { kind: 'requires_action'; url: string }
  | { kind: 'pending' }
  | { kind: 'unknown'; reason: string };

/** The next time to ask the gateway about a charge it has not finished: soon at first, then daily. */
const CHECK_AFTER_MS: Record<'unknown' | 'pending' | 'requires_action', readonly number[]> = {
  unknown: [5_000, 30_000, 300_000, 3_600_000, 86_400_000],
  pending: [86_400_000],
  requires_action: [3_600_000, 86_400_000],
};

/** The attempt after the gateway answered at `at`. A finished attempt stays as it is: the first final answer counts. */
export function applyOutcome(attempt: PaymentAttempt, outcome: ChargeOutcome, at: Date): PaymentAttempt {
  const base = { ...attempt, updatedAt: at, actionUrl: outcome.kind === 'requires_action' ? outcome.url : null };
  if (outcome.kind === 'settled') {
    return { ...base, status: 'settled', code: null, message: null, nextCheckAt: null, finishedAt: at };
  }
  if (outcome.kind === 'declined') {
    const { hard, code, message } = outcome;
    return { ...base, status: 'declined', hard, code, message, nextCheckAt: null, finishedAt: at };
  }
  const waits = CHECK_AFTER_MS[outcome.kind];
  const checkCount = attempt.status === outcome.kind ? attempt.checkCount + 1 : 0;
  const wait = waits[Math.min(checkCount, waits.length - 1)] ?? 86_400_000;
  return {
    ...base,
    status: outcome.kind satisfies AttemptStatus,
    message: outcome.kind === 'unknown' ? outcome.reason : null,
    checkCount,
    nextCheckAt: new Date(at.getTime() + wait),
  };
}

/** An open (or written off) invoice that has been paid in full at `at`. */
export function payInvoice(
  invoice: Invoice,
  paymentId: string,
  at: Date,
  outOfBand: boolean,
): { invoice: Invoice; movements: LedgerMovement[]; events: EventType[] } {
  const amount = amountDue(invoice);
  const movements: LedgerMovement[] = [
    { kind: 'payment_received', source: paymentId, debit: 'cash', credit: 'receivable', amount },
  ];
  // Money that arrives for a written-off invoice first restores the debt it settles.
  if (invoice.status === 'uncollectible') {
    movements.unshift({ kind: 'write_off_recovered', source: invoice.id, debit: 'receivable', credit: 'bad_debt', amount });
  }
  return {
    invoice: {
      ...invoice,
      status: 'paid',
      amountPaid: invoice.total,
      paidAt: at,
      paidOutOfBand: outOfBand,
      overdueSince: null,
      markedUncollectibleAt: null,
      collectAt: null,
      updatedAt: at,
    },
    movements,
    events: ['invoice.paid'],
  };
}

export type DunningState = {
  /** This invoice's dunning, null before its first failure. */
  collection: Collection | null;
  /** The other running collections of the same customer and currency, oldest invoice first. */
  others: readonly Collection[];
};

export type Failure = { invoiceId: string; tenantId: string; customerId: string; currency: string; hard: boolean };

/**
 * The dunning after a failed charge at `at` (billing rules 33 and 34b). The policy is the one of the first failure.
 * While an older invoice of the customer is being retried, a younger one waits without a date of its own.
 * `exhausted`: no retry is left, the end action is due.
 */
export function afterFailure(
  state: DunningState,
  failure: Failure,
  policy: DunningPolicy,
  timeZone: string,
  at: Date,
): { collection: Collection; exhausted: boolean } {
  const previous = state.collection;
  const attempt = previous && !previous.outcome ? previous.attempt + 1 : 1;
  const firstFailedAt = previous && !previous.outcome ? previous.firstFailedAt : at;
  const inForce = previous?.policy ?? state.others[0]?.policy ?? policy;
  const retryDay = inForce.retryDays[attempt - 1];
  const waitsForOlder = !previous && state.others.length > 0;
  const exhausted = retryDay === undefined;
  const collection: Collection = {
    invoiceId: failure.invoiceId,
    tenantId: failure.tenantId,
    customerId: failure.customerId,
    currency: failure.currency,
    policy: inForce,
    firstFailedAt,
    attempt,
    hardDeclined: failure.hard,
    nextAttemptAt: exhausted || waitsForOlder ? null : retryAt(firstFailedAt, retryDay, inForce, timeZone, at),
    outcome: exhausted ? 'exhausted' : null,
    endedAt: exhausted ? at : null,
    createdAt: previous?.createdAt ?? at,
    updatedAt: at,
  };
  return { collection, exhausted };
}

/** A hard decline stands against every invoice of the customer until the payment method changes (billing rules 33, 34b). */
export function isSuppressed(state: DunningState): boolean {
  return [...(state.collection ? [state.collection] : []), ...state.others].some((c) => !c.outcome && c.hardDeclined);
}

/** The collection that a success makes due at once: the oldest that waited for its turn (billing rule 34b). */
export function nextInLine(others: readonly Collection[], at: Date): Collection | null {
  const waiting = others.find((collection) => !collection.outcome);
  return waiting ? { ...waiting, nextAttemptAt: at, updatedAt: at } : null;
}

/** A retry falls on a day counted from the first failure, at the policy's local hour, and never in the past. */
function retryAt(firstFailedAt: Date, retryDay: number, policy: DunningPolicy, timeZone: string, at: Date): Date {
  const planned = localTimeOnDay(firstFailedAt, retryDay, policy.localHour, timeZone);
  return planned > at ? planned : localTimeOnDay(at, 1, policy.localHour, timeZone);
}
