import type { TermsOf, Usage } from '../price-terms.ts';
import type { Rating } from './trace.ts';

/** Every package that was begun is paid whole; zero units are zero packages (billing rule 19, PACKAGE_CEIL). */
export function ratePackage({ unitAmount, size }: TermsOf<'package'>, { quantity }: Usage): Rating {
  const whole = quantity.divToInt(size);
  const packages = whole.times(size).lt(quantity) ? whole.plus(1) : whole;
  return {
    exact: unitAmount.times(packages),
    trace: {
      model: 'package',
      unitAmount: unitAmount.toFixed(),
      size: size.toFixed(),
      quantity: quantity.toFixed(),
      packages: packages.toFixed(),
    },
  };
}
