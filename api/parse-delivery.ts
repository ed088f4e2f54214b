import { Decimal } from '../src/domain/money.ts';
import { parseJson } from './parse-json.ts';

/** So many digits a double always keeps. */
const DIGITS_KEPT = 15;

/**
 * JSON that a stranger sends, who cannot be told to send long numbers as texts: a number that a double would change
 * becomes the text that was written. Throws `malformed_request`.
 */
export function parseDelivery(bytes: Buffer): unknown {
  const value = parseJson(bytes);
  const text = bytes.toString();
  // Short numbers are all that most bodies have, and those are read already.
  if (!/[\d.]{16}|\d[eE][+-]?\d/.test(text)) return value;
  return JSON.parse(text, exactly);
}

function exactly(_name: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined) return value;
  if (source.length <= DIGITS_KEPT && !/e/i.test(source)) return value;
  return Number.isFinite(value) && new Decimal(source).eq(String(value)) ? value : source;
}
