import type { IncomingMessage } from 'node:http';
import { isDomainError } from '../../domain/errors.ts';
import { parseAmount } from '../../domain/money.ts';
import { type NewCharge, Refused } from './charges.ts';
import { fields } from './wire.ts';

const BODY_BYTES_MAX = 16 * 1024;

/** The fields of a JSON body, or of a form (the buttons of the action page send one). */
export async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const text = await readText(request);
  if (text === '') return {};
  const type = request.headers['content-type'] ?? '';
  if (type.startsWith('application/x-www-form-urlencoded'))
    return Object.fromEntries(new URLSearchParams(text));
  if (!type.startsWith('application/json'))
    throw new Refused(415, 'unsupported_media_type', 'Send the body as application/json.');
  const body = parsed(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refused(400, 'malformed_request', 'The body is not a JSON object.');
  }
  return fields(body);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > BODY_BYTES_MAX)
      throw new Refused(413, 'body_too_large', `A body may have at most ${BODY_BYTES_MAX} bytes.`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The charge a request asks for, every field checked. */
export function readNewCharge(body: Record<string, unknown>, now: Date): NewCharge {
  const clock = text(body, 'clock', 4);
  if (clock !== 'real' && clock !== 'test') throw invalid('clock', 'has to be "real" or "test"');
  return {
    idempotencyKey: text(body, 'idempotency_key', 255),
    ...readAmount(body),
    methodRef: text(body, 'method_ref', 64),
    description: text(body, 'description', 500),
    clock,
    callbackUrl: readUrl(body),
    callbackSecret: text(body, 'callback_secret', 255),
    asOf: (readInstant(body['as_of']) ?? now).toISOString(),
  };
}

/** An amount above zero with no more decimals than its currency has. */
export function readAmount(body: Record<string, unknown>): { amount: string; currency: string } {
  const currency = text(body, 'currency', 3);
  const amount = text(body, 'amount', 40);
  try {
    if (parseAmount(amount, currency).lessThanOrEqualTo(0))
      throw invalid('amount', 'has to be more than zero');
  } catch (error) {
    throw isDomainError(error) ? new Refused(422, error.code, error.message) : error;
  }
  return { amount, currency };
}

/** An RFC 3339 instant; null when it was left out. */
export function readInstant(value: unknown): Date | null {
  if (value === undefined || value === null) return null;
  const instant =
    typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? new Date(value) : new Date(Number.NaN);
  if (Number.isNaN(instant.getTime()))
    throw invalid('as_of', 'has to be an instant like 2027-01-31T09:00:00Z');
  return instant;
}

export function text(body: Record<string, unknown>, name: string, lengthMax: number): string {
  const value = body[name];
  if (typeof value === 'string' && value !== '' && value.length <= lengthMax) return value;
  throw invalid(name, `has to be a text of 1 to ${lengthMax} characters`);
}

function readUrl(body: Record<string, unknown>): string {
  const url = text(body, 'callback_url', 2048);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalid('callback_url', 'has to be an http or https URL');
  return url;
}

function invalid(name: string, what: string): Refused {
  return new Refused(422, 'validation_failed', `The field ${name} ${what}.`);
}
