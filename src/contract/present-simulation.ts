import { meterOf } from '../domain/build-invoice.ts';
import type { Period } from '../domain/calendar.ts';
import { explain } from '../domain/explain-line.ts';
import { amountDue, type InvoiceLine } from '../domain/invoice.ts';
import { nextInvoiceStep } from '../domain/invoice-step.ts';
import { Decimal, formatUnitPrice } from '../domain/money.ts';
import { countedOf } from '../domain/simulate/counts.ts';
import type { InParts, Simulated } from '../domain/simulate/simulate.ts';
import type { Held, Lived, Noted, World } from '../domain/simulate/world.ts';
import type { PricedItem } from '../domain/subscription.ts';
import { usageOf } from '../domain/usage-record.ts';
import { presentInstant, presentMoney, presentOptionalInstant } from './common.ts';
import { presentLineUsage } from './invoices.ts';
import type { SimulationAnswer } from './simulations.ts';
import { presentTrace } from './traces.ts';

const INVOICES_PER_PART = 50;

/** A simulation as the world sees it. */
export function* presenting({ world, from, until, refused, steps }: Simulated): InParts<SimulationAnswer> {
  const lives = [...world.lives.values()];
  const invoices: SimulationAnswer['invoices'] = [];
  for (const held of world.invoices.values()) {
    invoices.push(presentHeld(world, held));
    if (invoices.length % INVOICES_PER_PART === 0) yield;
  }
  return {
    object: 'simulation',
    from: presentInstant(from),
    until: presentInstant(until),
    subscriptions: lives.map((lived) => presentLived(world, lived, until)),
    invoices,
    credit_notes: world.notes.map((note) => presentNote(world, note)),
    balances: [...world.balances].map(([currency, balance]) => presentMoney(balance, currency)),
    refused: refused
      .map(({ index, at, error }) => ({
        action: index,
        at: presentInstant(at),
        code: error.code,
        detail: error.message,
        errors: error.details.errors ?? [],
      }))
      .sort((a, b) => a.action - b.action),
    steps,
  };
}

function presentLived(world: World, lived: Lived, until: Date): SimulationAnswer['subscriptions'][number] {
  const { subscription, priced, changes, pending } = lived.life;
  const { nextStep: step, nextStepAt } = subscription;
  return {
    name: lived.name,
    plan: subscription.planId,
    plan_version: subscription.planVersion,
    status: subscription.status,
    currency: subscription.currency,
    billing_anchor: presentInstant(subscription.anchorAt),
    current_period: presentPeriod(subscription.currentPeriodStart, subscription.currentPeriodEnd),
    trial_end: presentOptionalInstant(subscription.trialEndsAt),
    cancel_at: presentOptionalInstant(subscription.cancelAt),
    ended_at: presentOptionalInstant(subscription.endedAt),
    states: presentStates(lived.states),
    items: priced.map(({ item, price, quantity }) => ({
      key: item.key,
      plan: price.planId,
      quantity: quantity.toFixed(),
      current_period: presentPeriod(item.currentPeriodStart, item.currentPeriodEnd),
    })),
    next: step && nextStepAt ? { step, at: presentInstant(nextStepAt) } : null,
    scheduled: changes.map(({ effectiveAt, mode, action }) => ({
      effective_at: presentInstant(effectiveAt),
      action: action.kind,
      mode,
    })),
    pending: pending.map(({ line }) =>
      presentLine(world, lived, { ...line, ...meterOf(line.metered), currency: subscription.currency }),
    ),
    usage: priced.flatMap((entry) =>
      entry.price.billing === 'usage' && !subscription.endedAt
        ? [{ key: entry.item.key, quantity: usedIn(world, lived, entry, until).toFixed() }]
        : [],
    ),
  };
}

/** What an item has used in its running period by the end of the simulation, that instant included. */
function usedIn(world: World, { life, used }: Lived, entry: PricedItem, until: Date): Decimal {
  if (entry.price.meterId === null) return usageOf(used, entry.item).quantity;
  const soon = new Date(until.getTime() + 1);
  return countedOf(world, life.subscription, entry, soon)?.quantity ?? new Decimal(0);
}

/** What it was in only for a moment, until the gateway had answered, is left out. */
function presentStates(states: Lived['states']): SimulationAnswer['subscriptions'][number]['states'] {
  const lasting = states
    .filter(({ from }, n) => states[n + 1]?.from.getTime() !== from.getTime())
    .filter(({ status }, n, all) => all[n - 1]?.status !== status);
  return lasting.map(({ status, from }, n) => ({
    status,
    from: presentInstant(from),
    to: presentOptionalInstant(lasting[n + 1]?.from ?? null),
  }));
}

function presentHeld(world: World, held: Held): SimulationAnswer['invoices'][number] {
  const { invoice, lines, collection } = held;
  const lived = world.ownerOf(held);
  const { currency } = invoice;
  const money = (amount: Decimal) => presentMoney(amount, currency);
  const next = nextInvoiceStep(invoice, null, collection);
  return {
    number: invoice.number,
    subscription: lived.name,
    at: presentInstant(invoice.createdAt),
    status: invoice.status,
    billing_reason: invoice.billingReason,
    period: { start: presentInstant(invoice.periodStart), end: presentInstant(invoice.periodEnd) },
    lines: lines.map((line) => presentLine(world, lived, { ...line, period: periodOf(line), currency })),
    subtotal: money(invoice.subtotal),
    total: money(invoice.total),
    balance_applied: money(invoice.balanceApplied),
    amount_credited: money(invoice.amountCredited),
    amount_paid: money(invoice.amountPaid),
    amount_due: money(amountDue(invoice)),
    finalize_at: presentOptionalInstant(invoice.finalizeAt),
    finalized_at: presentOptionalInstant(invoice.finalizedAt),
    due_at: presentOptionalInstant(invoice.dueAt),
    overdue_since: presentOptionalInstant(invoice.overdueSince),
    paid_at: presentOptionalInstant(invoice.paidAt),
    voided_at: presentOptionalInstant(invoice.voidedAt),
    marked_uncollectible_at: presentOptionalInstant(invoice.markedUncollectibleAt),
    attempts: held.attempts.map(({ at, outcome, code }) => ({ at: presentInstant(at), outcome, code })),
    next: next && { step: next.step, at: presentInstant(next.at) },
  };
}

type Line = Omit<
  InvoiceLine,
  'id' | 'tenantId' | 'invoiceId' | 'n' | 'periodStart' | 'periodEnd' | 'reversesLineId'
> & {
  period: Period;
  currency: string;
};

function presentLine(
  world: World,
  { life: { subscription } }: Lived,
  line: Line,
): SimulationAnswer['invoices'][number]['lines'][number] {
  const price = world.prices.get(line.priceId ?? '');
  return {
    description: line.description,
    key: price?.key ?? null,
    plan: price?.planId ?? null,
    quantity: line.quantity.toFixed(),
    unit_amount: line.unitAmount && formatUnitPrice(line.unitAmount),
    amount: presentMoney(line.amount, line.currency),
    period: { start: presentInstant(line.period.start), end: presentInstant(line.period.end) },
    proration: line.proration,
    usage: presentLineUsage(line),
    trace: presentTrace(line.trace),
    explanation: explain(line, subscription.timeZone),
  };
}

function presentNote(world: World, note: Noted): SimulationAnswer['credit_notes'][number] {
  return {
    at: presentInstant(note.at),
    invoice: world.held(note.invoiceId).invoice.number,
    amount: presentMoney(note.amount, note.currency),
    lines: note.lines.map(({ description, amount }) => ({
      description,
      amount: presentMoney(amount, note.currency),
    })),
  };
}

function periodOf({ periodStart, periodEnd }: InvoiceLine): Period {
  return { start: periodStart, end: periodEnd };
}

function presentPeriod(start: Date | null, end: Date | null): { start: string; end: string } | null {
  return start && end ? { start: presentInstant(start), end: presentInstant(end) } : null;
}
