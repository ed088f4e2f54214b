import type { Decimal } from '../domain/money.ts';

/**
 * What the billing side needs from a payment gateway (billing rule 34). A charge has two steps so that its reference
 * is stored before any money can move: `prepare` names the charge, `confirm` makes it happen.
 *
 * An answer that was not understood is never guessed at: time-outs, broken connections, 5xx, 429 and garbage become
 * `unknown`. Unknown after prepare: prepare again with the same key. Unknown after confirm: `retrieve`, and only a
 * `not_confirmed` answer makes another `confirm` worth sending. Neither order of these can charge twice.
 */
export interface Gateway {
  /** The name stored with payment methods and attempts, and used in callback paths. */
  readonly name: string;

  /**
   * Names a charge without making it. The same `idempotencyKey` always answers the same `ref`.
   * Throws `DomainError('gateway_refused')` when the gateway rejects the request itself (an amount of zero, the same key
   * with another amount): that is a fault of the caller which no repetition heals.
   */
  prepare(request: ChargeRequest): Promise<Prepared>;

  /** Makes the charge. A second confirm of the same `ref` answers the first one's outcome and moves no money. Never throws. */
  confirm(ref: string, options: { asOf: Date }): Promise<Outcome>;

  /** What became of a charge. `not_confirmed`: prepared, no confirm arrived or none had an effect. Never throws. */
  retrieve(ref: string, options: { asOf: Date }): Promise<Outcome | { kind: 'not_confirmed'; ref: string }>;

  /** Gives back all or part of a settled charge; the same `idempotencyKey` refunds once. Never throws. */
  refund(request: RefundRequest): Promise<RefundOutcome>;

  /**
   * Turns the token a customer's browser got from the gateway into a stored payment method. Throws
   * `DomainError('gateway_unavailable')` when there was no usable answer; repeating is harmless.
   */
  attachMethod(token: string): Promise<AttachedMethod>;

  /**
   * Checks the signature of a callback over its raw bytes, then reads it. What it says is a hint: for decisions about
   * money the charge is retrieved again. `secrets` are all that are valid now (two during a rotation).
   */
  parseCallback(input: CallbackInput): CallbackResult;
}

export type ChargeRequest = {
  attemptId: string;
  /** The attempt's id: one attempt is at most one charge. */
  idempotencyKey: string;
  /** In units of the currency ("19.99" is 19 dollars 99), more than zero. */
  amount: Decimal;
  /** ISO 4217 code. */
  currency: string;
  /** What `attachMethod` answered. */
  methodRef: string;
  callbackUrl: string;
  callbackSecret: string;
  /** The instant at which the charge is due to the customer: now, or the time of the test clock. */
  asOf: Date;
  clock: 'real' | 'test';
  /** Shown to the customer; no personal data. */
  description: string;
};

export type Prepared =
  | { kind: 'prepared'; ref: string }
  | { kind: 'unknown'; reason: string; retryAfterMs?: number };

/**
 * The state of a charge that was confirmed. Only `settled` and `declined` are final. `hard`: billing rule 33, not to be
 * retried with this method. `retryAfterMs`: the gateway asks not to be asked again sooner (429, 503).
 */
export type Outcome =
  | { kind: 'settled'; ref: string }
  | { kind: 'declined'; ref: string; hard: boolean; code: string; message: string }
  | { kind: 'requires_action'; ref: string; url: string }
  | { kind: 'pending'; ref: string }
  | { kind: 'unknown'; ref: string | null; reason: string; retryAfterMs?: number };

export type RefundRequest = {
  idempotencyKey: string;
  /** The charge to give back from. */
  ref: string;
  amount: Decimal;
  currency: string;
  asOf: Date;
};

export type RefundOutcome =
  | { kind: 'refunded'; refundRef: string }
  | { kind: 'refused'; code: string; message: string }
  | { kind: 'unknown'; reason: string };

export type AttachedMethod =
  | { kind: 'attached'; methodRef: string; brand: string; last4: string; expMonth: number; expYear: number }
  | { kind: 'refused'; code: string; message: string };

export type CallbackInput = {
  rawBody: Buffer;
  headers: Record<string, string | string[] | undefined>;
  secrets: readonly string[];
  now: Date;
};

export type CallbackResult =
  | { kind: 'verified'; eventId: string; ref: string; type: string }
  | { kind: 'invalid'; reason: string };
