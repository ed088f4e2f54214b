import { z } from 'zod';
import { isTimeZone } from '../domain/calendar.ts';
import { isCurrency } from '../domain/currency.ts';
import type { IdPrefix } from '../domain/ids.ts';
import { Decimal, formatAmount } from '../domain/money.ts';

/**
 * The pieces every resource of the wire is made of. Requests are strict: an unknown field is refused, never ignored.
 * Times are RFC 3339 UTC, money is a decimal string in major units with its currency, names are snake_case.
 */

const ID_BODY = '[0-7][0-9a-hjkmnp-tv-z]{25}';

/** An id in an answer, for example `cus_01k…`. */
export const idOut = (prefix: IdPrefix) =>
  z
    .string()
    .meta({ description: `Starts with \`${prefix}_\`.`, examples: [`${prefix}_01kaj3n6xve9ytv0w4s5h7m2pq`] });

/** A reference in a request: an id with this prefix, or `external:` and the caller's own id. */
export const reference = (prefix: IdPrefix, noun: string) =>
  z
    .string()
    .max(400)
    .regex(new RegExp(`^(${prefix}_${ID_BODY}|external:.{1,255})$`, 's'), {
      error: `Write the id of a ${noun} (${prefix}_…), or "external:" and your own id of it.`,
    })
    .meta({ examples: [`${prefix}_01kaj3n6xve9ytv0w4s5h7m2pq`, 'external:your-own-id'] });

/** A plain id in a request, where the object has no external id. */
export const idIn = (prefix: IdPrefix, noun: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_${ID_BODY}$`), {
      error: `Write the id of a ${noun}; it starts with ${prefix}_.`,
    })
    .meta({ examples: [`${prefix}_01kaj3n6xve9ytv0w4s5h7m2pq`] });

/** Where an object is addressed in a path. A malformed id is simply not found. */
export const pathId = z.object({
  id: z
    .string()
    .min(1)
    .max(400)
    .meta({ description: 'The id, or `external:` and your own id (URL-encoded) where the object has one.' }),
});

/** The caller's own id, unique per tenant and kind of object. */
export const externalId = z
  .string()
  .min(1)
  .max(255)
  .meta({
    description: 'Your own id for it, unique among your objects of this kind.',
    examples: ['acme-42'],
  });

export const nameIn = z.string().max(200).regex(/\S/, { error: 'Write a name of 1 to 200 characters.' });

const YEAR_MIN = 1970;
const YEAR_MAX = 2199;

/** An instant in a request: RFC 3339 with any offset, answered as UTC with milliseconds. */
export const instantIn = z
  .string()
  .refine((text) => parseInstant(text) !== null, {
    error: `Write an instant as RFC 3339 between the years ${YEAR_MIN} and ${YEAR_MAX}, such as "2027-01-31T00:00:00Z".`,
    params: { code: 'instant_invalid' },
  })
  .transform((text) => (parseInstant(text) ?? new Date(Number.NaN)).toISOString())
  .meta({ format: 'date-time', examples: ['2027-01-31T00:00:00Z'] });

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

function parseInstant(text: string): Date | null {
  if (!z.iso.datetime({ offset: true }).safeParse(text).success || !RFC_3339.test(text)) return null;
  const date = new Date(text.replace(/(\.\d{3})\d+/, '$1'));
  const year = date.getUTCFullYear();
  return year >= YEAR_MIN && year <= YEAR_MAX ? date : null;
}

/** An instant in an answer. */
export const instantOut = z.string().meta({ format: 'date-time', examples: ['2027-01-31T00:00:00.000Z'] });

export const currencyIn = z
  .string()
  .refine(isCurrency, {
    error: 'Write an ISO 4217 code in capitals, such as "USD".',
    params: { code: 'currency_unknown' },
  })
  .meta({ examples: ['USD'] });

export const timeZoneIn = z
  .string()
  .max(64)
  .refine(isTimeZone, {
    error: 'Write an IANA time zone, such as "Europe/Berlin"; offsets are not accepted.',
    params: { code: 'time_zone_unknown' },
  })
  .meta({ examples: ['Europe/Berlin'] });

/** An amount of money in an answer; exactly the currency's decimals. */
export const moneyOut = z
  .object({
    amount: z.string().meta({ examples: ['19.99'] }),
    currency: z.string().meta({ examples: ['USD'] }),
  })
  .meta({ id: 'Money', description: 'A decimal string in major units with its ISO 4217 currency.' });

const QUANTITY_REMEDY =
  'Write a quantity from zero upward: a whole number, or a decimal string such as "2.5" with at most 12 decimals.';

/** Units of a price: a whole number, or a decimal string with at most 12 decimals. */
export const quantityIn = z
  .union(
    [
      z.int(QUANTITY_REMEDY).min(0, QUANTITY_REMEDY).max(1_000_000_000, QUANTITY_REMEDY),
      z.string().regex(/^(0|[1-9]\d{0,14})(\.\d{1,12})?$/, QUANTITY_REMEDY),
    ],
    QUANTITY_REMEDY,
  )
  .transform((quantity) => new Decimal(quantity).toFixed())
  .meta({ examples: ['3'] });

const METADATA_KEYS_MAX = 50;
const metadataKey = z.string().min(1).max(40, { error: 'A metadata key has at most 40 characters.' });
const metadataValue = z
  .string('Metadata values are strings.')
  .max(500, { error: 'A metadata value has at most 500 characters.' });
const tooManyKeys = {
  error: `Metadata has at most ${METADATA_KEYS_MAX} keys; remove some.`,
  params: { code: 'too_many_keys' },
};

/** Whether metadata keeps within its limit; for the result of a merge. */
export const metadataFits = (metadata: Record<string, string>): boolean =>
  Object.keys(metadata).length <= METADATA_KEYS_MAX;

export const metadataIn = z
  .record(metadataKey, metadataValue)
  .refine(metadataFits, tooManyKeys)
  .meta({ description: 'Up to 50 strings of your own, by name.', examples: [{ team: 'growth' }] });

/** A change of metadata: named keys are set, null removes one, the others stay. */
export const metadataPatch = z
  .record(metadataKey, metadataValue.nullable())
  .refine((patch) => Object.keys(patch).length <= METADATA_KEYS_MAX, tooManyKeys)
  .meta({ description: 'Keys to set; null removes a key; keys not named stay.' });

export const metadataOut = z.record(z.string(), z.string());

/** The answer to a list request. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    object: z.literal('list'),
    data: z.array(item),
    has_more: z.boolean(),
    next_cursor: z
      .string()
      .nullable()
      .meta({ description: 'Send it as `cursor` to get the next page; null on the last one.' }),
  });

/** The answer to a deletion. */
export const deletedOf = (object: string, prefix: IdPrefix) =>
  z.object({ object: z.literal(object), id: idOut(prefix), deleted: z.literal(true) });

/** A query value that may be given once or several times. */
export const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(item).max(20).optional(),
  );

const limit = z.coerce
  .number('Write a whole number from 1 to 100.')
  .int('Write a whole number from 1 to 100.')
  .min(1, 'Write a whole number from 1 to 100.')
  .max(100, 'Write a whole number from 1 to 100.')
  .default(20);

/** What every list accepts; resources add their filters. */
export const listQuery = {
  limit: limit.meta({ description: 'How many, 1 to 100.' }),
  cursor: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'The `next_cursor` of the page before.' }),
  'created_at[gte]': instantIn.optional(),
  'created_at[gt]': instantIn.optional(),
  'created_at[lte]': instantIn.optional(),
  'created_at[lt]': instantIn.optional(),
};

/** Merges a change into stored metadata. */
export function mergeMetadata(
  stored: Record<string, string>,
  patch: Record<string, string | null> | undefined,
): Record<string, string> {
  const merged = { ...stored };
  for (const [key, value] of Object.entries(patch ?? {})) {
    if (value === null) delete merged[key];
    else merged[key] = value;
  }
  return merged;
}

/** An amount for the wire. Throws `RangeError` for an amount that was never rounded to its currency. */
export function presentMoney(amount: Decimal, currency: string): z.infer<typeof moneyOut> {
  return { amount: formatAmount(amount, currency), currency };
}

/** An instant for the wire: UTC with milliseconds. */
export function presentInstant(instant: Date): string {
  return instant.toISOString();
}

export function presentOptionalInstant(instant: Date | null): string | null {
  return instant === null ? null : instant.toISOString();
}
