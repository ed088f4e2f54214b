import type { EntityMetadata, EntityProperty } from '@mikro-orm/core';
import { CountColumn, DecimalColumn, PeriodColumn, TermsColumn, ThresholdsColumn } from './column-types.ts';

/** How a property becomes a column and back. `null` passes through both ways unseen. */
export type Column = {
  property: string;
  /** Quoted. */
  name: string;
  toDatabase(value: unknown): unknown;
  fromDatabase(value: unknown): unknown;
};

/** A mapped table, made ready once: what every statement about it needs. */
export type Mapping = {
  table: string;
  columns: ReadonlyMap<string, Column>;
  /** All columns, for `select`. */
  list: string;
  /** The values in the order of `list`. */
  toRow(values: readonly unknown[]): Record<string, unknown>;
};

/** Reads the ORM's metadata, which is made from the `EntitySchema` of each noun, into a mapping. */
export function mappingOf(metadata: EntityMetadata): Mapping {
  const columns = metadata.props.map(columnOf);
  // Every row is a copy of this one, so that all of them have one hidden class.
  const blank: Record<string, unknown> = Object.fromEntries(columns.map(({ property }) => [property, null]));
  return {
    table: `"${metadata.tableName}"`,
    columns: new Map(columns.map((column) => [column.property, column])),
    list: columns.map(({ name }) => name).join(', '),
    toRow(values) {
      const row = { ...blank };
      for (let index = 0; index < columns.length; index += 1) {
        const column = columns[index];
        const value = values[index];
        if (column && value !== null) row[column.property] = column.fromDatabase(value);
      }
      return row;
    },
  };
}

const asIs = (value: unknown) => value;

function columnOf(property: EntityProperty): Column {
  const [field] = property.fieldNames;
  const [type] = property.columnTypes;
  if (!field || !type) throw new Error(`${property.name} has no column`);
  return { property: property.name, name: `"${field}"`, ...conversions(property, type) };
}

function conversions(
  { customType }: EntityProperty,
  type: string,
): Pick<Column, 'toDatabase' | 'fromDatabase'> {
  if (type.startsWith('timestamptz')) return { toDatabase: instantToText, fromDatabase: textToInstant };
  if (
    customType instanceof CountColumn ||
    customType instanceof DecimalColumn ||
    customType instanceof PeriodColumn ||
    customType instanceof TermsColumn ||
    customType instanceof ThresholdsColumn
  ) {
    return {
      toDatabase: (value) => customType.convertToDatabaseValue(value as never),
      fromDatabase: (value) => customType.convertToJSValue(value as never),
    };
  }
  if (type === 'jsonb') return { toDatabase: (value) => JSON.stringify(value), fromDatabase: asIs };
  // The driver does the rest as we want it.
  return { toDatabase: asIs, fromDatabase: asIs };
}

function instantToText(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value;
}

/** `2026-11-01 10:00:00.123+00`, in whatever zone the server speaks. */
function textToInstant(value: unknown): Date {
  const text = String(value);
  const isUtc = text.endsWith('+00');
  return new Date(isUtc ? `${text.slice(0, 10)}T${text.slice(11, -3)}Z` : text);
}
