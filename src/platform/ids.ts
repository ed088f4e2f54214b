import { typeidUnboxed } from 'typeid-js';
import type { IdPrefix } from '../domain/ids.ts';

/** A new id: prefix + UUIDv7 in base32, so ids made later sort later. */
export function newId(prefix: IdPrefix): string {
  return typeidUnboxed(prefix);
}
