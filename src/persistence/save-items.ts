import { DomainError } from '../domain/errors.ts';
import type { Item } from '../domain/item.ts';
import type { Tx } from './doors.ts';
import { ItemSchema } from './items.ts';
import { insertRow, updateRows } from './rows.ts';
import { isTaken } from './trouble.ts';

/** What prices are counted under, written directly by requests. */

export function insertItem(tx: Tx, item: Item): Promise<Item> {
  return uniqueExternalId(() => insertRow(tx, ItemSchema, item));
}

export async function updateItem(tx: Tx, item: Item): Promise<Item> {
  await uniqueExternalId(() => updateRows(tx, ItemSchema, { id: item.id }, item));
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
