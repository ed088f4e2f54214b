import type { CreditNote, CreditNoteLine } from '../domain/credit-note.ts';
import type { Customer } from '../domain/customer.ts';
import type { EventType, ObjectType } from '../domain/event.ts';
import type { Invoice, InvoiceLine } from '../domain/invoice.ts';
import type { Payment, PaymentAttempt } from '../domain/payment.ts';
import type { PricedItem, Subscription } from '../domain/subscription.ts';
import type { Tx } from './doors.ts';
import { type Cause, recordEvents } from './events.ts';

type Shown = Record<string, unknown>;

/** How facts look on the wire. `contract` has the one implementation; this room may not know it. */
export type Presenters = {
  customer(customer: Customer): Shown;
  subscription(subscription: Subscription, priced: readonly PricedItem[]): Shown;
  invoice(invoice: Invoice, lines: readonly InvoiceLine[]): Shown;
  creditNote(note: CreditNote, lines: readonly CreditNoteLine[]): Shown;
  payment(attempt: PaymentAttempt): Shown;
  /** Money received outside any gateway. */
  manualPayment(payment: Payment, invoiceId: string): Shown;
};

/** One change of the world: its transaction, the instant at which it is effective, and what caused it. */
export type Write = {
  tx: Tx;
  tenantId: string;
  /** When the facts become true: the due instant of a step, the request of a command; clock time under a test clock. */
  at: Date;
  /** The wall clock, for what happens outside the customer's time: nudges and catching up. */
  wallNow: Date;
  cause: Cause;
  present: Presenters;
};

type About = {
  objectType: ObjectType;
  objectId: string;
  customerId: string;
  subscriptionId: string | null;
  invoiceId: string | null;
  object: Shown;
  previous?: Shown | null;
};

export function tell(write: Write, type: EventType, about: About): Promise<void> {
  return tellAll(write, [type], about);
}

/** The same of several things that happened to one object at once. */
export async function tellAll(write: Write, types: readonly EventType[], about: About): Promise<void> {
  const { object, previous, ...where } = about;
  const changed = previous ? changedAttributes(previous, object) : null;
  const data = changed ? { object, previous_attributes: changed } : { object };
  const events = types.map((type) => ({ ...where, type, data, createdAt: write.at }));
  await recordEvents(write.tx, write.tenantId, write.cause, events);
}

/** The former values of what changed, as Stripe shows them; bookkeeping fields say nothing and are left out. */
function changedAttributes(before: Shown, after: Shown): Shown {
  const entries = Object.entries(before).filter(
    ([key, value]) =>
      key !== 'updated_at' && key !== 'revision' && JSON.stringify(value) !== JSON.stringify(after[key]),
  );
  return Object.fromEntries(entries);
}
