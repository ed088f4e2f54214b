import { DomainError } from '../domain/errors.ts';
import type { CatalogueItem } from '../domain/plan.ts';
import type { Tx } from './doors.ts';
import { CatalogueItemSchema } from './plans.ts';
import { insertRow, updateRows } from './rows.ts';
import { isTaken } from './trouble.ts';

/** What prices are counted under, written directly by requests. */

export function insertItem(tx: Tx, item: CatalogueItem): Promise<CatalogueItem> {
  return uniqueExternalId(() => insertRow(tx, CatalogueItemSchema, item));
}

export async function updateItem(tx: Tx, item: CatalogueItem): Promise<CatalogueItem> {
  await uniqueExternalId(() => updateRows(tx, CatalogueItemSchema, { id: item.id }, item));
  return item;
}

async function uniqueExternalId<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isTaken(error, 'items_external_id')) throw error;
    const message = 'Another item has it; choose one of its own.';
    throw new DomainError('external_id_taken', 'Another item has this external_id; choose one of its own.', {
      errors: [{ path: 'external_id', code: 'taken', message }],
    });
  }
}
