import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type {
  CollectorIn,
  collectorUpdate,
  secretRotate,
  signatureIn,
  tokenRotate,
} from '../src/contract/collectors.ts';
import { mergeMetadata, metadataFits } from '../src/contract/common.ts';
import type { Collector } from '../src/domain/collector.ts';
import { DomainError } from '../src/domain/errors.ts';
import {
  changeCollector,
  countCollectors,
  insertCollector,
  lockCollector,
} from '../src/persistence/collectors.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { found } from '../src/persistence/find-by-reference.ts';
import { collectorSecretPlace } from '../src/platform/delivery-signature.ts';
import { newId } from '../src/platform/ids.ts';
import { newWebhookSecret } from '../src/platform/webhook-signature.ts';
import { hashApiKey } from './api-key.ts';
import type { ApiDeps } from './deps.ts';
import type { Call } from './route.ts';
import { invalid } from './validate.ts';

/** What the routes of collectors do, each in the transaction it is given. `at` is the database's clock. */

type On<B = unknown> = Call<{ id: string }, unknown, B>;
/** With what is shown once; null where there is nothing new. */
type WithSecrets = { collector: Collector; url: string | null; secret: string | null };

const COLLECTORS_MAX = 100;
const HOUR_MS = 3_600_000;

/** Throws `too_many_collectors`. */
export async function createCollector(
  tx: Tx,
  { tenantId, body, deps }: Call<unknown, unknown, CollectorIn>,
  at: Date,
): Promise<WithSecrets> {
  if ((await countCollectors(tx, tenantId)) >= COLLECTORS_MAX) {
    throw new DomainError('too_many_collectors', `There are ${COLLECTORS_MAX} collectors; delete one first.`);
  }
  const id = newId('col');
  const { url, ...token } = newToken(deps);
  const { secret, ...signed } = signedAs(deps, { tenantId, id }, body.signature);
  const collector = await insertCollector(tx, {
    id,
    tenantId,
    name: body.name,
    status: 'enabled',
    mapping: body.mapping,
    ...token,
    previousTokenHash: null,
    previousTokenExpiresAt: null,
    ...signed,
    accepted: '0',
    duplicates: '0',
    rejected: '0',
    refused: '0',
    lastReceivedAt: null,
    lastError: null,
    metadata: body.metadata ?? {},
    createdAt: at,
    updatedAt: at,
    deletedAt: null,
  });
  return { collector, url, secret };
}

/** The collector, locked. Throws `not_found`. */
export async function lockLiveCollector(tx: Tx, id: string): Promise<Collector> {
  return found(await lockCollector(tx, id), 'collector');
}

export async function changedCollector(
  tx: Tx,
  { params, body, deps }: On<z.output<typeof collectorUpdate>>,
  at: Date,
): Promise<WithSecrets> {
  const collector = await lockLiveCollector(tx, params.id);
  const metadata = mergeMetadata(collector.metadata, body.metadata);
  if (!metadataFits(metadata)) {
    const message = 'With these, the collector has more than 50 keys; remove some.';
    throw invalid([{ path: 'metadata', code: 'too_many_keys', message }]);
  }
  const { secret, ...signed } = body.signature ? signedAs(deps, collector, body.signature) : { secret: null };
  const changed = await changeCollector(tx, collector, {
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.mapping === undefined ? {} : { mapping: body.mapping }),
    ...signed,
    metadata,
    updatedAt: at,
  });
  return { collector: changed, url: null, secret };
}

export async function steerCollector(
  tx: Tx,
  id: string,
  status: Collector['status'],
  at: Date,
): Promise<Collector> {
  const collector = await lockLiveCollector(tx, id);
  return collector.status === status ? collector : changeCollector(tx, collector, { status, updatedAt: at });
}

export async function rotateToken(
  tx: Tx,
  { params, body, deps }: On<z.output<typeof tokenRotate>>,
  at: Date,
): Promise<WithSecrets> {
  const collector = await lockLiveCollector(tx, params.id);
  const overlapMs = body.previous_expires_in_hours * HOUR_MS;
  const { url, ...token } = newToken(deps);
  const rotated = await changeCollector(tx, collector, {
    ...token,
    previousTokenHash: overlapMs > 0 ? collector.tokenHash : null,
    previousTokenExpiresAt: overlapMs > 0 ? new Date(at.getTime() + overlapMs) : null,
    updatedAt: at,
  });
  return { collector: rotated, url, secret: null };
}

/** Throws `collector_unsigned` when there is no secret to rotate. */
export async function rotateSecret(
  tx: Tx,
  { params, body, deps }: On<z.output<typeof secretRotate>>,
  at: Date,
): Promise<WithSecrets> {
  const collector = await lockLiveCollector(tx, params.id);
  const { scheme } = collector;
  if (scheme === 'none') {
    throw new DomainError(
      'collector_unsigned',
      'This collector takes requests without a signature; change its signature first, or rotate its token.',
    );
  }
  if (scheme === 'standard_webhooks' && body.secret !== undefined && !body.secret.startsWith('whsec_')) {
    const message = 'Write a Standard Webhooks secret: "whsec_" and base64.';
    throw invalid([{ path: 'secret', code: 'format_invalid', message }]);
  }
  const secret = body.secret ?? newSecret(scheme);
  const overlapMs = body.previous_expires_in_hours * HOUR_MS;
  const rotated = await changeCollector(tx, collector, {
    secretSealed: deps.vault.seal(secret, collectorSecretPlace(collector)),
    previousSecretSealed: overlapMs > 0 ? collector.secretSealed : null,
    previousSecretExpiresAt: overlapMs > 0 ? new Date(at.getTime() + overlapMs) : null,
    updatedAt: at,
  });
  return { collector: rotated, url: null, secret };
}

function newToken(deps: ApiDeps): Pick<Collector, 'tokenHash' | 'tokenLast4'> & { url: string } {
  const token = randomBytes(24).toString('base64url');
  return {
    url: `${deps.publicUrl}/collectors/${token}`,
    tokenHash: hashApiKey(token, deps.keyPepper),
    tokenLast4: token.slice(-4),
  };
}

/** A change of the signature takes effect at once: the former secret may be of another scheme. */
function signedAs(
  deps: ApiDeps,
  collector: { tenantId: string; id: string },
  signature: z.output<typeof signatureIn>,
): Pick<
  Collector,
  'scheme' | 'signatureHeader' | 'secretSealed' | 'previousSecretSealed' | 'previousSecretExpiresAt'
> & { secret: string | null } {
  const { scheme } = signature;
  const secret = scheme === 'none' ? null : (signature.secret ?? newSecret(scheme));
  return {
    scheme,
    signatureHeader: scheme === 'hmac_sha256' ? signature.header.toLowerCase() : null,
    secretSealed: secret === null ? null : deps.vault.seal(secret, collectorSecretPlace(collector)),
    previousSecretSealed: null,
    previousSecretExpiresAt: null,
    secret,
  };
}

function newSecret(scheme: 'standard_webhooks' | 'hmac_sha256'): string {
  return scheme === 'standard_webhooks' ? newWebhookSecret() : randomBytes(32).toString('hex');
}
