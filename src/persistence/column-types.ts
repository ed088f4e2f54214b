import { type EntityProperty, Type } from '@mikro-orm/core';
import type { Period } from '../domain/calendar.ts';
import { Decimal } from '../domain/money.ts';
import { type PriceTerms, readTerms, type StoredTerms, storeTerms } from '../domain/price-terms.ts';
import type { UsageThreshold } from '../domain/threshold.ts';

/** `numeric(precision, scale)` as an exact Decimal. Throws instead of letting PostgreSQL round a value away. */
export class DecimalColumn extends Type<Decimal, string> {
  readonly precision: number;
  readonly scale: number;

  constructor(precision: number, scale: number) {
    super();
    this.precision = precision;
    this.scale = scale;
  }

  override convertToDatabaseValue(value: Decimal): string {
    if (value === null || value === undefined) return value;
    if (value.decimalPlaces() > this.scale) {
      throw new RangeError(`${value.toFixed()} has more than the ${this.scale} decimals its column keeps`);
    }
    return value.toFixed();
  }

  override convertToJSValue(value: string): Decimal {
    return value === null || value === undefined ? value : new Decimal(value);
  }

  override compareAsType(): string {
    return 'string';
  }

  override getColumnType(_prop: EntityProperty): string {
    return `numeric(${this.precision},${this.scale})`;
  }

  override get runtimeType(): string {
    return 'Decimal';
  }
}

/** Amounts of money: `numeric(20,4)`. */
export const amountColumn = new DecimalColumn(20, 4);
/** Unit prices and quantities: `numeric(30,12)`. */
export const rateColumn = new DecimalColumn(30, 12);

/** A half-open `tstzrange` as a Period. */
export class PeriodColumn extends Type<Period, string> {
  override convertToDatabaseValue(value: Period): string {
    if (value === null || value === undefined) return value;
    return `["${value.start.toISOString()}","${value.end.toISOString()}")`;
  }

  override convertToJSValue(value: string): Period {
    if (value === null || value === undefined) return value;
    const bounds = /^\["?([^",]+)"?,"?([^",]+)"?\)$/.exec(value);
    if (!bounds?.[1] || !bounds[2]) throw new RangeError(`not a half-open period: ${value}`);
    return { start: new Date(bounds[1]), end: new Date(bounds[2]) };
  }

  override compareAsType(): string {
    return 'string';
  }

  override getColumnType(): string {
    return 'tstzrange';
  }
}

export const periodColumn = new PeriodColumn();

/** A price's terms as `jsonb`, decimals as strings. */
export class TermsColumn extends Type<PriceTerms, string | StoredTerms> {
  override convertToDatabaseValue(value: PriceTerms): string {
    return JSON.stringify(storeTerms(value));
  }

  override convertToJSValue(value: string | StoredTerms): PriceTerms {
    return readTerms(typeof value === 'string' ? (JSON.parse(value) as StoredTerms) : value);
  }

  override compareAsType(): string {
    return 'string';
  }

  override getColumnType(): string {
    return 'jsonb';
  }
}

export const termsColumn = new TermsColumn();

/** A `bigint` as a number, for counts that never come near what a number cannot hold. */
export class CountColumn extends Type<number, string> {
  override convertToDatabaseValue(value: number): string {
    return value === null || value === undefined ? value : String(value);
  }

  override convertToJSValue(value: string | number): number {
    return value === null || value === undefined ? value : Number(value);
  }

  override compareAsType(): string {
    return 'number';
  }

  override getColumnType(): string {
    return 'bigint';
  }
}

export const countColumn = new CountColumn();

type StoredThreshold = Omit<UsageThreshold, 'amount'> & { amount: string };

/** A plan's usage thresholds as `jsonb`, decimals as strings. */
export class ThresholdsColumn extends Type<readonly UsageThreshold[], string | StoredThreshold[]> {
  override convertToDatabaseValue(value: readonly UsageThreshold[]): string {
    return JSON.stringify(value.map((threshold) => ({ ...threshold, amount: threshold.amount.toFixed() })));
  }

  override convertToJSValue(value: string | StoredThreshold[]): readonly UsageThreshold[] {
    const stored = typeof value === 'string' ? (JSON.parse(value) as StoredThreshold[]) : value;
    return stored.map((threshold) => ({ ...threshold, amount: new Decimal(threshold.amount) }));
  }

  override compareAsType(): string {
    return 'string';
  }

  override getColumnType(): string {
    return 'jsonb';
  }
}

export const thresholdsColumn = new ThresholdsColumn();
