import { DomainError } from './errors.ts';
import type { PricedItem } from './subscription.ts';

/** Who bills what a meter counts for a customer (billing rule 29b), as far as items alone can say it. */
export type MeterClaim = { meterId: string; itemId: string; itemKey: string };

/** What items that go on bill, in the order of meters: whoever writes it waits for others in that order, never in a circle. */
export function claimsOf(priced: readonly PricedItem[]): MeterClaim[] {
  return priced
    .flatMap(({ item, price: { meterId } }) =>
      meterId === null || item.endedAt ? [] : [{ meterId, itemId: item.id, itemKey: item.key }],
    )
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** Whether the same items bill the same meters. */
export function isSameClaims(had: readonly MeterClaim[], has: readonly MeterClaim[]): boolean {
  return had.length === has.length && had.every((claim, n) => nameOf(claim) === nameOf(has[n]));
}

/** Two items of one subscription never count the same events: throws `meter_claimed` where they would. */
export function assertClaimedOnce(claims: readonly MeterClaim[]): void {
  for (const [n, claim] of claims.entries()) {
    const other = claims.slice(0, n).find(({ meterId }) => meterId === claim.meterId);
    if (!other) continue;
    throw new DomainError(
      'meter_claimed',
      `The item "${other.itemKey}" of this subscription bills what meter ${other.meterId} counts already. An event is billed once per subscription: take one of the two prices away, or give it another meter.`,
      { meter: other.meterId, item: other.itemKey },
    );
  }
}

/** `meter_claimed`: with the item of `claim`, `subscription` bills what another one, too, wanted to bill. */
export function claimedByOther(
  { meterId, itemKey }: Pick<MeterClaim, 'meterId' | 'itemKey'>,
  subscription: string,
): DomainError {
  return new DomainError(
    'meter_claimed',
    `The item "${itemKey}" of subscription ${subscription} bills what meter ${meterId} counts for this customer. Create this one with usage_scope "subscription" and name it in its events, or end the other one first.`,
    { meter: meterId, subscription, item: itemKey },
  );
}

const nameOf = (claim: MeterClaim | undefined) => `${claim?.meterId} ${claim?.itemId}`;
