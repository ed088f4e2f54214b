import type { Column, Mapping } from './mapping.ts';

/** What may stand beside a property: a value, null, a list of values, or one of these. */
const COMPARISONS: Readonly<Record<string, string>> = { $lt: '<', $lte: '<=', $gt: '>', $gte: '>=' };

/**
 * The `where` of a filter such as `{ status: { $in: ['open'] }, deletedAt: null }`, with its values appended to `values`.
 * Throws `RangeError` for a property that is not mapped and for an operator that is not known: a filter that is
 * misunderstood would match too much.
 */
export function condition(mapping: Mapping, where: object, values: unknown[]): string {
  const parts = Object.entries(where).flatMap(([property, wanted]) =>
    clauses(columnOf(mapping, property), wanted, values),
  );
  return parts.length === 0 ? '' : ` where ${parts.join(' and ')}`;
}

/** The column of a property. Throws `RangeError` when it has none. */
export function columnOf(mapping: Mapping, property: string): Column {
  const column = mapping.columns.get(property);
  if (!column) throw new RangeError(`${mapping.table} has no property ${property}`);
  return column;
}

export function encode({ toDatabase }: Column, value: unknown): unknown {
  return value === null ? null : toDatabase(value);
}

function clauses(column: Column, wanted: unknown, values: unknown[]): string[] {
  if (wanted === undefined) throw new RangeError(`a filter by ${column.property} has no value`);
  if (wanted === null) return [`${column.name} is null`];
  if (Array.isArray(wanted)) return [oneOf(column, wanted, values)];
  if (!isOperators(wanted)) return [`${column.name} = ${bind(column, wanted, values)}`];
  return Object.entries(wanted).map(([operator, value]) => comparison(column, operator, value, values));
}

function comparison(column: Column, operator: string, value: unknown, values: unknown[]): string {
  if (operator === '$in' && Array.isArray(value)) return oneOf(column, value, values);
  if (operator === '$ne' && value === null) return `${column.name} is not null`;
  if (value === null || value === undefined)
    throw new RangeError(`${column.property} is compared with nothing`);
  if (operator === '$ne') return `${column.name} <> ${bind(column, value, values)}`;
  const sign = COMPARISONS[operator];
  if (!sign) throw new RangeError(`the operator ${operator} is not known`);
  return `${column.name} ${sign} ${bind(column, value, values)}`;
}

function oneOf(column: Column, wanted: readonly unknown[], values: unknown[]): string {
  values.push(wanted.map((value) => column.toDatabase(value)));
  return `${column.name} = any($${values.length})`;
}

function bind(column: Column, value: unknown, values: unknown[]): string {
  values.push(encode(column, value));
  return `$${values.length}`;
}

function isOperators(wanted: unknown): wanted is Record<string, unknown> {
  if (typeof wanted !== 'object' || wanted === null) return false;
  const names = Object.keys(wanted);
  return names.length > 0 && names.every((name) => name.startsWith('$'));
}
