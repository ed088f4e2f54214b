import { isId } from '../domain/ids.ts';
import type { IncomingUsage, UsageProperties } from '../domain/usage-event.ts';
import { readInstant } from './read-instant.ts';

/**
 * Reads events of use by hand: `usageEventIn` says the same in zod and documents it, but takes some ten times as long,
 * and nothing comes as often as these. A test holds the two against each other.
 */

/** Why an event cannot be read. `path` is within the event; `key` names it where it could be read. */
export type UsageProblem = { problem: true; key: string | null; path: string; code: string; message: string };

export const USAGE_LIMITS = {
  key: 255,
  name: 100,
  value: 500,
  properties: 50,
  externalId: 255,
  decimals: 12,
} as const;
const NUMBER_BELOW = 1e18;

const FIELDS = new Set([
  'idempotency_key',
  'event_name',
  'customer_id',
  'external_customer_id',
  'subscription_id',
  'timestamp',
  'properties',
]);

export function isUsageProblem(read: IncomingUsage | UsageProblem): read is UsageProblem {
  return 'problem' in read;
}

/** One event as it was parsed from JSON, or what is wrong with it: the first thing that is. */
export function readUsageEvent(value: unknown): IncomingUsage | UsageProblem {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return wrong(null, '', 'type_invalid', 'Write an object for each event.');
  const event = value as Record<string, unknown>;
  const key = event['idempotency_key'];
  const keyTrouble = textTrouble(key, USAGE_LIMITS.key);
  if (keyTrouble !== null) return wrong(null, 'idempotency_key', ...keyTrouble);
  const flaw = flawOf(event);
  if (flaw) return wrong(key as string, ...flaw);
  const written = event['timestamp'];
  const at = typeof written === 'string' ? readInstant(written) : null;
  if (at === null) {
    const message = 'Write an instant as RFC 3339, such as "2027-01-31T00:00:00Z".';
    return wrong(key as string, 'timestamp', written === undefined ? 'required' : 'instant_invalid', message);
  }
  return {
    key: key as string,
    eventName: event['event_name'] as string,
    customerId: (event['customer_id'] as string | undefined) ?? null,
    externalCustomerId: (event['external_customer_id'] as string | undefined) ?? null,
    subscriptionId: (event['subscription_id'] as string | undefined) ?? null,
    at,
    properties: (event['properties'] as UsageProperties | undefined) ?? {},
  };
}

export function wrong(key: string | null, path: string, code: string, message: string): UsageProblem {
  return { problem: true, key, path, code, message };
}

type Flaw = [path: string, code: string, message: string];

/** What is wrong beside the key and the instant. */
function flawOf(event: Record<string, unknown>): Flaw | null {
  for (const name of Object.keys(event)) {
    if (!FIELDS.has(name))
      return [
        shown(name),
        'unknown_field',
        'There is no such field here; what is yours belongs into properties.',
      ];
  }
  const nameTrouble = textTrouble(event['event_name'], USAGE_LIMITS.name);
  if (nameTrouble !== null) return ['event_name', ...nameTrouble];
  return (
    ownerFlaw(event) ?? subscriptionFlaw(event['subscription_id']) ?? propertiesFlaw(event['properties'])
  );
}

function ownerFlaw(event: Record<string, unknown>): Flaw | null {
  const id = event['customer_id'];
  const external = event['external_customer_id'];
  if (id !== undefined && external !== undefined)
    return ['external_customer_id', 'one_of', 'Send either customer_id or external_customer_id, not both.'];
  if (external !== undefined) {
    const trouble = textTrouble(external, USAGE_LIMITS.externalId);
    return trouble && ['external_customer_id', ...trouble];
  }
  if (id === undefined)
    return ['customer_id', 'required', 'Send customer_id, or your own id as external_customer_id.'];
  if (typeof id === 'string' && isId('cus', id)) return null;
  return ['customer_id', 'format_invalid', 'Write the id of a customer; it starts with cus_.'];
}

function subscriptionFlaw(id: unknown): Flaw | null {
  if (id === undefined || (typeof id === 'string' && isId('sub', id))) return null;
  return ['subscription_id', 'format_invalid', 'Write the id of a subscription; it starts with sub_.'];
}

function propertiesFlaw(properties: unknown): Flaw | null {
  if (properties === undefined) return null;
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
    return ['properties', 'type_invalid', 'Write an object.'];
  const names = Object.keys(properties);
  if (names.length > USAGE_LIMITS.properties)
    return [
      'properties',
      'too_many_keys',
      `An event has at most ${USAGE_LIMITS.properties} properties; leave some out.`,
    ];
  for (const name of names) {
    const trouble = nameTrouble(name) ?? valueTrouble((properties as Record<string, unknown>)[name]);
    if (trouble !== null) return [`properties.${shown(name)}`, ...trouble];
  }
  return null;
}

type Trouble = [code: string, message: string];

function textTrouble(value: unknown, lengthMax: number): Trouble | null {
  if (value === undefined) return ['required', 'Give this field; it takes a string.'];
  if (typeof value !== 'string') return ['type_invalid', 'Write a string.'];
  if (value.length === 0) return ['too_small', 'Write something; it is empty.'];
  if (value.length > lengthMax) return ['too_big', `Write at most ${lengthMax} characters.`];
  return characterTrouble(value);
}

/** What PostgreSQL cannot store. */
function characterTrouble(text: string): Trouble | null {
  if (text.includes('\0')) return ['character_invalid', 'It contains the character NUL; take it out.'];
  if (!text.isWellFormed())
    return ['character_invalid', 'It contains half of a surrogate pair; take it out.'];
  return null;
}

function nameTrouble(name: string): Trouble | null {
  if (name === '__proto__') return ['key_invalid', 'The name "__proto__" is not accepted.'];
  return textTrouble(name, USAGE_LIMITS.name);
}

function valueTrouble(value: unknown): Trouble | null {
  switch (typeof value) {
    case 'string':
      return value.length > USAGE_LIMITS.value
        ? ['too_big', `Write at most ${USAGE_LIMITS.value} characters.`]
        : characterTrouble(value);
    case 'number':
      return numberTrouble(value);
    case 'boolean':
      return null;
    default:
      return [
        'type_invalid',
        'A property is a string, a number, true or false; nothing else and nothing within it.',
      ];
  }
}

/** Whether it is exactly what was written is known only to who has seen the text: `usage-body.ts`. */
function numberTrouble(value: number): Trouble | null {
  if (!(Math.abs(value) < NUMBER_BELOW))
    return ['too_big', 'Write a number of at most 18 digits before the point.'];
  if (Number.isInteger(value) || decimalsOf(value) <= USAGE_LIMITS.decimals) return null;
  return ['too_big', `Write at most ${USAGE_LIMITS.decimals} decimals.`];
}

function decimalsOf(value: number): number {
  const [digits = '', exponent = '0'] = String(value).split('e');
  const point = digits.indexOf('.');
  return (point < 0 ? 0 : digits.length - point - 1) - Number(exponent);
}

/** A name in a path; it is the caller's, and may be anything. */
function shown(name: string): string {
  return name.slice(0, 60).toWellFormed().replaceAll('\0', '');
}
