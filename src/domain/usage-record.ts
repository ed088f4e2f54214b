import { Decimal, sum } from './money.ts';
import type { Usage } from './price-terms.ts';
import type { SubscriptionItem } from './subscription.ts';

/** What a tenant says was used of a subscription's item, once per `idempotencyKey`. Immutable. */
export type UsageRecord = {
  id: string;
  tenantId: string;
  subscriptionId: string;
  /** Of the item. */
  key: string;
  at: Date;
  quantity: Decimal;
  properties: Record<string, string>;
  idempotencyKey: string;
  createdAt: Date;
};

type RunningItem = Pick<SubscriptionItem, 'key' | 'currentPeriodStart' | 'currentPeriodEnd'>;

/**
 * What was used of an item in its running period, as far as `records` tell, in their order; an item without one has used
 * nothing.
 */
export function usageOf(
  records: readonly Pick<UsageRecord, 'key' | 'at' | 'quantity' | 'properties'>[],
  { key, currentPeriodStart: start, currentPeriodEnd: end }: RunningItem,
): Usage {
  const own =
    start && end
      ? records.filter((record) => record.key === key && record.at >= start && record.at < end)
      : [];
  return {
    quantity: own.length === 0 ? new Decimal(0) : sum(own.map(({ quantity }) => quantity)),
    events: own.map(({ at, quantity, properties }) => ({ at, quantity, properties })),
    buckets: null,
  };
}
