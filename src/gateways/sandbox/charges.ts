import { Decimal } from '../../domain/money.ts';
import { type Book, type Charge, type Method, newRef, type Refund } from './book.ts';
import {
  ACTION_FAILED,
  type Behaviour,
  type Decline,
  NO_SUCH_METHOD,
  PENDING_FAILED,
  testCard,
  testTokens,
} from './tokens.ts';
import type { CallbackType } from './wire.ts';

/** On a test clock a pending charge ends when that clock has moved this far past the confirm. */
const TEST_CLOCK_PENDING_MS = 24 * 60 * 60 * 1000;

/** A request this gateway turns down, with the status it answers. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A changed charge and, when the customer's side should hear of it by callback, as what. */
export type Changed = { charge: Charge; announce: CallbackType | null };

export type NewCharge = Pick<
  Charge,
  | 'idempotencyKey'
  | 'amount'
  | 'currency'
  | 'methodRef'
  | 'description'
  | 'clock'
  | 'callbackUrl'
  | 'callbackSecret'
  | 'asOf'
>;

/** Stores a charge without making it; the same key answers the charge that is already there. */
export function createCharge(book: Book, wanted: NewCharge, now: Date): { charge: Charge; created: boolean } {
  const existing = book.chargeByKey(wanted.idempotencyKey);
  if (existing !== undefined) {
    const same = (['amount', 'currency', 'methodRef'] as const).every(
      (field) => existing[field] === wanted[field],
    );
    if (same) return { charge: existing, created: false };
    throw new Refused(
      422,
      'idempotency_key_reused',
      'This idempotency_key was used with another amount, currency or payment method.',
    );
  }
  const charge: Charge = {
    ...wanted,
    ref: newRef('ch'),
    status: 'prepared',
    decline: null,
    confirmCount: 0,
    createdAt: now.toISOString(),
    dueAt: null,
    settledAt: null,
  };
  book.record({ record: 'charge', value: charge });
  return { charge, created: true };
}

/**
 * What the method does with the next confirm of a prepared charge; a counted behaviour that has used up its times
 * settles. Declines count charges, faults count requests, because a fault leaves its charge prepared.
 */
export function nextBehaviour(book: Book, charge: Charge): Behaviour {
  const method = book.methods.get(charge.methodRef);
  if (method === undefined) return { kind: 'decline', decline: NO_SUCH_METHOD };
  const { behaviour, times } = method.card;
  const { requests, charges } = book.confirmsOf(charge.methodRef);
  const used = behaviour.kind === 'fault' ? requests : charges;
  return times !== null && used >= times ? { kind: 'settle' } : behaviour;
}

/** Confirms a charge. Only a `prepared` one is decided; any other answers what it already is. */
export function confirmCharge(
  book: Book,
  charge: Charge,
  when: { asOf: Date; now: Date; settleAfterMs: number },
): Changed {
  const counted = { ...charge, confirmCount: charge.confirmCount + 1, asOf: when.asOf.toISOString() };
  if (charge.status !== 'prepared') {
    book.record({ record: 'charge', value: counted });
    return endPending(book, counted, when);
  }
  const behaviour = nextBehaviour(book, charge);
  const decided = decide(counted, behaviour, when);
  book.record({ record: 'charge', value: decided });
  return { charge: decided, announce: isAnnounced(behaviour) ? announcementOf(decided) : null };
}

/** Who gets the outcome as the answer needs no callback about it. */
function isAnnounced(behaviour: Behaviour): boolean {
  if (behaviour.kind === 'answer_lost') return behaviour.of === 'confirm';
  return behaviour.kind === 'requires_action' || behaviour.kind === 'callback_before_answer';
}

function decide(
  charge: Charge,
  behaviour: Behaviour,
  when: { asOf: Date; now: Date; settleAfterMs: number },
): Charge {
  switch (behaviour.kind) {
    case 'fault':
      return charge;
    case 'decline':
      return declined(charge, behaviour.decline);
    case 'requires_action':
      return { ...charge, status: 'requires_action' };
    case 'pending': {
      const dueAt =
        charge.clock === 'test'
          ? when.asOf.getTime() + TEST_CLOCK_PENDING_MS
          : when.now.getTime() + when.settleAfterMs;
      return { ...charge, status: 'pending', dueAt: new Date(dueAt).toISOString() };
    }
    case 'settle':
    case 'answer_lost':
    case 'callback_before_answer':
      return settled(charge, charge.clock === 'test' ? when.asOf : when.now);
  }
}

/** Ends a pending charge whose time has come by its own clock; any other stays as it is. */
export function endPending(book: Book, charge: Charge, when: { asOf: Date; now: Date }): Changed {
  const reached = charge.clock === 'test' ? when.asOf : when.now;
  if (charge.status !== 'pending' || charge.dueAt === null || reached.getTime() < Date.parse(charge.dueAt)) {
    return { charge, announce: null };
  }
  const behaviour = book.methods.get(charge.methodRef)?.card.behaviour;
  const fails = behaviour?.kind === 'pending' && behaviour.ends === 'decline';
  const ended = fails ? declined(charge, PENDING_FAILED) : settled(charge, new Date(charge.dueAt));
  book.record({ record: 'charge', value: ended });
  return { charge: ended, announce: announcementOf(ended) };
}

/** The customer answers the bank's question. */
export function completeAction(
  book: Book,
  charge: Charge,
  result: 'succeed' | 'fail',
  when: { asOf: Date | null; now: Date },
): Changed {
  if (charge.status !== 'requires_action') {
    throw new Refused(
      409,
      'no_action_required',
      `This charge is ${charge.status}; there is nothing for the customer to do.`,
    );
  }
  const at = charge.clock === 'test' ? (when.asOf ?? new Date(charge.asOf)) : when.now;
  const answered = result === 'succeed' ? settled(charge, at) : declined(charge, ACTION_FAILED);
  book.record({ record: 'charge', value: answered });
  return { charge: answered, announce: announcementOf(answered) };
}

/** Gives back part or all of a settled charge, once per key and never more than was charged. */
export function refundCharge(book: Book, wanted: Omit<Refund, 'ref' | 'createdAt'>, now: Date): Refund {
  const existing = book.refundByKey(wanted.idempotencyKey);
  if (existing !== undefined) {
    const same = (['amount', 'currency', 'chargeRef'] as const).every(
      (field) => existing[field] === wanted[field],
    );
    if (same) return existing;
    throw new Refused(422, 'idempotency_key_reused', 'This idempotency_key was used for another refund.');
  }
  const charge = book.charges.get(wanted.chargeRef);
  if (charge === undefined) throw new Refused(404, 'charge_not_found', 'There is no such charge.');
  if (charge.status !== 'settled')
    throw new Refused(422, 'charge_not_settled', `A charge that is ${charge.status} cannot be refunded.`);
  if (charge.currency !== wanted.currency)
    throw new Refused(422, 'currency_mismatch', `The charge is in ${charge.currency}.`);
  const left = new Decimal(charge.amount).minus(refundedOf(book, charge.ref));
  if (left.lessThan(wanted.amount))
    throw new Refused(
      422,
      'refund_too_large',
      `At most ${left.toFixed()} ${charge.currency} can be refunded.`,
    );

  const refund: Refund = { ...wanted, ref: newRef('rf'), createdAt: now.toISOString() };
  book.record({ record: 'refund', value: refund });
  return refund;
}

/** What was given back of a charge, as a decimal string. */
export function refundedOf(book: Book, chargeRef: string): string {
  const refunds = book.refundsOf(chargeRef).map((refund) => refund.amount);
  return refunds.reduce((total, amount) => total.plus(amount), new Decimal(0)).toFixed();
}

/** Makes a payment method from a test token. Each call makes another one. */
export function attachMethod(book: Book, token: string, now: Date): Method {
  const card = testCard(token);
  if (card === null) {
    const valid = testTokens().map((known) => known.token);
    throw new Refused(422, 'unknown_token', `There is no such test token. Valid ones: ${valid.join(', ')}.`);
  }
  const method: Method = { ref: newRef('pmt'), token, card, createdAt: now.toISOString() };
  book.record({ record: 'method', value: method });
  return method;
}

function settled(charge: Charge, at: Date): Charge {
  return { ...charge, status: 'settled', settledAt: at.toISOString() };
}

function declined(charge: Charge, decline: Decline): Charge {
  return { ...charge, status: 'declined', decline };
}

function announcementOf(charge: Charge): CallbackType | null {
  if (charge.status === 'settled') return 'charge.settled';
  if (charge.status === 'declined') return 'charge.declined';
  return charge.status === 'requires_action' ? 'charge.requires_action' : null;
}
