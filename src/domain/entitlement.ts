import type { EntitlementOverride, FeatureKind } from './feature.ts';
import { Decimal } from './money.ts';
import type { SubscriptionStatus } from './subscription.ts';

/**
 * Subscriptions of these states give what their plan gives. One that is past due still does, because its customer is
 * being asked to pay; unpaid, paused and incomplete ones do not, and what has not begun or is over gives nothing.
 */
export const ENTITLING_STATUSES: readonly SubscriptionStatus[] = ['trialing', 'active', 'past_due'];

/** What one plan or add-on of one subscription gives. A limit of null is none. */
export type Grant = {
  subscriptionId: string;
  planId: string;
  planVersion: number;
  limit: Decimal | null;
  soft: boolean;
};

export type EntitlementSource =
  | ({ type: 'plan' } & Grant)
  | { type: 'override'; limit: Decimal | null; soft: boolean; expiresAt: Date | null };

/** What a customer has of a feature. `limit` null: no limit. Without a grant the limit is zero. */
export type Allowance = {
  granted: boolean;
  limit: Decimal | null;
  soft: boolean;
  sources: readonly EntitlementSource[];
};

/**
 * Everything that gives a customer a feature, put together: an override in force takes the place of all plans; what
 * several plans give adds up, one without a limit lifts it, and one soft limit makes the sum soft.
 */
export function allowanceOf(
  grants: readonly Grant[],
  override: EntitlementOverride | null,
  now: Date,
): Allowance {
  if (override && (override.expiresAt === null || override.expiresAt > now)) {
    const { enabled, limitQuantity, soft, expiresAt } = override;
    const limit = enabled ? limitQuantity : new Decimal(0);
    return { granted: enabled, limit, soft, sources: [{ type: 'override', limit, soft, expiresAt }] };
  }
  const limits = grants.flatMap(({ limit }) => limit ?? []);
  return {
    granted: grants.length > 0,
    limit:
      grants.length > limits.length
        ? null
        : limits.reduce((total, limit) => total.plus(limit), new Decimal(0)),
    soft: grants.some(({ soft }) => soft),
    sources: grants.map((grant) => ({ type: 'plan', ...grant })),
  };
}

/**
 * Whether the customer may do what he asks for. Of a metered feature `quantity` is how much more he is about to use, and
 * without one whether anything is left; of a limit it is how many he would have then.
 */
export function isAllowed(
  kind: FeatureKind,
  { granted, limit, soft }: Allowance,
  used: Decimal,
  quantity: Decimal | null,
): boolean {
  if (!granted) return false;
  if (kind === 'boolean' || limit === null || soft) return true;
  if (kind === 'limit') return quantity ? quantity.lte(limit) : limit.gt(0);
  return quantity ? used.plus(quantity).lte(limit) : used.lt(limit);
}

/** What is left of a limit; null where there is none. */
export function remainingOf({ limit }: Allowance, used: Decimal): Decimal | null {
  return limit && Decimal.max(limit.minus(used), 0);
}
