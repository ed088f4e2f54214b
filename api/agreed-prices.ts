import type { PrivatePrice } from '../src/contract/commands.ts';
import { overrideDraft, type PriceOverride, problemsOfOverride } from '../src/contract/price-overrides.ts';
import type { WantedPrice } from '../src/domain/compose-change.ts';
import type { FieldError } from '../src/domain/errors.ts';
import type { Price } from '../src/domain/plan.ts';
import { storeTerms } from '../src/domain/price-terms.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { newId } from '../src/platform/ids.ts';
import { itemsOf } from './sell-plans.ts';

/** For whom prices are agreed, and since when. */
export type Agreement = { tenantId: string; subscriptionId: string; at: Date };

/**
 * Prices that are agreed with one subscription. They get their ids here and travel with the command, which writes their
 * rows when it is applied; `made` fills up as each finds the price that it stands in for.
 */
export async function agreedPrices(
  tx: Tx,
  agreement: Agreement,
  overrides: readonly PriceOverride[],
): Promise<{ wanted: WantedPrice[]; made: PrivatePrice[] }> {
  const items = await itemsOf(
    tx,
    overrides.map(({ item }) => ({ item: item ?? null })),
  );
  const made: PrivatePrice[] = [];
  const wanted = overrides.map((override) => ({
    key: override.key,
    price: (instead: Price): Price | FieldError => {
      const [problem] = problemsOfOverride(override, instead);
      if (problem) return problem;
      const { item, meter: _meter, interval, ...draft } = overrideDraft(override, instead);
      const price: Price = {
        ...draft,
        id: newId('price'),
        tenantId: agreement.tenantId,
        planId: instead.planId,
        planVersion: instead.planVersion,
        subscriptionId: agreement.subscriptionId,
        itemId: item === null ? instead.itemId : (items.get(item) ?? null),
        meterId: draft.billing === 'usage' ? instead.meterId : null,
        intervalUnit: interval?.unit ?? null,
        intervalCount: interval?.count ?? null,
        createdAt: agreement.at,
      };
      made.push(privatePrice(price));
      return price;
    },
  }));
  return { wanted, made };
}

function privatePrice(price: Price): PrivatePrice {
  return {
    id: price.id,
    plan: price.planId,
    plan_version: price.planVersion,
    key: price.key,
    name: price.name,
    item: price.itemId,
    meter: price.meterId,
    currency: price.currency,
    terms: storeTerms(price.terms),
    billing: price.billing,
    minimum: price.minimum?.toFixed() ?? null,
    maximum: price.maximum?.toFixed() ?? null,
    timing: price.timing,
    interval:
      price.intervalUnit && price.intervalCount
        ? { unit: price.intervalUnit, count: price.intervalCount }
        : null,
  };
}
