/**
 * Prefixes of the opaque ids of the API. An id is `<prefix>_` + a UUIDv7 in Crockford base32 (a TypeID), the same
 * string in SQL, logs, Temporal and JSON. New ids are made by `platform/ids.ts`; the domain has no randomness.
 */
export const ID_PREFIXES = [
  'acc', // account
  'ten', // tenant
  'key', // API key
  'cus', // customer
  'pm', // payment method
  'plan',
  'price',
  'sub', // subscription
  'item', // what prices are counted under
  'si', // subscription item
  'seg', // item segment
  'chg', // scheduled change
  'pl', // pending line
  'mtr', // meter
  'feat', // feature
  'alrt', // alert
  'fir', // firing of an alert
  'use', // usage record
  'col', // collector
  'imp', // usage import
  'bf', // backfill
  'mig', // plan migration
  'cmd', // command
  'inv', // invoice
  'il', // invoice line
  'cn', // credit note
  'cbe', // customer balance entry
  'att', // payment attempt
  'pay', // payment
  'ltx', // ledger transaction
  'evt', // event
  'we', // webhook endpoint
  'del', // webhook delivery
  'clk', // test clock
  'gwc', // gateway connection
  'req', // request
] as const;

export type IdPrefix = (typeof ID_PREFIXES)[number];

/** Whether `text` has the form of an id with this prefix. Says nothing about whether such an object exists. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return (
    text.length === prefix.length + 27 &&
    text.startsWith(`${prefix}_`) &&
    /^[0-7][0-9a-hjkmnp-tv-z]{25}$/.test(text.slice(prefix.length + 1))
  );
}
