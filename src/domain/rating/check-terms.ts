import type { FieldError } from '../errors.ts';
import type { Decimal } from '../money.ts';
import type { PriceTerms, TermsOf } from '../price-terms.ts';

const TIERS_MAX = 100;
const DIMENSIONS_MAX = 2;
const CELLS_MAX = 1_000;

/**
 * Everything that is wrong with the terms of a price (billing rules 19 and 19b), empty when they can be rated. `path` is
 * that of the field on the wire, below the price; `message` says what to do.
 */
export function problemsOfTerms(terms: PriceTerms): FieldError[] {
  switch (terms.model) {
    case 'flat':
    case 'per_unit':
    case 'minimum_commitment':
      return negatives({ unit_amount: terms.unitAmount });
    case 'package':
      return [...negatives({ unit_amount: terms.unitAmount }), ...problemsOfSize(terms.size)];
    case 'graduated':
    case 'volume':
      return [
        ...problemsOfTiers(terms.tiers),
        ...terms.tiers.flatMap(({ unitAmount, flatAmount }, index) =>
          negatives({ unit_amount: unitAmount, flat_amount: flatAmount }, `tiers[${index}].`),
        ),
      ];
    case 'graduated_percentage':
      return [
        ...problemsOfTiers(terms.tiers),
        ...terms.tiers.flatMap(({ rate, flatAmount }, index) => [
          ...problemsOfRate(rate, `tiers[${index}].rate`),
          ...negatives({ flat_amount: flatAmount }, `tiers[${index}].`),
        ]),
      ];
    case 'percentage':
      return problemsOfPercentage(terms);
    case 'dynamic':
      return negatives({ multiplier: terms.multiplier });
    case 'matrix':
      return problemsOfMatrix(terms);
  }
}

/**
 * What is wrong with the limits of a price for a period; null is no limit. A maximum below the minimum would bill less
 * than was promised at least.
 */
export function problemsOfLimits(minimum: Decimal | null, maximum: Decimal | null): FieldError[] {
  return [...negatives({ minimum, maximum }), ...crossing('minimum', minimum, maximum)];
}

/** Bounds rise from above zero to one open end, so that every quantity has exactly one tier. */
function problemsOfTiers(tiers: readonly { upTo: Decimal | null }[]): FieldError[] {
  if (tiers.length === 0)
    return [problem('tiers', 'tiers_missing', 'Give at least one tier; the last one has up_to null.')];
  if (tiers.length > TIERS_MAX)
    return [problem('tiers', 'too_many', `A price has at most ${TIERS_MAX} tiers; join some.`)];
  return tiers.flatMap(({ upTo }, index) => {
    const path = `tiers[${index}].up_to`;
    const isLast = index === tiers.length - 1;
    if (upTo === null) {
      return isLast
        ? []
        : [
            problem(
              path,
              'tier_unreachable',
              'Only the last tier is open: nothing can reach those behind it. Give this one a bound.',
            ),
          ];
    }
    return [
      ...problemsOfBound(upTo, tiers[index - 1]?.upTo ?? null, path),
      ...(isLast
        ? [problem(path, 'tier_open_end_missing', 'Larger quantities have no price: set up_to to null here.')]
        : []),
    ];
  });
}

function problemsOfBound(upTo: Decimal, before: Decimal | null, path: string): FieldError[] {
  if (upTo.lte(0))
    return [problem(path, 'tier_bound_invalid', 'A bound is above zero: a tier ends at a quantity.')];
  if (before === null || upTo.gt(before)) return [];
  const which = upTo.eq(before) ? 'the same as' : 'below';
  return [
    problem(
      path,
      'tier_bounds_not_rising',
      `${upTo.toFixed()} is ${which} the bound before it, ${before.toFixed()}, so the tiers overlap: order them by rising bounds.`,
    ),
  ];
}

function problemsOfSize(size: Decimal): FieldError[] {
  return size.gt(0)
    ? []
    : [problem('size', 'too_small', 'A package holds more than nothing: give a size above zero.')];
}

function problemsOfRate(rate: Decimal, path: string): FieldError[] {
  return rate.gte(0) && rate.lte(100)
    ? []
    : [problem(path, 'rate_invalid', 'A rate is in percent, from 0 to 100: write 2.5 for 2.5 %.')];
}

function problemsOfPercentage(terms: TermsOf<'percentage'>): FieldError[] {
  const { freeEvents, eventMinimum, eventMaximum } = terms;
  const isCount = freeEvents === null || (Number.isSafeInteger(freeEvents) && freeEvents >= 0);
  return [
    ...problemsOfRate(terms.rate, 'rate'),
    ...negatives({
      fixed_per_event: terms.fixedPerEvent,
      free_amount: terms.freeAmount,
      event_minimum: eventMinimum,
      event_maximum: eventMaximum,
    }),
    ...(isCount
      ? []
      : [problem('free_events', 'count_invalid', 'Events are counted: give a whole number from 0.')]),
    ...crossing('event_minimum', eventMinimum, eventMaximum),
  ];
}

function problemsOfMatrix({ dimensions, cells, defaultUnitAmount }: TermsOf<'matrix'>): FieldError[] {
  const problems: FieldError[] = [];
  const refuse = (...args: Parameters<typeof problem>) => problems.push(problem(...args));
  if (dimensions.length === 0 || dimensions.length > DIMENSIONS_MAX)
    refuse('dimensions', 'dimensions_invalid', 'Name one or two properties of the events.');
  if (new Set(dimensions).size < dimensions.length)
    refuse('dimensions', 'duplicate', 'The same property stands there twice; take one out.');
  if (cells.length === 0)
    refuse('cells', 'cells_missing', 'Give at least one cell, or use the model per_unit.');
  if (cells.length > CELLS_MAX) {
    refuse(
      'cells',
      'too_many',
      `A matrix has at most ${CELLS_MAX} cells; let default_unit_amount cover some.`,
    );
    return problems;
  }

  const firstAt = new Map<string, number>();
  for (const [index, { values, unitAmount }] of cells.entries()) {
    const path = `cells[${index}]`;
    problems.push(...negatives({ unit_amount: unitAmount }, `${path}.`));
    if (values.length !== dimensions.length)
      refuse(
        `${path}.values`,
        'values_mismatch',
        `Give one value for each dimension, in their order: ${dimensions.length}, not ${values.length}.`,
      );
    const key = JSON.stringify(values);
    const first = firstAt.get(key);
    if (first === undefined) firstAt.set(key, index);
    else refuse(`${path}.values`, 'duplicate', `cells[${first}] has the same values; keep one of the two.`);
  }
  return [...problems, ...negatives({ default_unit_amount: defaultUnitAmount })];
}

function negatives(amounts: Record<string, Decimal | null>, prefix = ''): FieldError[] {
  return Object.entries(amounts)
    .filter(([, amount]) => amount?.lt(0))
    .map(([name]) =>
      problem(`${prefix}${name}`, 'negative', 'Give zero or more; a reduction is a discount.'),
    );
}

function crossing(path: string, minimum: Decimal | null, maximum: Decimal | null): FieldError[] {
  return minimum && maximum?.lt(minimum)
    ? [
        problem(
          path,
          'minimum_above_maximum',
          `The minimum ${minimum.toFixed()} is above the maximum ${maximum.toFixed()}: lower it, or raise the maximum.`,
        ),
      ]
    : [];
}

function problem(path: string, code: string, message: string): FieldError {
  return { path, code, message };
}
