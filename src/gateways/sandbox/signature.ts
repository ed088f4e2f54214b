import { createHmac, timingSafeEqual } from 'node:crypto';

/** A callback older or newer than this is refused, so that a recorded one cannot be played back later. */
const TOLERANCE_MS = 300_000;
const HEADER_LENGTH_MAX = 1024;

/** The `Sandbox-Signature` header: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, one `v1` per secret. */
export function signCallback(rawBody: Buffer | string, secrets: readonly string[], at: Date): string {
  const t = String(Math.floor(at.getTime() / 1000));
  return [`t=${t}`, ...secrets.map((secret) => `v1=${mac(secret, t, rawBody).toString('hex')}`)].join(',');
}

/**
 * Whether one of the header's signatures was made with one of the secrets, within 300 s of `now`. Answers null when it
 * was, else the reason. Every pair is compared, in constant time, so the time taken tells nothing about a secret.
 */
export function signatureFault(
  header: string | undefined,
  rawBody: Buffer,
  secrets: readonly string[],
  now: Date,
): string | null {
  const signed = parseHeader(header);
  if (signed === null) return 'The Sandbox-Signature header is missing or malformed.';
  const usable = secrets.filter((secret) => secret !== '');
  if (usable.length === 0) return 'No secret is set for this callback address.';

  let matches = 0;
  for (const secret of usable) {
    const expected = mac(secret, signed.t, rawBody);
    for (const candidate of signed.candidates) matches += timingSafeEqual(expected, candidate) ? 1 : 0;
  }
  if (matches === 0) return 'No signature matches the body and a valid secret.';
  if (Math.abs(now.getTime() - Number(signed.t) * 1000) > TOLERANCE_MS)
    return 'The signature is more than 300 seconds away from now.';
  return null;
}

function mac(secret: string, t: string, rawBody: Buffer | string): Buffer {
  return createHmac('sha256', secret).update(`${t}.`).update(rawBody).digest();
}

function parseHeader(header: string | undefined): { t: string; candidates: Buffer[] } | null {
  if (header === undefined || header.length > HEADER_LENGTH_MAX) return null;
  const parts = header.split(',').map((part) => part.trim());
  const times = parts.filter((part) => part.startsWith('t=')).map((part) => part.slice(2));
  const candidates = parts.flatMap((part) =>
    /^v1=[0-9a-f]{64}$/.test(part) ? [Buffer.from(part.slice(3), 'hex')] : [],
  );
  const t = times[0];
  if (times.length !== 1 || t === undefined || !/^\d{1,12}$/.test(t) || candidates.length === 0) return null;
  return { t, candidates };
}
