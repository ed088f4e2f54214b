import type { Source, TimestampFormat, UsageMapping } from './collector.ts';
import type { FieldError } from './errors.ts';

/** An event as a client of `POST /v1/events` would have sent it; not looked at yet. */
export type MappedEvent = Record<string, unknown>;
export type Delivered = { body: unknown; headers: Readonly<Record<string, string>> };
/** In the order of the list. What could not be read says where, as a pointer from the body. */
export type Mapped = MappedEvent | { problem: FieldError };

/**
 * Reads the events out of a body. A pointer that leads nowhere is a problem of that event alone, except for
 * `properties` named one by one, which are left out.
 *
 * @returns null when `each` does not lead to a list.
 */
export function mapUsage(mapping: UsageMapping, { body, headers }: Delivered): Mapped[] | null {
  if (mapping.each === undefined) return [mapOne(mapping, { at: '', event: body, body, headers, index: 0 })];
  const list = pointed(body, mapping.each);
  if (!Array.isArray(list)) return null;
  return list.map((event, index) =>
    mapOne(mapping, { at: `${mapping.each}/${index}`, event, body, headers, index }),
  );
}

export function isProblem(mapped: Mapped): mapped is { problem: FieldError } {
  return 'problem' in mapped && !('event_name' in mapped);
}

type Place = Delivered & { at: string; event: unknown; index: number };

class Unreadable extends Error {
  readonly problem: FieldError;

  constructor(problem: FieldError) {
    super(problem.message);
    this.problem = problem;
  }
}

function mapOne(mapping: UsageMapping, place: Place): Mapped {
  try {
    const { customer_id: customer, external_customer_id: external, subscription_id: subscription } = mapping;
    return {
      idempotency_key: [mapping.idempotency_key]
        .flat()
        .map((source) => textAt(source, place))
        .join(':'),
      event_name: textAt(mapping.event_name, place),
      ...(customer === undefined ? {} : { customer_id: textAt(customer, place) }),
      ...(external === undefined ? {} : { external_customer_id: textAt(external, place) }),
      ...(subscription === undefined ? {} : { subscription_id: textAt(subscription, place) }),
      timestamp: instantAt(mapping.timestamp, mapping.timestamp_format, place),
      properties: propertiesAt(mapping.properties, place),
    };
  } catch (error) {
    if (error instanceof Unreadable) return { problem: error.problem };
    throw error;
  }
}

/** A text or a number; anything else, or nothing, is a problem. */
function textAt(source: Source, place: Place): string {
  const value = valueAt(source, place);
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const where = whereIs(source, place);
  if (value === undefined || value === null || value === '') {
    throw new Unreadable({ path: where, code: 'required', message: `There is nothing at ${where}.` });
  }
  throw new Unreadable({ path: where, code: 'type_invalid', message: `At ${where} stands no text.` });
}

/** The latest that `Date` can name; beyond it `toISOString` throws. */
const EPOCH_MS_MAX = 8.64e15;

function instantAt(source: Source, format: TimestampFormat, place: Place): string {
  const text = textAt(source, place);
  if (format === 'rfc3339') return text;
  const ms = Number(text) * (format === 'epoch_seconds' ? 1_000 : 1);
  if (text.trim() !== '' && Math.abs(ms) <= EPOCH_MS_MAX) return new Date(Math.round(ms)).toISOString();
  const path = whereIs(source, place);
  throw new Unreadable({ path, code: 'instant_invalid', message: `At ${path} stands no ${format}.` });
}

function propertiesAt(properties: UsageMapping['properties'], place: Place): Record<string, unknown> {
  if (typeof properties !== 'string') {
    const entries = Object.entries(properties).map(([name, source]) => [name, valueAt(source, place)]);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null));
  }
  const value = pointed(place.event, properties);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const path = place.at + properties;
    throw new Unreadable({ path, code: 'type_invalid', message: `At ${path} stands no object.` });
  }
  // What is nested is no property, and others' objects are full of it.
  return Object.fromEntries(Object.entries(value).filter(([, member]) => isPlain(member)));
}

function isPlain(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function valueAt(source: Source, { event, body, headers, index }: Place): unknown {
  if (typeof source === 'string') return pointed(event, source);
  if ('constant' in source) return source.constant;
  if ('header' in source) {
    const name = source.header.toLowerCase();
    return Object.hasOwn(headers, name) ? headers[name] : undefined;
  }
  return 'body' in source ? pointed(body, source.body) : index;
}

function whereIs(source: Source, { at }: Place): string {
  if (typeof source === 'string') return at + source;
  if ('header' in source) return `header ${source.header}`;
  return 'body' in source ? source.body : at;
}

/** What a JSON pointer (RFC 6901) leads to; undefined: nowhere. */
export function pointed(value: unknown, pointer: string): unknown {
  let at = value;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}
