import { sql } from 'kysely';
import { Decimal } from '../domain/money.ts';
import { mayHaveInstalments, type PricedItem, type Subscription } from '../domain/subscription.ts';
import type { UsageThreshold } from '../domain/threshold.ts';
import type { Tx } from './doors.ts';
import { PlanVersionSchema } from './plans.ts';
import { findRow, query } from './rows.ts';

/** The usage thresholds of the plan's version that a subscription is on. */
export async function thresholdsOf(
  tx: Tx,
  { planId, planVersion: version }: Pick<Subscription, 'planId' | 'planVersion'>,
): Promise<readonly UsageThreshold[]> {
  const row = await findRow(tx, PlanVersionSchema, { planId, version });
  return row?.usageThresholds ?? [];
}

/**
 * What threshold invoices that are not void billed of each usage item's running period, by item. Costs nothing for the
 * subscriptions that had none in it.
 */
export async function instalmentsOf(
  tx: Tx,
  subscription: Subscription,
  priced: readonly PricedItem[],
): Promise<ReadonlyMap<string, Decimal>> {
  const running = priced.filter(
    ({ price, item }) => price.billing === 'usage' && mayHaveInstalments(subscription, item),
  );
  if (running.length === 0) return new Map();
  const rows = await query<{ id: string; billed: string }>(
    tx,
    sql`select item.id, coalesce(sum(line.amount) filter (where invoice.status <> 'void'), 0)::text as billed
      from subscription_items item
      left join invoice_lines line on line.item_id = item.id and line.period_start = item.current_period_start
        and line.reverses_line_id is null
      left join invoices invoice on invoice.id = line.invoice_id
      where item.id = any(${running.map(({ item }) => item.id)}::text[])
      group by item.id`,
  );
  return new Map(rows.map(({ id, billed }) => [id, new Decimal(billed)]));
}
