import type { Decimal } from '../money.ts';
import type { PriceTerms, Usage } from '../price-terms.ts';
import { rateDynamic } from './dynamic.ts';
import { rateFlat } from './flat.ts';
import { rateGraduated } from './graduated.ts';
import { rateGraduatedPercentage } from './graduated-percentage.ts';
import { rateMatrix } from './matrix.ts';
import { trueUp } from './minimum-commitment.ts';
import { ratePackage } from './package.ts';
import { ratePerUnit } from './per-unit.ts';
import { ratePercentage } from './percentage.ts';
import { Tally } from './tally.ts';
import { type BucketsTrace, type Rating, TRACE_ROWS_MAX } from './trace.ts';
import { quantityUsage } from './usage.ts';
import { rateVolume } from './volume.ts';

/**
 * What usage costs at a price, exact and with the trace that explains it (billing rules 19, 19b, 20 and 22). A meter
 * that is priced per hour or day gives `buckets`: each is priced alone, then they are summed.
 *
 * It does not round, prorate or apply the minimum and maximum of a period: see `limit`. Throws `RangeError` for what
 * only a programming mistake produces: a negative quantity, or terms that `problemsOfTerms` would have refused.
 */
export function rate(terms: PriceTerms, usage: Usage): Rating {
  if (usage.buckets !== null) return rateBuckets(terms, usage.buckets);
  if (usage.quantity.isNegative() && !usage.quantity.isZero())
    throw new RangeError('a quantity is zero or more');
  return rateWhole(terms, usage);
}

function rateWhole(terms: PriceTerms, usage: Usage): Rating {
  switch (terms.model) {
    case 'flat':
      return rateFlat(terms);
    case 'per_unit':
      return ratePerUnit(terms, usage);
    case 'package':
      return ratePackage(terms, usage);
    case 'graduated':
      return rateGraduated(terms, usage);
    case 'volume':
      return rateVolume(terms, usage);
    case 'percentage':
      return ratePercentage(terms, usage);
    case 'graduated_percentage':
      return rateGraduatedPercentage(terms, usage);
    case 'dynamic':
      return rateDynamic(terms, usage);
    case 'matrix':
      return rateMatrix(terms, usage);
    case 'minimum_commitment':
      return trueUp(terms, usage.quantity, null);
  }
}

function rateBuckets(terms: PriceTerms, quantities: readonly Decimal[]): Rating {
  const total = new Tally();
  const more = new Tally();
  const buckets: BucketsTrace['buckets'] = [];
  for (const quantity of quantities) {
    const { exact, trace } = rate(terms, quantityUsage(quantity));
    total.add(quantity, exact);
    if (buckets.length < TRACE_ROWS_MAX)
      buckets.push({ quantity: quantity.toFixed(), amount: exact.toFixed(), trace });
    else more.add(quantity, exact);
  }
  return {
    exact: total.amount,
    trace: {
      model: 'buckets',
      of: terms.model,
      quantity: total.quantity.toFixed(),
      count: total.count,
      buckets,
      ...(more.count > 0 && { moreBuckets: more.trace() }),
    },
  };
}
