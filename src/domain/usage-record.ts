import type { Decimal } from './money.ts';

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
