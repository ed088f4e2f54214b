import { decideCancel, decideExpire } from '../decide-end.ts';
import { decideUnpaidPause } from '../decide-pause.ts';
import { payInvoice } from '../decide-payment.ts';
import { afterFailure, type Collection, type DunningEndAction, isSuppressed } from '../dunning.ts';
import { DomainError } from '../errors.ts';
import {
  afterDunnedFailure,
  afterFailedCharge,
  becomesUnpaid,
  endedCollection,
  endOfDunning,
  isFirstPayment,
  policyFor,
  unpaidCancellation,
  withNewMethod,
  withOverdue,
  withoutHardDeclines,
} from '../follow-payment.ts';
import { nextInvoiceStep } from '../invoice-step.ts';
import { overdueInvoice, writtenOffInvoice } from '../open-invoice.ts';
import { isEnded } from '../subscription.ts';
import { apply, change, finalize, follow, overdueOf, voidHeld } from './apply.ts';
import { lifeAt } from './facts.ts';
import { advanceLine } from './line-up.ts';
import type { SimulatedMethod } from './script.ts';
import type { Attempt, Held, Lived, World } from './world.ts';

/** Charges and dunning as the activities make them, with a gateway that answers at once as the timeline says. */

/** Does what an invoice waits for at `at`. */
export function takeInvoiceStep(world: World, invoiceId: string, at: Date): void {
  const held = world.held(invoiceId);
  switch (nextInvoiceStep(held.invoice, null, held.collection)?.step) {
    case 'finalize':
      finalize(world, held, at);
      return;
    case 'mark_overdue':
      world.save({ ...held, invoice: overdueInvoice(held.invoice, at) });
      follow(world, world.ownerOf(held), at);
      return;
    default:
      charge(world, invoiceId, at);
  }
}

/** The charge of an invoice that is due. Without a method, or while a hard decline stands, it fails without being tried. */
export function charge(world: World, invoiceId: string, at: Date): void {
  const due = world.held(invoiceId);
  const next = nextInvoiceStep(due.invoice, null, due.collection);
  if ((next?.step !== 'collect' && next?.step !== 'retry') || next.at > at) return;
  const method = isSuppressed(world.running(due.invoice.currency)) ? null : world.method;
  const note = (outcome: Attempt['outcome'], code: string | null = null) =>
    world.noteAttempt(invoiceId, { at, outcome, code });
  if (method?.kind === 'succeeds') receive(world, note('settled'), at, false);
  else if (method?.kind === 'declines') fail(world, note('declined', method.code), method.hard, at);
  else fail(world, note('not_tried'), true, at);
}

/** A charge that a person asks for: a hard decline that stands does not keep it from being tried. */
export function chargeNow(world: World, invoiceId: string, at: Date): void {
  const { method } = world;
  const note = (outcome: Attempt['outcome'], code: string | null = null) =>
    world.noteAttempt(invoiceId, { at, outcome, code });
  if (method.kind === 'none')
    throw new DomainError(
      'payment_method_missing',
      'The customer has no payment method; give it one with payment_method first.',
    );
  if (method.kind === 'succeeds') receive(world, note('settled'), at, false);
  else fail(world, note('declined', method.code), method.hard, at, true);
}

/** Money for an invoice: its dunning ends, the next one in line is called, its subscription follows. */
export function receive(world: World, held: Held, at: Date, outOfBand: boolean): void {
  const { collection } = held;
  const running = world.running(held.invoice.currency);
  const { invoice } = payInvoice(held.invoice, '', at, outOfBand);
  world.save({
    ...held,
    invoice,
    collection: collection?.outcome === null ? endedCollection(collection, 'paid', at) : collection,
  });
  if (running.some((other) => other.invoiceId !== invoice.id)) callNext(world, held, at, !outOfBand);
  const owner = world.ownerOf(held);
  const first = isFirstPayment(held.invoice, owner.life.subscription);
  follow(world, owner, at, first ? 'received' : 'unchanged');
}

/** The customer has another payment method, or none any more. */
export function changeMethod(world: World, method: SimulatedMethod, at: Date): void {
  world.method = method;
  if (method.kind === 'none') return;
  const lines = new Map<string, Held>();
  for (const held of world.waiting()) {
    const { invoice, collection } = held;
    const owner = world.ownerOf(held).life.subscription;
    const again = withNewMethod({ invoice, collection, owner, underWay: false }, at);
    if (!again) continue;
    world.save({
      ...held,
      ...(again.invoice ? { invoice: again.invoice } : {}),
      collection: again.collection,
    });
    if (again.collection && !lines.has(invoice.currency)) lines.set(invoice.currency, held);
  }
  for (const held of lines.values()) advanceLine(world, held, at, true);
}

function callNext(world: World, held: Held, at: Date, proves: boolean): void {
  // What was charged went to the customer's method, so it works again; what came from outside says nothing of it.
  if (proves)
    for (const collection of withoutHardDeclines(world.running(held.invoice.currency), at))
      world.saveCollection(collection);
  advanceLine(world, held, at, true);
}

function fail(world: World, held: Held, hard: boolean, at: Date, asked = false): void {
  const { invoice, collection } = held;
  const owner = world.ownerOf(held);
  const follows = afterFailedCharge({ invoice, owner: owner.life.subscription, collection, asked });
  switch (follows) {
    case 'none':
    case 'tell':
      return;
    case 'stays_incomplete':
    case 'expire':
      world.save({ ...held, invoice: { ...invoice, collectAt: null, updatedAt: at } });
      if (follows === 'expire') apply(world, owner, decideExpire(lifeAt(world, owner, at), at), at);
      return;
    case 'void':
      voidHeld(world, held, at);
      return;
    case 'dun':
      dun(world, held, hard, at);
  }
}

function dun(world: World, held: Held, hard: boolean, at: Date): void {
  const { id: invoiceId, tenantId, customerId, currency } = held.invoice;
  const owner = world.ownerOf(held);
  const running = world.running(currency);
  const policy = policyFor(running, world.settings.dunningPolicy);
  const failure = { invoiceId, tenantId, customerId, currency, hard };
  const collection = afterFailure(held.collection, failure, policy, owner.life.subscription.timeZone, at);
  const before = { invoice: held.invoice, owner: owner.life.subscription, collection: held.collection };
  world.save({ ...held, invoice: afterDunnedFailure(before, collection, at), collection });
  if (collection.outcome === 'exhausted') {
    endDunning(world, [collection, ...running.filter((other) => other.invoiceId !== invoiceId)], at);
  } else {
    advanceLine(world, held, at, false);
    follow(world, owner, at);
  }
}

function endDunning(world: World, collections: readonly [Collection, ...Collection[]], at: Date): void {
  const [{ policy }] = collections;
  const owners = new Set<string>();
  for (const { collection, outcome, writesOff } of endOfDunning(collections)) {
    const held = world.held(collection.invoiceId);
    const ended = collection.outcome === null ? endedCollection(collection, outcome, at) : collection;
    const invoice = writesOff ? writtenOffInvoice(held.invoice, at) : overdueInvoice(held.invoice, at);
    world.save({ ...held, invoice, collection: ended });
    if (invoice.subscriptionId) owners.add(invoice.subscriptionId);
  }
  for (const id of [...owners].sort()) endSubscription(world, id, policy.endAction, at);
}

function endSubscription(world: World, id: string, action: DunningEndAction, at: Date): void {
  const lived = world.lives.get(id);
  if (!lived || isEnded(lived.life.subscription.status)) return;
  const life = lifeAt(world, lived, at);
  const overdue = overdueOf(world, id);
  if (action === 'cancel') {
    const noted = unpaidCancellation(life.subscription, overdue);
    // Whoever did not pay for weeks is not charged once more at the door: the final invoice stays open.
    apply(world, lived, { ...decideCancel({ ...life, subscription: noted }, at), collect: false }, at, 0);
    return;
  }
  const subscription = withOverdue(life.subscription, overdue);
  const paused = action === 'pause' ? decideUnpaidPause({ ...life, subscription }, at) : null;
  if (paused) apply(world, lived, paused, at, 0);
  else stayUnpaid(world, lived, action, at);
}

function stayUnpaid(world: World, lived: Lived, action: DunningEndAction, at: Date): void {
  follow(world, lived, at);
  const { subscription } = lived.life;
  if (becomesUnpaid(subscription, action)) change(lived, { ...subscription, unpaidSince: at }, at);
}
