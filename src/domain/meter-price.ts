import type { FieldError } from './errors.ts';
import type { MeterVersion } from './meter.ts';
import type { PriceModel, PriceTerms } from './price-terms.ts';

/** Models that look at what each event is worth, so the events must add up to the quantity. */
const PRICES_EVENTS: readonly PriceModel[] = ['percentage', 'dynamic'];

type Counts = Pick<MeterVersion, 'aggregation' | 'groupBy' | 'bucket'>;

/** What speaks against a meter counting for a price. */
export function problemOfMeter(
  terms: PriceTerms,
  { aggregation, groupBy, bucket }: Counts,
): FieldError | null {
  const { model } = terms;
  const refuse = (code: string, message: string): FieldError => ({ path: 'meter', code, message });
  const missing = terms.model === 'matrix' ? terms.dimensions.filter((name) => !groupBy.includes(name)) : [];
  if (missing.length > 0) {
    const names = missing.map((name) => `"${name}"`).join(' and ');
    return refuse(
      'meter_groups_missing',
      `The matrix looks at ${names}, which the meter does not keep apart: add it to the meter's group_by in a new version.`,
    );
  }
  if (bucket && (model === 'matrix' || PRICES_EVENTS.includes(model))) {
    const message = `The meter prices each ${bucket} alone, and ${model} prices events: use a meter without a bucket.`;
    return refuse('meter_bucket_conflict', message);
  }
  if (PRICES_EVENTS.includes(model) && !['count', 'sum', 'sum_product'].includes(aggregation)) {
    const message = `${model} prices each event, and the ${aggregation} of a meter is not made of them: use a meter that sums or counts.`;
    return refuse('meter_aggregation_conflict', message);
  }
  return null;
}
