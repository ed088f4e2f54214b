import { Decimal } from './money.ts';

/** The models of billing rules 19 and 19b. */
export const PRICE_MODELS = [
  'flat',
  'per_unit',
  'package',
  'graduated',
  'volume',
  'percentage',
  'graduated_percentage',
  'dynamic',
  'matrix',
  'minimum_commitment',
] as const;
export type PriceModel = (typeof PRICE_MODELS)[number];

/** `upTo` is the last quantity of the tier, null for the last tier; a quantity between two bounds belongs to the next tier. */
export type Tier = { upTo: Decimal | null; unitAmount: Decimal; flatAmount: Decimal };

/** `rate` is in percent: 2.5 is 2.5 %. `upTo` is a bound of the amount that the rate is taken of. */
export type RateTier = { upTo: Decimal | null; rate: Decimal; flatAmount: Decimal };

/** One cell of a matrix: the value of each dimension, in their order, and what a unit costs there. */
export type MatrixCell = { values: readonly string[]; unitAmount: Decimal };

/**
 * What a price asks for, by model. Amounts are in the major unit of the price's currency, with up to 12 decimals, from
 * zero upward; quantities and sizes may have decimals.
 */
export type PriceTerms =
  /** The same whatever the quantity. */
  | { model: 'flat'; unitAmount: Decimal }
  | { model: 'per_unit'; unitAmount: Decimal }
  /** `unitAmount` for every begun package of `size` units; zero units are zero packages. */
  | { model: 'package'; unitAmount: Decimal; size: Decimal }
  /** Every tier prices the part of the quantity that lies in it, plus its flat amount when it is reached. */
  | { model: 'graduated'; tiers: readonly Tier[] }
  /** The tier that is reached prices the whole quantity. */
  | { model: 'volume'; tiers: readonly Tier[] }
  /**
   * `rate` percent of each event's amount plus `fixedPerEvent`, after `freeEvents` events or `freeAmount` of amount were
   * free; each event costs at least `eventMinimum` and at most `eventMaximum`.
   */
  | {
      model: 'percentage';
      rate: Decimal;
      fixedPerEvent: Decimal;
      freeEvents: number | null;
      freeAmount: Decimal | null;
      eventMinimum: Decimal | null;
      eventMaximum: Decimal | null;
    }
  | { model: 'graduated_percentage'; tiers: readonly RateTier[] }
  /** `multiplier` × the amount each event carries. */
  | { model: 'dynamic'; multiplier: Decimal }
  /** The unit price is looked up by one or two properties of each event; `defaultUnitAmount` where no cell fits. */
  | {
      model: 'matrix';
      dimensions: readonly string[];
      cells: readonly MatrixCell[];
      defaultUnitAmount: Decimal | null;
    }
  /** Tops up what the subscription's other lines of the period come to, to this amount. */
  | { model: 'minimum_commitment'; unitAmount: Decimal };

/**
 * One thing that was used. `quantity` is what the models of quantity and matrix count and what percentage, its graduated
 * form and dynamic take as the amount in the price's currency.
 */
export type UsageEvent = {
  at: Date | null;
  quantity: Decimal;
  properties: Readonly<Record<string, string>>;
};

/**
 * What was used in a period: the aggregated quantity, and the events it consists of in the order of time for the models
 * that price each one. `buckets`: where a meter prices per hour or day, the quantity of each, priced alone and summed.
 */
export type Usage = {
  quantity: Decimal;
  events: readonly UsageEvent[];
  buckets: readonly Decimal[] | null;
  /** What a meter counted, where one did. */
  counted?: Counted;
};

/** Behind a quantity: the version of the meter, how many events it saw, and which; `snapshot` is for whoever counts. */
export type Counted = { meterId: string; meterVersion: number; eventCount: number; snapshot: string };

/** Plain JSON with decimals as strings: how terms are stored and hashed. */
export type StoredTerms = { model: PriceModel; [field: string]: unknown };

/** Terms with every Decimal as a plain string; `readTerms` is the way back. */
export function storeTerms(terms: PriceTerms): StoredTerms {
  return JSON.parse(JSON.stringify(terms)) as StoredTerms;
}

/** Fields that are decimals, at whatever depth. The others are texts, counts and lists of them. */
const DECIMAL_FIELDS = new Set([
  'unitAmount',
  'flatAmount',
  'upTo',
  'rate',
  'size',
  'fixedPerEvent',
  'freeAmount',
  'eventMinimum',
  'eventMaximum',
  'multiplier',
  'defaultUnitAmount',
]);

/** What `storeTerms` wrote, as terms again. */
export function readTerms(stored: StoredTerms): PriceTerms {
  return revive(stored) as PriceTerms;
}

function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      DECIMAL_FIELDS.has(name) && typeof field === 'string' ? new Decimal(field) : revive(field),
    ]),
  );
}

/** The terms of one model. */
export type TermsOf<M extends PriceModel> = Extract<PriceTerms, { model: M }>;
