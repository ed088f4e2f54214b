import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { isUsageProblem } from '../../src/contract/read-usage-event.ts';
import { ingestedOut, presentIngested } from '../../src/contract/usage-events.ts';
import type { Collector } from '../../src/domain/collector.ts';
import { DomainError, isDomainError } from '../../src/domain/errors.ts';
import { findCollectorByToken, noteCollected } from '../../src/persistence/collectors.ts';
import { found } from '../../src/persistence/find-by-reference.ts';
import { ingestUsage } from '../../src/persistence/ingest-usage.ts';
import { clock } from '../../src/platform/clock.ts';
import { crashPoint } from '../../src/platform/crash-point.ts';
import {
  collectorSecretPlace,
  hmacSignatureTrouble,
  type SignedDelivery,
  standardSignatureTrouble,
} from '../../src/platform/delivery-signature.ts';
import { hashApiKey } from '../api-key.ts';
import type { ApiDeps } from '../deps.ts';
import { parseDelivery } from '../parse-delivery.ts';
import { type Route, rawRoute } from '../route.ts';
import { readDelivery } from '../try-mapping.ts';

const BODY_BYTES_MAX = 1024 * 1024;
const ERROR_LENGTH_MAX = 300;

const receive = rawRoute({
  method: 'post',
  path: '/collectors/{token}',
  operationId: 'receiveCollected',
  summary: "Receive other people's webhooks",
  description:
    'For senders only. The signature is checked over the raw bytes of the body; the mapping of the collector makes events of it. 200 also when some events were rejected: to send them again would change nothing. 409 while the collector is disabled, so that the sender tries again.',
  tag: 'Usage',
  auth: 'public',
  params: z.object({ token: z.string().max(200) }),
  bodyLimitBytes: BODY_BYTES_MAX,
  response: {
    description: 'What became of each event.',
    schema: ingestedOut,
    contentType: 'application/json',
  },
  errors: [
    'not_found',
    'malformed_request',
    'validation_failed',
    'collector_signature_invalid',
    'collector_disabled',
  ],
  async handler({ deps, params, rawBody, headers }) {
    const now = clock.now();
    const collector = found(
      await deps.database.asSystem('collector', (tx) =>
        findCollectorByToken(tx, hashApiKey(params.token, deps.keyPepper), now),
      ),
      'collector',
    );
    try {
      const taken = await take(deps, collector, { rawBody, headers: textsOf(headers), now });
      return { status: 200, contentType: 'application/json', body: JSON.stringify(taken) };
    } catch (error) {
      // The sender is seldom the one who can mend it; who can looks at the collector.
      if (isDomainError(error)) await noteRefused(deps, collector, error, now);
      throw error;
    }
  },
});

export const collectorInboxRoutes: Route[] = [receive];

async function take(
  deps: ApiDeps,
  collector: Collector,
  delivery: SignedDelivery,
): Promise<z.infer<typeof ingestedOut>> {
  assertSigned(deps, collector, delivery);
  if (collector.status === 'disabled') {
    throw new DomainError('collector_disabled', 'This collector is disabled; send it again later.');
  }
  const { headers, now } = delivery;
  const body = parseDelivery(delivery.rawBody);
  const read = readDelivery(collector.mapping, { body, headers }).map((reading) => reading.read);
  const events = read.flatMap((event) => (isUsageProblem(event) ? [] : [event]));
  const { tenantId, id } = collector;
  const taken = await deps.database.withTenant(tenantId, async (tx) => {
    const outcomes = events.length === 0 ? [] : await ingestUsage(tx, tenantId, events, now);
    const answer = presentIngested(read, outcomes);
    const { accepted, duplicates, rejected } = answer;
    noteCollected(tx, id, { accepted, duplicates, rejected, refused: 0, error: lastError(answer, now) }, now);
    crashPoint('collector.beforeCommit');
    return answer;
  });
  crashPoint('collector.afterCommit');
  return taken;
}

/** Throws `collector_signature_invalid`. */
function assertSigned(deps: ApiDeps, collector: Collector, delivery: SignedDelivery): void {
  const { scheme, signatureHeader, secretSealed, previousSecretSealed, previousSecretExpiresAt } = collector;
  if (scheme === 'none' || secretSealed === null) return;
  const place = collectorSecretPlace(collector);
  const rotating = previousSecretExpiresAt !== null && previousSecretExpiresAt > delivery.now;
  const secrets = [
    deps.vault.open(secretSealed, place),
    ...(rotating && previousSecretSealed ? [deps.vault.open(previousSecretSealed, place)] : []),
  ];
  const trouble =
    scheme === 'standard_webhooks'
      ? standardSignatureTrouble(delivery, secrets)
      : hmacSignatureTrouble(delivery, signatureHeader ?? '', secrets);
  if (trouble !== null) throw new DomainError('collector_signature_invalid', trouble);
}

async function noteRefused(
  { database }: ApiDeps,
  { id, tenantId }: Collector,
  { code, message }: DomainError,
  now: Date,
): Promise<void> {
  const error = { at: now.toISOString(), code, message: message.slice(0, ERROR_LENGTH_MAX), path: null };
  const refused = { accepted: 0, duplicates: 0, rejected: 0, refused: 1, error };
  await database.withTenant(tenantId, async (tx) => noteCollected(tx, id, refused, now));
}

function lastError({ data }: z.infer<typeof ingestedOut>, now: Date) {
  const last = data.findLast(({ status }) => status === 'rejected');
  if (!last) return null;
  const { code = '', message = '', path } = last;
  return {
    at: now.toISOString(),
    code,
    message: message.slice(0, ERROR_LENGTH_MAX),
    path: path?.slice(0, ERROR_LENGTH_MAX) ?? null,
  };
}

/** Headers as mappings see them: one text each, without what belongs to somebody else. */
function textsOf(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || name === 'authorization' || name === 'cookie'
      ? []
      : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
  return Object.fromEntries(entries);
}
