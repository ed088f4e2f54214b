import type { Decimal } from '../money.ts';
import type { PriceModel } from '../price-terms.ts';

/**
 * What a quantity costs before rounding, proration and limits, and how that came about (billing rule 22). `exact` is in
 * the major unit of the price's currency.
 */
export type Rating = { exact: Decimal; trace: RatingTrace };

/** Lists in a trace are no longer than this; what lies behind is one row, so that a trace has a size one can store. */
export const TRACE_ROWS_MAX = 100;

/** Everything needed to say how an amount came about: plain JSON, numbers of money and quantities as decimal strings. */
export type RatingTrace =
  | { model: 'flat'; unitAmount: string; quantity: string }
  | { model: 'per_unit'; unitAmount: string; quantity: string }
  | { model: 'package'; unitAmount: string; size: string; quantity: string; packages: string }
  /** The tiers that were reached, from the first. */
  | { model: 'graduated'; quantity: string; tiers: TierTrace[] }
  /** The one tier that prices everything. */
  | { model: 'volume'; quantity: string; tier: TierTrace }
  | PercentageTrace
  | { model: 'graduated_percentage'; quantity: string; tiers: RateTierTrace[] }
  | { model: 'dynamic'; multiplier: string; quantity: string }
  | MatrixTrace
  /** `quantity` is what the other lines come to, `applied` the commitment for this part of a period. */
  | { model: 'minimum_commitment'; unitAmount: string; applied: string; quantity: string }
  | BucketsTrace;

/** `from` is the bound of the tier before, above which this one begins; `amount` contains the flat amount. */
export type TierTrace = {
  from: string;
  upTo: string | null;
  quantity: string;
  unitAmount: string;
  flatAmount: string;
  amount: string;
};

export type RateTierTrace = Omit<TierTrace, 'unitAmount'> & { rate: string };

/** How many things were used, how much of it, and what that costs. */
export type Group = { count: number; quantity: string; amount: string };

/**
 * `free` is what the allowances took, `priced` is what the rate and the fixed fee gave, and the other two are the
 * events that a limit priced instead; every event is in one of them, and one that is free in part counts as priced.
 */
export type PercentageTrace = {
  model: 'percentage';
  quantity: string;
  rate: string;
  fixedPerEvent: string;
  eventMinimum: string | null;
  eventMaximum: string | null;
  free: { count: number; quantity: string };
  priced: Group;
  atMinimum?: Group;
  atMaximum?: Group;
  events: PercentageEventTrace[];
  moreEvents?: Group;
};

/** `free` is the part of the quantity that cost nothing, absent where all of it was priced. */
export type PercentageEventTrace = { at: string | null; quantity: string; free?: string; amount: string };

/** `cells` are those that were used; `values` is null for what no cell fits, and its price null where there is none. */
export type MatrixTrace = {
  model: 'matrix';
  dimensions: readonly string[];
  quantity: string;
  cells: MatrixCellTrace[];
  moreCells?: Group;
};

export type MatrixCellTrace = {
  values: readonly string[] | null;
  quantity: string;
  unitAmount: string | null;
  amount: string;
};

/** A meter that is priced per hour or day: each bucket for itself, then summed (billing rule 19b). */
export type BucketsTrace = {
  model: 'buckets';
  of: PriceModel;
  quantity: string;
  count: number;
  buckets: { quantity: string; amount: string; trace: RatingTrace }[];
  moreBuckets?: Group;
};

/**
 * What the limits of a price did to an amount. `rated` is the amount before them; a limit has what was agreed for a
 * whole period and what it is for this part of one; `alreadyBilled` was taken off at the end.
 */
export type LimitTrace = {
  rated: string;
  minimum?: { agreed: string; applied: string };
  maximum?: { agreed: string; applied: string };
  reached?: 'minimum' | 'maximum';
  alreadyBilled?: string;
};

/** A line's amount from the first factor to the last digit: what is stored with it and served (billing rule 22). */
export type PricedTrace = RatingTrace & {
  /** Units billed over units of the whole contractual period; absent when the period is whole. */
  fraction?: { numerator: number; denominator: number; unit: 'day' | 'second' };
  limits?: LimitTrace;
  exact: string;
  rounded: string;
};
