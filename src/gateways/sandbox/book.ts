import { randomUUID } from 'node:crypto';
import { type Log, openLog } from './log.ts';
import type { Decline, TestCard } from './tokens.ts';
import type { CallbackType, ChargeStatus } from './wire.ts';

/** A stored payment method; `token` is the test token it was made from. */
export type Method = { ref: string; token: string; card: TestCard; createdAt: string };

export type Charge = {
  ref: string;
  idempotencyKey: string;
  amount: string;
  currency: string;
  methodRef: string;
  description: string;
  clock: 'real' | 'test';
  callbackUrl: string;
  callbackSecret: string;
  status: ChargeStatus;
  decline: Decline | null;
  /** Confirm requests that arrived, those without effect included. */
  confirmCount: number;
  /** The latest business instant this charge was told about. */
  asOf: string;
  createdAt: string;
  /** When a pending charge comes to its end: wall time, or time of the test clock. */
  dueAt: string | null;
  settledAt: string | null;
};

export type Refund = {
  ref: string;
  idempotencyKey: string;
  chargeRef: string;
  amount: string;
  currency: string;
  createdAt: string;
};

export type Callback = {
  ref: string;
  chargeRef: string;
  type: CallbackType;
  /** Frozen when it is made: every attempt sends the same bytes. */
  body: string;
  state: 'due' | 'delivered' | 'given_up';
  attempts: number;
};

type Entry =
  | { record: 'method'; value: Method }
  | { record: 'charge'; value: Charge }
  | { record: 'refund'; value: Refund }
  | { record: 'callback'; value: Callback };

/**
 * All the gateway knows, in memory, rebuilt from its log at start. Every change is a whole new value of one thing:
 * logged first, then applied, so memory never knows what the file does not.
 */
export class Book {
  readonly methods = new Map<string, Method>();
  readonly charges = new Map<string, Charge>();
  readonly callbacks = new Map<string, Callback>();
  /** Refs of charges in the order they were created, and each one's place in it. */
  readonly order: string[] = [];
  readonly place = new Map<string, number>();
  readonly #chargeByKey = new Map<string, string>();
  readonly #refundByKey = new Map<string, Refund>();
  readonly #refundsByCharge = new Map<string, Refund[]>();
  readonly #callbacksByCharge = new Map<string, string[]>();
  readonly #confirms = new Map<string, { requests: number; charges: number }>();
  readonly #log: Log;

  constructor(folder: string) {
    this.#log = openLog(folder);
    for (const entry of this.#log.records) this.#apply(asEntry(entry));
  }

  record(entry: Entry): void {
    this.#log.append(entry);
    this.#apply(entry);
  }

  chargeByKey(idempotencyKey: string): Charge | undefined {
    return this.charges.get(this.#chargeByKey.get(idempotencyKey) ?? '');
  }

  refundByKey(idempotencyKey: string): Refund | undefined {
    return this.#refundByKey.get(idempotencyKey);
  }

  refundsOf(chargeRef: string): readonly Refund[] {
    return this.#refundsByCharge.get(chargeRef) ?? [];
  }

  /** Callbacks about a charge, oldest first. */
  callbacksOf(chargeRef: string): Callback[] {
    const refs = this.#callbacksByCharge.get(chargeRef) ?? [];
    return refs.flatMap((ref) => this.callbacks.get(ref) ?? []);
  }

  /** How often charges of this method were confirmed: requests, and charges that left `prepared` by one. */
  confirmsOf(methodRef: string): { requests: number; charges: number } {
    return this.#confirms.get(methodRef) ?? { requests: 0, charges: 0 };
  }

  close(): void {
    this.#log[Symbol.dispose]();
  }

  #apply(entry: Entry): void {
    if (entry.record === 'method') this.methods.set(entry.value.ref, entry.value);
    else if (entry.record === 'callback') this.#applyCallback(entry.value);
    else if (entry.record === 'refund') this.#applyRefund(entry.value);
    else this.#applyCharge(entry.value);
  }

  #applyCallback(callback: Callback): void {
    if (!this.callbacks.has(callback.ref)) {
      const earlier = this.#callbacksByCharge.get(callback.chargeRef) ?? [];
      this.#callbacksByCharge.set(callback.chargeRef, [...earlier, callback.ref]);
    }
    this.callbacks.set(callback.ref, callback);
  }

  #applyRefund(refund: Refund): void {
    this.#refundByKey.set(refund.idempotencyKey, refund);
    this.#refundsByCharge.set(refund.chargeRef, [...this.refundsOf(refund.chargeRef), refund]);
  }

  #applyCharge(charge: Charge): void {
    const before = this.charges.get(charge.ref);
    if (before === undefined) {
      this.place.set(charge.ref, this.order.length);
      this.order.push(charge.ref);
      this.#chargeByKey.set(charge.idempotencyKey, charge.ref);
    }
    const { requests, charges } = this.confirmsOf(charge.methodRef);
    const left = (before?.status ?? 'prepared') === 'prepared' && charge.status !== 'prepared';
    this.#confirms.set(charge.methodRef, {
      requests: requests + charge.confirmCount - (before?.confirmCount ?? 0),
      charges: charges + (left ? 1 : 0),
    });
    this.charges.set(charge.ref, charge);
  }
}

/** A reference as this gateway makes them: `ch_`, `pmt_`, `rf_`, `gevt_`. */
export function newRef(prefix: 'ch' | 'pmt' | 'rf' | 'gevt'): string {
  return `${prefix}_${randomUUID().replaceAll('-', '')}`;
}

/** The log is this program's own file: a line that names a record is taken at its word. */
function asEntry(line: unknown): Entry {
  const known = ['method', 'charge', 'refund', 'callback'];
  if (
    typeof line === 'object' &&
    line !== null &&
    'record' in line &&
    'value' in line &&
    known.includes(String(line.record))
  ) {
    return line as Entry;
  }
  throw new Error(
    "The sandbox gateway's log has a line of an unknown kind. Move the file away to start empty.",
  );
}
