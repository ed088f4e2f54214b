import { sql } from 'kysely';
import { Decimal } from '../domain/money.ts';
import type { PricedItem } from '../domain/subscription.ts';
import { feesAfter, type LoadedFee } from './billed-fees.ts';
import type { Tx } from './doors.ts';
import { countedUntil, isMetered } from './metered-usage.ts';
import { usageUntil } from './reported-usage.ts';
import { query } from './rows.ts';
import type { SubscriptionFacts } from './subscription-facts.ts';
import { instalmentsOf, thresholdsOf } from './thresholds.ts';
import { lateUsageOf } from './usage-closures.ts';

/**
 * Locks what a change of a subscription may touch besides it, before the subscription itself: its customer and every
 * subscription of that with an invoice that is not finished, by id, as whoever charges them does. Travels in the message
 * of whatever follows.
 */
export async function lockDebtsOf(tx: Tx, subscriptionId: string): Promise<void> {
  const customer = sql`(select customer_id from subscriptions where id = ${subscriptionId})`;
  await Promise.all([
    query(tx, sql`select id from customers where id = ${customer} for no key update`),
    query(
      tx,
      sql`select id from subscriptions
        where id = ${subscriptionId} or id in (
          select subscription_id from invoices where customer_id = ${customer} and status in ('draft', 'open'))
        order by id for update`,
    ),
  ]);
}

/**
 * What was used until `at`, and what was spent against commitments: for everything that closes a period. Costs nothing
 * for the subscriptions that have neither, and most have not.
 */
export async function withUsage(tx: Tx, facts: SubscriptionFacts, at: Date): Promise<SubscriptionFacts> {
  const { subscription, priced } = facts;
  const isUsed = priced.some(({ price }) => price.billing === 'usage');
  const isCounted = priced.some(isMetered);
  const isCommitted = priced.some(isCommitment);
  if (!isUsed && !isCommitted) return facts;
  const [usage, counted, late, spent, instalments, thresholds] = await Promise.all([
    isUsed ? usageUntil(tx, subscription.id, priced, at) : null,
    isCounted ? countedUntil(tx, subscription, priced, at) : null,
    isCounted ? lateUsageOf(tx, subscription) : null,
    isCommitted ? spentUntil(tx, subscription.id, priced, at) : null,
    isUsed ? instalmentsOf(tx, subscription, priced) : null,
    subscription.thresholdAt ? thresholdsOf(tx, subscription) : null,
  ]);
  return {
    ...facts,
    ...optional('thresholds', thresholds ?? facts.thresholds),
    ...optional('late', late ?? undefined),
    priced: priced.map((entry) => ({
      ...entry,
      ...optional('usage', counted?.get(entry.item.id) ?? usage?.get(entry.item.id)),
      ...optional('instalments', instalments?.get(entry.item.id)),
      ...optional('spent', spent?.get(entry.item.id)),
    })),
  };
}

export type FactsWithFees = SubscriptionFacts & { fees: readonly LoadedFee[] };

/** The same with what was billed ahead beyond `at`, for whatever may give some of it back. The caller holds `lockDebtsOf`. */
export async function withFees(tx: Tx, facts: SubscriptionFacts, at: Date): Promise<FactsWithFees> {
  const [known, fees] = await Promise.all([
    withUsage(tx, facts, at),
    feesAfter(tx, facts.subscription, facts.priced, at),
  ]);
  return {
    ...known,
    priced: known.priced.map((entry) => ({ ...entry, fees: fees.get(entry.item.id) ?? [] })),
    fees: [...fees.values()].flat(),
  };
}

function isCommitment({ price }: PricedItem): boolean {
  return price.terms.model === 'minimum_commitment';
}

/** What the subscription's other lines of each commitment's running period come to, as `PricedItem.spent` says. */
async function spentUntil(
  tx: Tx,
  subscriptionId: string,
  priced: readonly PricedItem[],
  at: Date,
): Promise<ReadonlyMap<string, Decimal>> {
  const spent = await Promise.all(
    priced.filter(isCommitment).map(async ({ item }): Promise<[string, Decimal]> => {
      const { currentPeriodStart: start, currentPeriodEnd: end } = item;
      return [
        item.id,
        start && end ? await spentIn(tx, subscriptionId, item.id, { start, end, at }) : new Decimal(0),
      ];
    }),
  );
  return new Map(spent);
}

async function spentIn(
  tx: Tx,
  subscriptionId: string,
  itemId: string,
  { start, end, at }: { start: Date; end: Date; at: Date },
): Promise<Decimal> {
  const liesIn = sql`period_start >= ${start.toISOString()} and period_start < ${at.toISOString()} and period_end <= ${end.toISOString()}
    and item_id is distinct from ${itemId}`;
  const [row] = await query<{ spent: string }>(
    tx,
    sql`with waiting as (
        select * from pending_items where subscription_id = ${subscriptionId} and invoice_line_id is null and dropped_at is null),
      billed as (
        select line.* from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
        where invoice.subscription_id = ${subscriptionId} and invoice.status <> 'void'),
      own as (
        select id, amount from billed where reverses_line_id is null and ${liesIn}
        union all
        select id, amount from waiting where reverses_line_id is null and reverses_pending_id is null and ${liesIn}),
      given as (
        select amount from billed where reverses_line_id in (select id from own)
        union all
        select amount from waiting where reverses_line_id in (select id from own) or reverses_pending_id in (select id from own)
        union all
        select -note.amount from credit_note_lines note where note.invoice_line_id in (select id from own))
      select (coalesce((select sum(amount) from own), 0) + coalesce((select sum(amount) from given), 0))::text as spent`,
  );
  return new Decimal(row?.spent ?? 0);
}

/** A property that is there only when its value is. */
function optional<K extends string, V>(key: K, value: V | undefined): { [_ in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [_ in K]: V });
}
