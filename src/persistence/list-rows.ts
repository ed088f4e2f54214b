import type { EntityName, FilterQuery } from '@mikro-orm/core';
import type { Tx } from './doors.ts';
import { findRows } from './rows.ts';

/** A page of a list: newest first, from below `beforeId`. */
export type Page = {
  limit: number;
  beforeId: string | null;
  createdAt: { gte: Date | null; gt: Date | null; lte: Date | null; lt: Date | null };
};

export type Found<T> = { rows: T[]; hasMore: boolean };

/**
 * One page of a tenant's rows. Ids are made in time order, so the order by id is the order of creation, it has no ties,
 * and rows that arrive meanwhile move nobody from one page to another.
 */
export async function listRows<T extends { id: string; createdAt: Date }>(
  tx: Tx,
  entity: EntityName<T>,
  filters: Record<string, unknown>,
  page: Page,
): Promise<Found<T>> {
  const where = { ...filters, ...idBelow(page), ...createdWithin(page) } as FilterQuery<T>;
  const rows = await findRows<T>(tx, entity, where, {
    orderBy: { id: 'desc' } as Partial<Record<keyof T & string, 'desc'>>,
    limit: page.limit + 1,
  });
  return { rows: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
}

function idBelow(page: Page): Record<string, unknown> {
  return page.beforeId === null ? {} : { id: { $lt: page.beforeId } };
}

function createdWithin({ createdAt }: Page): Record<string, unknown> {
  const bounds = {
    ...(createdAt.gte ? { $gte: createdAt.gte } : {}),
    ...(createdAt.gt ? { $gt: createdAt.gt } : {}),
    ...(createdAt.lte ? { $lte: createdAt.lte } : {}),
    ...(createdAt.lt ? { $lt: createdAt.lt } : {}),
  };
  return Object.keys(bounds).length === 0 ? {} : { createdAt: bounds };
}
