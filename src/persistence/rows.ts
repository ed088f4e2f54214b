import type { EntityName, FilterQuery } from '@mikro-orm/core';
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from 'kysely';
import { columnOf, condition, encode } from './condition.ts';
import type { Tx } from './doors.ts';
import type { Statement } from './pipeline.ts';

/**
 * Plain rows in and out. Domain types are read-only facts here: nothing is tracked and nothing is flushed behind a
 * caller's back, so what a transaction writes is what its code says, in that order. The statements are written from the
 * ORM's mappings and go to the driver directly: the ORM's own way costs ten times as much of the process per statement.
 */

export async function insertRow<T extends object>(tx: Tx, entity: EntityName<T>, row: T): Promise<T> {
  await insertRows(tx, entity, [row]);
  return row;
}

/** The protocol counts a statement's values in 16 bits. */
const VALUES_MAX = 60_000;

/** All rows name the same properties. A property that no row names gets its column's default. */
export async function insertRows<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  rows: readonly T[],
): Promise<void> {
  await Promise.all(insertions(tx, entity, rows).map(({ text, values }) => tx.run(text, values)));
}

/** The same without waiting: what the database says against it, it says to the next statement, or to the commit. */
export function insertRowsLater<T extends object>(tx: Tx, entity: EntityName<T>, rows: readonly T[]): void {
  for (const { text, values } of insertions(tx, entity, rows)) tx.later(text, values);
}

function insertions<T extends object>(tx: Tx, entity: EntityName<T>, rows: readonly T[]): Statement[] {
  const [first] = rows;
  if (!first) return [];
  const statements: Statement[] = [];
  const mapping = tx.mapping(entity);
  const columns = Object.entries(first).flatMap(([property, value]) =>
    value === undefined ? [] : [columnOf(mapping, property)],
  );
  const batch = Math.max(1, Math.floor(VALUES_MAX / columns.length));
  for (let from = 0; from < rows.length; from += batch) {
    const values: unknown[] = [];
    const tuples = rows.slice(from, from + batch).map((row) => {
      const places = columns.map((column) => {
        values.push(encode(column, (row as Record<string, unknown>)[column.property] ?? null));
        return `$${values.length}`;
      });
      return `(${places.join(', ')})`;
    });
    const names = columns.map(({ name }) => name).join(', ');
    const text = `insert into ${mapping.table} (${names}) values ${tuples.join(', ')}`;
    statements.push({ text, values });
  }
  return statements;
}

/** Writes `changes` to the rows that match and answers how many there were. */
export async function updateRows<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
  changes: Partial<T>,
): Promise<number> {
  const { text, values } = update(tx, entity, where, changes);
  return (await tx.run(text, values)).affected;
}

/** The same without waiting, for rows that are known to be there. */
export function updateRowsLater<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
  changes: Partial<T>,
): void {
  const { text, values } = update(tx, entity, where, changes);
  tx.later(text, values);
}

function update<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
  changes: Partial<T>,
): Statement {
  const mapping = tx.mapping(entity);
  const values: unknown[] = [];
  const assignments = Object.entries(changes).flatMap(([property, value]) => {
    if (value === undefined) return [];
    const column = columnOf(mapping, property);
    values.push(encode(column, value));
    return [`${column.name} = $${values.length}`];
  });
  if (assignments.length === 0) throw new RangeError(`nothing to change in ${mapping.table}`);
  const text = `update ${mapping.table} set ${assignments.join(', ')}${condition(mapping, where, values)}`;
  return { text, values };
}

export async function findRow<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
): Promise<T | null> {
  const [row] = await findRows(tx, entity, where, { limit: 1 });
  return row ?? null;
}

/** The row, locked until the transaction ends. Lock order: customer, subscriptions by id, invoice, counter. */
export async function lockRow<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
): Promise<T | null> {
  const [row] = await findRows(tx, entity, where, { limit: 1, lock: true });
  return row ?? null;
}

export async function findRows<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
  options: {
    orderBy?: Partial<Record<keyof T & string, 'asc' | 'desc'>>;
    limit?: number;
    lock?: boolean;
  } = {},
): Promise<T[]> {
  const mapping = tx.mapping(entity);
  const values: unknown[] = [];
  const order = Object.entries(options.orderBy ?? {}).map(
    ([property, direction]) => `${columnOf(mapping, property).name} ${direction === 'desc' ? 'desc' : 'asc'}`,
  );
  const text = [
    `select ${mapping.list} from ${mapping.table}${condition(mapping, where, values)}`,
    ...(order.length > 0 ? [`order by ${order.join(', ')}`] : []),
    ...(options.limit ? [`limit ${Math.trunc(options.limit)}`] : []),
    ...(options.lock ? ['for update'] : []),
  ].join(' ');
  const { rows } = await tx.run(text, values);
  return rows.map((values) => mapping.toRow(values) as T);
}

/** Rows by a hand-written condition, for those that no filter of properties can name. */
export async function selectRows<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: RawBuilder<unknown>,
): Promise<T[]> {
  const mapping = tx.mapping(entity);
  const { sql, parameters } = where.compile(compiler);
  const { rows } = await tx.run(`select ${mapping.list} from ${mapping.table} where ${sql}`, parameters);
  return rows.map((values) => mapping.toRow(values) as T);
}

/**
 * Runs hand-written SQL inside the transaction with real bind parameters. Values come back as the driver gives them:
 * `timestamptz`, `numeric` and `bigint` are strings.
 */
export async function query<Row>(tx: Tx, statement: RawBuilder<unknown>): Promise<Row[]> {
  const { sql, parameters } = statement.compile(compiler);
  const { fields, rows } = await tx.run(sql, parameters);
  const blank: Record<string, unknown> = Object.fromEntries(fields.map((field) => [field, null]));
  return rows.map((values) => {
    const row = { ...blank };
    for (const [index, field] of fields.entries()) row[field] = values[index];
    return row as Row;
  });
}

/** The same without waiting, for a statement whose rows say nothing. */
export function queryLater(tx: Tx, statement: RawBuilder<unknown>): void {
  const { sql, parameters } = statement.compile(compiler);
  tx.later(sql, parameters);
}

/** Turns statements into text and values; it is connected to nothing. */
const compiler = new Kysely<unknown>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});
