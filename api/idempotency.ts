import { createHash } from 'node:crypto';
import { DomainError } from '../src/domain/errors.ts';
import type { Tx } from '../src/persistence/doors.ts';
import {
  claimIdempotencyKey,
  findIdempotencyKey,
  type KnownRequest,
  storeAnswer,
} from '../src/persistence/idempotency.ts';
import { databaseTrouble, isLockTimeout } from '../src/persistence/trouble.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { newId } from '../src/platform/ids.ts';
import type { ApiDeps } from './deps.ts';
import type { Call, Method, Route } from './route.ts';

/** What a route answers, as text so that a replay is the same bytes. */
export type Answer = { status: number; body: string; replayed: boolean };

/** Names one request: the caller's key, or for a POST without one a new key that the answer tells. */
export function idempotencyKeyOf(header: string | undefined, method: Method): string | null {
  if (header === undefined) return method === 'post' ? newId('req') : null;
  if (/^[\x20-\x7e]{1,255}$/.test(header)) return header;
  throw new DomainError(
    'malformed_request',
    'Write an Idempotency-Key of 1 to 255 printable ASCII characters.',
  );
}

/** Two requests are the same when method, path, query and body are; the order of members in the body does not count. */
export function fingerprintOf(method: string, url: string, body: unknown): Buffer {
  return createHash('sha256')
    .update(`${method}\n${url}\n${canonical(body)}`)
    .digest();
}

/** A transaction through the door that belongs to the caller's key; run again when it met another one. */
export async function inTransaction<T>(route: Route, call: Call, work: (tx: Tx) => Promise<T>): Promise<T> {
  const { database } = call.deps;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await (route.auth === 'tenant'
        ? database.withTenant(call.tenantId, work)
        : database.asSystem(route.operationId, work));
    } catch (error) {
      if (databaseTrouble(error) !== 'conflict' || attempt === 3) throw error;
    }
  }
}

/** The same for whoever only looks: nothing is locked, nothing begins, so nothing has to be run again. */
export function looking<T>(route: Route, call: Call, work: (tx: Tx) => Promise<T>): Promise<T> {
  const { database } = call.deps;
  return route.auth === 'tenant'
    ? database.lookAsTenant(call.tenantId, work)
    : database.asSystem(route.operationId, work);
}

/** A direct write: the key, the effect, its events and the stored answer in one transaction. */
export async function runWrite(
  route: Route,
  call: Call,
  request: { key: string | null; fingerprint: Buffer },
): Promise<Answer> {
  const { work } = route;
  if (work.kind !== 'write') throw new Error(`${route.operationId} is not a write`);
  const { key, fingerprint } = request;
  const seal = work.secretAnswer ? sealer(call.deps, call.tenantId, key) : clear;

  let prepared: unknown;
  if (work.prepare) {
    // Asking the gateway again is harmless but slow, and by now it may answer otherwise: look first.
    const known =
      key && (await inTransaction(route, call, (tx) => findIdempotencyKey(tx, call.tenantId, key)));
    if (known) return replay(known, fingerprint, seal);
    prepared = await work.prepare(call);
    crashPoint('write.prepared');
  }
  const answer = await inTransaction(route, call, async (tx) => {
    const known = key === null ? null : await claim(tx, call.tenantId, key, fingerprint);
    if (known) return replay(known, fingerprint, seal);
    crashPoint('write.keyClaimed');
    const body = JSON.stringify(await work.handler(tx, call, prepared));
    const { status } = route.response;
    if (key !== null) await storeAnswer(tx, call.tenantId, key, { status, body: seal.close(body) });
    crashPoint('write.beforeCommit');
    return { status, body, replayed: false };
  });
  crashPoint('write.afterCommit');
  return answer;
}

/** Takes the key, or answers what is known of it. Throws `idempotency_key_in_use` after two seconds of waiting. */
export async function claim(
  tx: Tx,
  tenantId: string,
  key: string,
  fingerprint: Buffer,
): Promise<KnownRequest | null> {
  try {
    return await claimIdempotencyKey(tx, tenantId, key, fingerprint);
  } catch (error) {
    throw isLockTimeout(error) ? inUse() : error;
  }
}

/** The stored answer. Throws when the key belongs to another request, or when the first one is not finished. */
export function replay(known: KnownRequest, fingerprint: Buffer, seal: Sealer = clear): Answer {
  assertSameRequest(known, fingerprint);
  if (known.status === null || known.body === null) throw inUse();
  return { status: known.status, body: seal.open(known.body), replayed: true };
}

/** Throws `idempotency_key_reused` unless the key was used for this very request. */
export function assertSameRequest(known: KnownRequest, fingerprint: Buffer): void {
  if (fingerprint.equals(known.fingerprint)) return;
  throw new DomainError(
    'idempotency_key_reused',
    'This Idempotency-Key was used for another request. Repeat that request unchanged, or take a new key.',
  );
}

export function inUse(): DomainError {
  return new DomainError(
    'idempotency_key_in_use',
    'The first request with this Idempotency-Key is still running. Repeat this one in a few seconds.',
  );
}

type Sealer = { close(body: string): string; open(stored: string): string };

const clear: Sealer = { close: (body) => body, open: (stored) => stored };

/** Answers that show a secret are not kept in the clear, not even for a day. */
function sealer(deps: ApiDeps, tenantId: string, key: string | null): Sealer {
  const at = { tenantId, column: 'idempotency_keys.body', rowId: key ?? '' };
  return { close: (body) => deps.vault.seal(body, at), open: (stored) => deps.vault.open(stored, at) };
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}
