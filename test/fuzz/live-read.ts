import type { z } from 'zod';
import { presentMoney } from '../../src/contract/common.ts';
import { type invoiceOut, presentLineUsage } from '../../src/contract/invoices.ts';
import type { subscriptionOut } from '../../src/contract/subscriptions.ts';
import { presentTrace } from '../../src/contract/traces.ts';
import { formatUnitPrice } from '../../src/domain/money.ts';
import type { PendingItem } from '../../src/domain/pending-item.ts';
import type { Price } from '../../src/domain/plan.ts';
import { CustomerBalanceSchema } from '../../src/persistence/balances.ts';
import { CreditNoteSchema, creditNoteLinesOf } from '../../src/persistence/credit-notes.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { EventSchema } from '../../src/persistence/events.ts';
import { MeterSchema } from '../../src/persistence/meters.ts';
import { waitingRows } from '../../src/persistence/pending-items.ts';
import { PlanSchema, PriceSchema } from '../../src/persistence/plans.ts';
import { findRows } from '../../src/persistence/rows.ts';
import { pendingRows } from '../../src/persistence/scheduled-changes.ts';
import type { Played } from './live-actions.ts';
import type { Life, Line } from './live-compare.ts';
import { expectOk, type LiveStage, type LiveTenant, type Send } from './live-stage.ts';

/** What became of a life on the real stack, in the words of a simulation. */
export async function readLife(
  stage: LiveStage,
  { tenantId }: LiveTenant,
  played: Played,
): Promise<Omit<Life, 'refused'>> {
  const { send, customerId, ids } = played;
  const names = new Map([...ids].map(([name, id]) => [id, name]));
  const invoices = await invoicesOf(send, customerId);
  return stage.database.withTenant(tenantId, async (tx) => {
    const words = await wordsOf(tx, names);
    const subscriptions: Life['subscriptions'] = [];
    for (const [name, id] of ids) subscriptions.push(await readSubscription(tx, send, words, { name, id }));
    return {
      subscriptions,
      invoices: invoices.map((invoice) => sayInvoice(words, invoice)),
      credit_notes: await readNotes(tx, invoices),
      balances: await readBalances(tx, customerId),
    };
  });
}

type InvoiceSeen = z.infer<typeof invoiceOut>;
type SubscriptionSeen = z.infer<typeof subscriptionOut>;

/** What ids of the real stack are called in the timeline. */
type Words = {
  names: ReadonlyMap<string, string>;
  plans: Map<string, string>;
  prices: Map<string, Price>;
  meters: Map<string, string>;
};

async function wordsOf(tx: Tx, names: ReadonlyMap<string, string>): Promise<Words> {
  const plans = await findRows(tx, PlanSchema, {});
  const prices = await findRows(tx, PriceSchema, {});
  const meters = await findRows(tx, MeterSchema, {});
  return {
    names,
    plans: new Map(plans.map(({ id, externalId }) => [id, externalId ?? id])),
    prices: new Map(prices.map((price) => [price.id, price])),
    meters: new Map(meters.map(({ id, externalId }) => [id, `external:${externalId}`])),
  };
}

/** All of them with their lines, in the order in which they were made. */
async function invoicesOf(send: Send, customerId: string): Promise<InvoiceSeen[]> {
  const ids: string[] = [];
  for (let path: string | null = `/v1/invoices?limit=100&customer=${customerId}`; path; ) {
    const page = expectOk(await send('GET', path)) as { data: InvoiceSeen[]; next_cursor: string | null };
    ids.push(...page.data.map(({ id }) => id));
    path =
      page.next_cursor === null
        ? null
        : `/v1/invoices?limit=100&customer=${customerId}&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
  const invoices: InvoiceSeen[] = [];
  for (const id of ids.toSorted())
    invoices.push(expectOk(await send('GET', `/v1/invoices/${id}`)) as InvoiceSeen);
  return invoices;
}

async function readSubscription(
  tx: Tx,
  send: Send,
  words: Words,
  { name, id }: { name: string; id: string },
): Promise<Life['subscriptions'][number]> {
  const seen = expectOk(await send('GET', `/v1/subscriptions/${id}`)) as SubscriptionSeen;
  const changes = await pendingRows(tx, id);
  const pending = await waitingRows(tx, id);
  const plan = (planId: string) => words.plans.get(planId) ?? planId;
  return {
    name,
    plan: plan(seen.plan),
    plan_version: seen.plan_version,
    status: seen.status,
    currency: seen.currency,
    billing_anchor: seen.billing_anchor,
    current_period: seen.current_period,
    trial_end: seen.trial_end,
    cancel_at: seen.cancel_at,
    ended_at: seen.ended_at,
    states: await statesOf(tx, id),
    items: seen.items.map(({ key, price, quantity, current_period }) => ({
      key,
      plan: plan(price.plan),
      quantity,
      current_period,
    })),
    next: seen.next_step,
    scheduled: changes.map(({ effectiveAt, kind, mode }) => ({
      effective_at: effectiveAt.toISOString(),
      action: kind,
      mode,
    })),
    pending: pending.map((row) => sayPending(words, row, seen.currency)),
  };
}

type State = Life['subscriptions'][number]['states'][number];

/** The states that the world was told of: every event of a subscription carries it. What lasted no time is no state. */
async function statesOf(tx: Tx, id: string): Promise<State[]> {
  const events = await findRows(tx, EventSchema, { objectId: id }, { orderBy: { sequence: 'asc' } });
  const states = events
    .map(({ data, createdAt }) => ({
      status: data.object['status'] as State['status'],
      from: createdAt.toISOString(),
    }))
    .filter(({ from }, n, all) => all[n + 1]?.from !== from)
    .filter(({ status }, n, all) => all[n - 1]?.status !== status);
  return states.map((state, n) => ({ ...state, to: states[n + 1]?.from ?? null }));
}

function sayInvoice(words: Words, invoice: InvoiceSeen): Life['invoices'][number] {
  const { number, status, billing_reason, period, subtotal, total, balance_applied, amount_credited } =
    invoice;
  const { amount_paid, amount_due, finalize_at, finalized_at, due_at, overdue_since, paid_at } = invoice;
  const { voided_at, marked_uncollectible_at } = invoice;
  return {
    number,
    subscription: words.names.get(invoice.subscription ?? '') ?? String(invoice.subscription),
    at: invoice.created_at,
    status,
    billing_reason,
    period,
    lines: (invoice.lines ?? []).map((line) => {
      const { description, quantity, unit_amount, amount, period: stretch, proration, usage, trace } = line;
      return {
        description,
        ...saidOf(words, line.price),
        quantity,
        unit_amount,
        amount,
        period: stretch,
        proration,
        usage: sayUsage(words, usage),
        trace,
      };
    }),
    subtotal,
    total,
    balance_applied,
    amount_credited,
    amount_paid,
    amount_due,
    finalize_at,
    finalized_at,
    due_at,
    overdue_since,
    paid_at,
    voided_at,
    marked_uncollectible_at,
  };
}

function saidOf({ prices, plans }: Words, priceId: string | null): Pick<Line, 'key' | 'plan'> {
  const price = prices.get(priceId ?? '');
  return { key: price?.key ?? null, plan: price ? (plans.get(price.planId) ?? price.planId) : null };
}

/** A meter under the name that prices of the body give it. */
function sayUsage({ meters }: Words, usage: Line['usage']): Line['usage'] {
  return usage && { ...usage, meter: meters.get(usage.meter) ?? usage.meter };
}

function sayPending(words: Words, row: PendingItem, currency: string): Line {
  return {
    description: row.description,
    ...saidOf(words, row.priceId),
    quantity: row.quantity.toFixed(),
    unit_amount: row.unitAmount && formatUnitPrice(row.unitAmount),
    amount: presentMoney(row.amount, currency),
    period: { start: row.periodStart.toISOString(), end: row.periodEnd.toISOString() },
    proration: row.proration,
    usage: sayUsage(words, presentLineUsage(row)),
    trace: presentTrace(row.trace),
  };
}

async function readNotes(tx: Tx, invoices: readonly InvoiceSeen[]): Promise<Life['credit_notes']> {
  const notes = await findRows(tx, CreditNoteSchema, {}, { orderBy: { id: 'asc' } });
  const lines = await creditNoteLinesOf(
    tx,
    notes.map(({ id }) => id),
  );
  const numbers = new Map(invoices.map(({ id, number }) => [id, number]));
  return notes.map(({ id, createdAt, invoiceId, amount, currency }) => ({
    at: createdAt.toISOString(),
    invoice: numbers.get(invoiceId) ?? null,
    amount: presentMoney(amount, currency),
    lines: lines
      .filter((line) => line.creditNoteId === id)
      .map(({ description, amount: part }) => ({ description, amount: presentMoney(part, currency) })),
  }));
}

async function readBalances(tx: Tx, customerId: string): Promise<Life['balances']> {
  const rows = await findRows(tx, CustomerBalanceSchema, { customerId }, { orderBy: { currency: 'asc' } });
  return rows.map(({ balance, currency }) => presentMoney(balance, currency));
}
