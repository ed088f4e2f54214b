import { DomainError } from '../errors.ts';
import { endedCollection } from '../follow-payment.ts';
import { amountDue } from '../invoice.ts';
import { writtenOffInvoice } from '../open-invoice.ts';
import { follow, voidHeld } from './apply.ts';
import { chargeNow, receive } from './collect.ts';
import { advanceLine } from './line-up.ts';
import type { InvoiceDeed } from './script.ts';
import type { Held, World } from './world.ts';

/** Verbs as a refusal says them. */
const DONE: Record<InvoiceDeed['deed'], string> = {
  pay: 'paid',
  charge: 'charged',
  void: 'voided',
  mark_uncollectible: 'given up',
};

/**
 * What people do to invoices directly: pay, take back, give up; the oldest first. `owner` null: whoever they belong to.
 * Throws `nothing_to_pay` where none is open, `not_found` for a number that was not given yet, and
 * `invoice_not_open` for one that is not open any more.
 */
export function settleByHand(
  world: World,
  { deed, number }: InvoiceDeed,
  owner: string | null,
  at: Date,
): void {
  const meant = number === null ? open(world, owner) : [numbered(world, number, owner, deed)];
  if (meant.length === 0)
    throw new DomainError('nothing_to_pay', `No invoice is open; nothing was ${DONE[deed]}.`);
  for (const { invoice } of meant) {
    const held = world.held(invoice.id);
    // The one before may have settled it: a credit, or the end of the subscription.
    if (meant.length > 1 && held.invoice.status !== 'open') continue;
    settle(world, held, deed, at);
  }
}

function settle(world: World, held: Held, deed: InvoiceDeed['deed'], at: Date): void {
  switch (deed) {
    case 'pay': {
      const attempt = { at, outcome: 'paid_out_of_band', code: null } as const;
      receive(world, world.noteAttempt(held.invoice.id, attempt), at, true);
      return;
    }
    case 'charge':
      chargeNow(world, held.invoice.id, at);
      return;
    case 'void':
      voidHeld(world, held, at);
      afterTakingBack(world, held, at);
      return;
    case 'mark_uncollectible':
      giveUp(world, held, at);
      afterTakingBack(world, held, at);
  }
}

function giveUp(world: World, held: Held, at: Date): void {
  const { collection } = held;
  world.save({
    ...held,
    invoice: writtenOffInvoice(held.invoice, at),
    collection: collection?.outcome === null ? endedCollection(collection, 'uncollectible', at) : collection,
  });
}

/** Whoever waited behind this invoice has its turn on its own day: nothing was received that would call it at once. */
function afterTakingBack(world: World, held: Held, at: Date): void {
  if (held.collection) advanceLine(world, held, at, false);
  follow(world, world.ownerOf(held), at);
}

function open(world: World, owner: string | null): Held[] {
  return world.waiting(owner).filter(({ invoice }) => invoice.status === 'open' && amountDue(invoice).gt(0));
}

/** What was given up can still be paid, and only that. */
function numbered(world: World, number: string, owner: string | null, deed: InvoiceDeed['deed']): Held {
  for (const held of world.invoices.values()) {
    const { invoice } = held;
    if (invoice.number !== number || (owner !== null && invoice.subscriptionId !== owner)) continue;
    const payable = invoice.status === 'uncollectible' && (deed === 'pay' || deed === 'charge');
    if (invoice.status === 'open' || payable) return held;
    throw new DomainError(
      'invoice_not_open',
      `The invoice ${number} is ${invoice.status} by then; only an open one can be ${DONE[deed]}.`,
    );
  }
  throw new DomainError(
    'not_found',
    `There is no invoice ${number} by then; look at the numbers of the answer.`,
  );
}
