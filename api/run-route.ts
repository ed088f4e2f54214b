import type { Request } from 'express';
import { DomainError } from '../src/domain/errors.ts';
import { type Authenticator, authorize, type Principal } from './authenticate.ts';
import type { ApiDeps } from './deps.ts';
import { type Answer, fingerprintOf, idempotencyKeyOf, looking, runWrite } from './idempotency.ts';
import { checkText, parseJson, refuseOtherThanJson } from './parse-json.ts';
import type { Call, Route } from './route.ts';
import { runCommand } from './send-command.ts';
import { validate } from './validate.ts';

export type Result = {
  status: number;
  contentType: string;
  headers: Record<string, string>;
  body: string | Buffer | AsyncIterable<string>;
};
type Caller = {
  requestId: string;
  principal: Principal;
  /** Sets a header of the answer, whatever the answer will be. */
  tell: (header: string, value: string) => void;
};

/** Validates one request with its route's schemas and lets the route answer it. */
export async function runRoute(
  deps: ApiDeps,
  authenticator: Authenticator,
  route: Route,
  request: Request,
  { requestId, principal, tell }: Caller,
): Promise<Result> {
  authorize(principal, route.scope);
  const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const bodyIsRead = route.body !== null && route.work.kind !== 'raw';
  const bodyValue = bodyIsRead ? readJson(request, rawBody) : undefined;
  const committed: (() => void)[] = [];
  const call: Call = {
    deps,
    tenantId:
      principal.kind === 'tenant' ? principal.tenantId : principal.kind === 'operator' ? 'operator' : '',
    mode: principal.kind === 'tenant' ? principal.mode : null,
    keyId: principal.kind === 'tenant' ? principal.keyId : null,
    scopes: principal.kind === 'tenant' ? principal.scopes : [],
    requestId,
    ifMatch: route.revisioned ? revisionOf(request.get('if-match')) : null,
    cause: { correlationId: requestId, causationId: null },
    forgetKey: (keyId) => authenticator.forget(keyId),
    afterCommit: (work) => committed.push(work),
    params: validate(route.params, storable(request.params)),
    query: validate(route.query, storable(request.query)),
    body: route.body && bodyIsRead ? validate(route.body, bodyValue ?? {}) : undefined,
  };
  if (route.work.kind === 'raw') {
    const rawAnswer = await route.work.handler({
      ...call,
      body: undefined,
      rawBody,
      arriving: request,
      headers: request.headers,
      remoteAddress: request.socket.remoteAddress,
    });
    return { ...rawAnswer, headers: rawAnswer.headers ?? {} };
  }
  // A command is kept by its key, whatever the method it is asked for with.
  const keyed = route.work.kind === 'command' ? 'post' : route.method;
  const key = idempotencyKeyOf(request.get('idempotency-key'), keyed);
  // Also with a 503, which asks for the same key again: the caller may have left its choice to us.
  if (key !== null && route.work.kind !== 'read') tell('Idempotency-Key', key);
  // A secret is shown again to the key that made it, not to a lesser one that guesses the request.
  const asker =
    route.work.kind === 'write' && route.work.secretAnswer ? `${call.keyId ?? call.tenantId}\n` : '';
  const answer = await perform(route, call, {
    key,
    fingerprint: () => fingerprintOf(request.method, asker + request.originalUrl, bodyValue),
  });
  for (const work of committed) work();
  if (deps.checkAnswers) checkAnswer(route, answer);
  return {
    status: answer.status,
    contentType: answer.status < 400 ? 'application/json' : 'application/problem+json',
    headers: answer.replayed ? { 'Idempotent-Replayed': 'true' } : {},
    body: answer.body,
  };
}

async function perform(
  route: Route,
  call: Call,
  request: { key: string | null; fingerprint: () => Buffer },
): Promise<Answer> {
  const { work } = route;
  const { key, fingerprint } = request;
  switch (work.kind) {
    case 'read': {
      const body = JSON.stringify(await looking(route, call, (tx) => work.handler(tx, call)));
      return { status: route.response.status, body, replayed: false };
    }
    case 'write':
      return runWrite(route, call, { key, fingerprint: fingerprint() });
    case 'command':
      if (key === null) throw new Error(`${route.operationId} is a command, so it has a key`);
      return runCommand(route, call, { key, fingerprint: fingerprint() });
    case 'raw':
      throw new Error(`${route.operationId} answers by itself`);
  }
}

/** An absent body is an empty one: what is required is then named field by field. */
function readJson(request: Request, rawBody: Buffer): unknown {
  if (rawBody.length === 0) return undefined;
  refuseOtherThanJson(request.get('content-type'));
  return parseJson(rawBody);
}

/** Path and query as plain objects, free of what the database could not take. */
function storable(values: object): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    for (const text of [name, value].flat()) checkText(String(text), 'The URL');
    plain[name] = value;
  }
  return plain;
}

/** `If-Match: 3` or `"3"`; a star matches everything. */
function revisionOf(header: string | undefined): number | null {
  if (header === undefined || header.trim() === '*') return null;
  const match = /^"?(\d{1,9})"?$/.exec(header.trim());
  if (match?.[1]) return Number(match[1]);
  throw new DomainError('malformed_request', 'Write the revision of the object in If-Match, such as "3".');
}

function checkAnswer(route: Route, answer: Answer): void {
  if (answer.status >= 400 || !route.response.schema) return;
  const parsed = route.response.schema.safeParse(JSON.parse(answer.body));
  if (!parsed.success)
    throw new Error(`${route.operationId} answers what it does not document: ${parsed.error.message}`);
}
