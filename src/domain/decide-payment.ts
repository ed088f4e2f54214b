import type { EventType } from './event.ts';
import { amountDue, type Invoice } from './invoice.ts';
import type { LedgerMovement } from './ledger.ts';
import { isFinished, type PaymentAttempt } from './payment.ts';

/** What a gateway said of a charge, as far as billing cares (billing rule 34). */
export type ChargeOutcome =
  | { kind: 'settled' }
  | { kind: 'declined'; hard: boolean; code: string; message: string }
  | { kind: 'requires_action'; url: string }
  | { kind: 'pending' }
  /** `retryAfterMs`: the gateway asks not to be asked again sooner. */
  | { kind: 'unknown'; reason: string; retryAfterMs?: number };

const DAY_MS = 86_400_000;

/** The next time to ask the gateway about a charge it has not finished: soon at first, then daily. */
const CHECK_AFTER_MS: Record<'unknown' | 'pending' | 'requires_action', readonly number[]> = {
  unknown: [5_000, 30_000, 300_000, 3_600_000, DAY_MS],
  pending: [DAY_MS],
  requires_action: [3_600_000, DAY_MS],
};

/**
 * The attempt after the gateway answered at `at`. A finished attempt stays as it is: the first final answer counts.
 * No answer about a charge that is known to be pending, or to need the customer, changes nothing of that.
 */
export function applyOutcome(attempt: PaymentAttempt, outcome: ChargeOutcome, at: Date): PaymentAttempt {
  if (isFinished(attempt.status)) return attempt;
  const finished = { ...attempt, actionUrl: null, nextCheckAt: null, updatedAt: at, finishedAt: at };
  switch (outcome.kind) {
    case 'settled':
      return { ...finished, status: 'settled', code: null, message: null };
    case 'declined':
      return {
        ...finished,
        status: 'declined',
        hard: outcome.hard,
        code: outcome.code,
        message: outcome.message,
      };
    case 'requires_action':
      return { ...asked(attempt, 'requires_action', at), actionUrl: outcome.url, message: null };
    case 'pending':
      return { ...asked(attempt, 'pending', at), actionUrl: null, message: null };
    case 'unknown': {
      if (attempt.status === 'pending' || attempt.status === 'requires_action')
        return asked(attempt, attempt.status, at, outcome.retryAfterMs);
      return { ...asked(attempt, 'unknown', at, outcome.retryAfterMs), message: outcome.reason };
    }
  }
}

/** What a recorded attempt amounts to, for a caller that asks again. */
export function outcomeOf(attempt: PaymentAttempt): ChargeOutcome {
  switch (attempt.status) {
    case 'settled':
    case 'pending':
      return { kind: attempt.status };
    case 'declined':
      return {
        kind: 'declined',
        hard: attempt.hard === true,
        code: attempt.code ?? 'declined',
        message: attempt.message ?? '',
      };
    case 'requires_action':
      return { kind: 'requires_action', url: attempt.actionUrl ?? '' };
    case 'in_flight':
    case 'unknown':
      return { kind: 'unknown', reason: attempt.message ?? 'The gateway has not answered.' };
  }
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
    movements.unshift({
      kind: 'write_off_recovered',
      source: invoice.id,
      debit: 'receivable',
      credit: 'bad_debt',
      amount,
    });
  }
  return {
    invoice: {
      ...invoice,
      status: 'paid',
      amountPaid: invoice.amountPaid.plus(amount),
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

function asked(
  attempt: PaymentAttempt,
  status: 'unknown' | 'pending' | 'requires_action',
  at: Date,
  retryAfterMs = 0,
): PaymentAttempt {
  const waits = CHECK_AFTER_MS[status];
  const checkCount = attempt.status === status ? attempt.checkCount + 1 : 0;
  const ownMs = waits[Math.min(checkCount, waits.length - 1)] ?? DAY_MS;
  // A gateway may ask for patience, but no longer than we would have waited in the end.
  const waitMs = Math.max(ownMs, Math.min(retryAfterMs, DAY_MS));
  return { ...attempt, status, checkCount, nextCheckAt: new Date(at.getTime() + waitMs), updatedAt: at };
}
