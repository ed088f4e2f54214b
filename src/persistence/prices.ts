import type { Price } from '../domain/plan.ts';
import type { Tx } from './doors.ts';
import { PriceSchema } from './plans.ts';
import { findRows } from './rows.ts';

/** A price never changes (the table refuses it), so each is read once by a process. */
const KNOWN = new Map<string, Price>();
const KNOWN_MAX = 10_000;

/** Prices by id. Ask only for those that a row of the same tenant names: what is known already is answered unasked. */
export async function pricesOf(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, Price>> {
  const unknown = ids.filter((id) => !KNOWN.has(id));
  if (unknown.length > 0) {
    if (KNOWN.size > KNOWN_MAX) KNOWN.clear();
    for (const price of await findRows(tx, PriceSchema, { id: { $in: unknown } })) KNOWN.set(price.id, price);
  }
  return KNOWN;
}
