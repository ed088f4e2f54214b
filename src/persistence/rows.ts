import { type EntityName, type FilterQuery, LockMode, type RequiredEntityData } from '@mikro-orm/core';
import type { RawBuilder } from 'kysely';
import type { Tx } from './doors.ts';

/**
 * Plain rows in and out. Domain types are read-only facts here: nothing is tracked and nothing is flushed behind a
 * caller's back, so what a transaction writes is what its code says, in that order.
 */

export async function insertRow<T extends object>(tx: Tx, entity: EntityName<T>, row: T): Promise<T> {
  await tx.insert(entity, row);
  return row;
}

export async function insertRows<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  rows: readonly T[],
): Promise<void> {
  if (rows.length > 0) await tx.insertMany(entity, [...rows] as RequiredEntityData<T>[]);
}

/** Writes `changes` to the rows that match and answers how many there were. */
export function updateRows<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
  changes: Partial<T>,
): Promise<number> {
  return tx.nativeUpdate(entity, where as never, changes);
}

export async function findRow<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
): Promise<T | null> {
  const row = await tx.findOne(entity, where as never, { disableIdentityMap: true });
  return row ? plain<T>(row) : null;
}

/** The row, locked until the transaction ends. Lock order: customer, subscriptions by id, invoice, counter. */
export async function lockRow<T extends object>(
  tx: Tx,
  entity: EntityName<T>,
  where: FilterQuery<T>,
): Promise<T | null> {
  const row = await tx.findOne(entity, where as never, {
    disableIdentityMap: true,
    lockMode: LockMode.PESSIMISTIC_WRITE,
  });
  return row ? plain<T>(row) : null;
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
  const rows = await tx.find(entity, where as never, {
    disableIdentityMap: true,
    ...(options.orderBy ? { orderBy: options.orderBy as never } : {}),
    ...(options.limit ? { limit: options.limit } : {}),
    ...(options.lock ? { lockMode: LockMode.PESSIMISTIC_WRITE } : {}),
  });
  return rows.map((row) => plain<T>(row));
}

/**
 * Runs hand-written SQL inside the transaction with real bind parameters. Values come back as the driver gives them:
 * `timestamptz`, `numeric` and `bigint` are strings.
 */
export async function query<Row>(tx: Tx, statement: RawBuilder<unknown>): Promise<Row[]> {
  const result = await statement.execute(tx.getKysely());
  return result.rows as Row[];
}

function plain<T extends object>(entity: object): T {
  return { ...entity } as T;
}
