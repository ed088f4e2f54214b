import { createHmac, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { SealedAt } from './vault.ts';

/** What came from a sender, with header names in small letters. */
export type SignedDelivery = { rawBody: Buffer; headers: Readonly<Record<string, string>>; now: Date };

/** As Standard Webhooks 1.0 recommend: what is older may be somebody's who listened. */
const TOLERANCE_MS = 300_000;

/** Why the three headers of Standard Webhooks 1.0 prove nothing; null when one of the secrets made them. */
export function standardSignatureTrouble(
  { rawBody, headers, now }: SignedDelivery,
  secrets: readonly string[],
): string | null {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || !signatures)
    return 'The headers webhook-id, webhook-timestamp and webhook-signature are needed.';
  const at = new Date(Number(timestamp) * 1_000);
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now.getTime() - at.getTime()) > TOLERANCE_MS)
    return 'The webhook-timestamp is more than five minutes away from now.';
  const given = signatures.split(' ').slice(0, 10);
  const expected = secrets.map((secret) => new Webhook(secret).sign(id, at, rawBody.toString()));
  return expected.some((one) => given.some((other) => same(one, other)))
    ? null
    : 'The webhook-signature does not fit the body and the secret.';
}

/** The same for an HMAC-SHA256 of the body, in hex, with or without `sha256=` before it. */
export function hmacSignatureTrouble(
  { rawBody, headers }: SignedDelivery,
  header: string,
  secrets: readonly string[],
): string | null {
  const given = headers[header]
    ?.trim()
    .replace(/^sha256=/i, '')
    .toLowerCase();
  if (!given) return `The header ${header} is needed.`;
  const expected = secrets.map((secret) => createHmac('sha256', secret).update(rawBody).digest('hex'));
  return expected.some((one) => same(one, given))
    ? null
    : `What stands in ${header} does not fit the body and the secret.`;
}

/** Where the secrets of a collector are sealed, the current and the former one. */
export function collectorSecretPlace(collector: { tenantId: string; id: string }): SealedAt {
  return { tenantId: collector.tenantId, column: 'usage_collectors.secret', rowId: collector.id };
}

function same(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
