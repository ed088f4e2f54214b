import type { Interval } from '../domain/calendar.ts';
import { Decimal } from '../domain/money.ts';
import type { Billing, Price, Timing } from '../domain/plan.ts';
import type { PriceModel } from '../domain/price-terms.ts';
import { readTermsIn, type TermsIn } from './price-terms.ts';

/**
 * A price as it was asked for, with every default filled in and its terms read. `item` and `meter` are references that have yet to
 * be found; `interval` is null for what is charged once.
 */
export type PriceDraft = Pick<
  Price,
  'key' | 'name' | 'currency' | 'terms' | 'billing' | 'timing' | 'minimum' | 'maximum'
> & { item: string | null; meter: string | null; interval: Interval | null };

/** What every price on the wire has, whatever its model and whoever it is for. */
export type PriceIn = TermsIn & {
  key: string;
  name?: string | undefined;
  item?: string | undefined;
  meter?: string | undefined;
  currency?: string;
  billing?: Billing | undefined;
  timing?: Timing | undefined;
  minimum?: string | null | undefined;
  maximum?: string | null | undefined;
  interval?: Interval | null | undefined;
};

/** Models that price each event have nothing to price but usage; a flat amount has nothing to count. */
export const BILLING_OF: Partial<Record<PriceModel, Billing>> = {
  flat: 'licensed',
  minimum_commitment: 'licensed',
  percentage: 'usage',
  graduated_percentage: 'usage',
  dynamic: 'usage',
  matrix: 'usage',
};

/** Whether a model can be billed that way. */
export const mayBe = (model: PriceModel, billing: Billing) => (BILLING_OF[model] ?? billing) === billing;

/** A price with what it does not say. */
export function draftOf(body: PriceIn): PriceDraft {
  const billing = body.billing ?? BILLING_OF[body.model] ?? (body.meter === undefined ? 'licensed' : 'usage');
  const inArrears = billing === 'usage' || body.model === 'minimum_commitment';
  return {
    key: body.key,
    name: body.name ?? body.key,
    item: body.item ?? null,
    meter: body.meter ?? null,
    currency: body.currency ?? '',
    terms: readTermsIn(body),
    billing,
    timing: body.timing ?? (inArrears ? 'in_arrears' : 'in_advance'),
    minimum: body.minimum == null ? null : new Decimal(body.minimum),
    maximum: body.maximum == null ? null : new Decimal(body.maximum),
    interval: body.interval ?? null,
  };
}
