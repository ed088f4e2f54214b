/** A value as the text that PostgreSQL reads; bytes stay bytes. Throws `TypeError` for what has no such text. */
export function toWire(value: unknown): string | Buffer | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return listToWire(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  throw new TypeError(`PostgreSQL cannot be given a value of type ${typeof value}`);
}

function listToWire(values: readonly unknown[]): string {
  return `{${values.map(elementToWire).join(',')}}`;
}

function elementToWire(value: unknown): string {
  if (Array.isArray(value)) return listToWire(value);
  const text = toWire(value);
  if (text === null) return 'NULL';
  if (typeof text !== 'string') return `"\\\\x${text.toString('hex')}"`;
  return ESCAPED.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;
}

const ESCAPED = /["\\]/;
