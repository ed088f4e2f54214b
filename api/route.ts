import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { CommandKind } from '../src/domain/command.ts';
import type { ErrorCode } from '../src/domain/errors.ts';
import type { Mode, Scope } from '../src/domain/tenant.ts';
import type { Tx } from '../src/persistence/doors.ts';
import type { Cause } from '../src/persistence/events.ts';
import type { ApiDeps } from './deps.ts';

/**
 * One endpoint is one `route()` literal: the schemas that validate it are the ones that document it, so an endpoint
 * nobody documented cannot exist. What a route does is one of four kinds:
 *
 * - `read`: a transaction in, an answer out.
 * - `write`: the effect, its events and the stored answer of its `Idempotency-Key` in one transaction.
 * - `command`: a lifecycle command for a workflow; the row first, then the update (`send-command.ts`).
 * - `raw`: bytes in, bytes out, for pages, metrics and callbacks.
 */

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export type Auth = 'operator' | 'tenant' | 'public';
export type Tag =
  | 'Accounts'
  | 'API keys'
  | 'Customers'
  | 'Payment methods'
  | 'Plans'
  | 'Subscriptions'
  | 'Usage'
  | 'Entitlements'
  | 'Alerts'
  | 'Invoices'
  | 'Payments'
  | 'Webhooks'
  | 'Events'
  | 'Test clocks'
  | 'Operations';

/** One validated request. */
export type Call<P = unknown, Q = unknown, B = unknown> = {
  deps: ApiDeps;
  /** The tenant of the key; `'operator'` for the operator key; `''` for public routes. */
  tenantId: string;
  /** Null unless the request came with a tenant's key. */
  mode: Mode | null;
  keyId: string | null;
  /** What the key may do; empty unless it is a tenant's. */
  scopes: readonly Scope[];
  requestId: string;
  /** The revision the caller has seen, from `If-Match`; null when it does not matter to him. */
  ifMatch: number | null;
  /** Lets a revoked key be refused at once. */
  forgetKey: (keyId: string) => void;
  /** Runs when the transaction of a write is committed, not when it is rolled back or its answer is replayed. */
  afterCommit: (work: () => void) => void;
  /** What events written by this request name as their origin. */
  cause: Cause;
  params: P;
  query: Q;
  body: B;
};

/** What a raw route gets besides. */
export type RawCall<P = unknown, Q = unknown> = Call<P, Q, undefined> & {
  rawBody: Buffer;
  /** The body as it arrives, for routes that stream; the others find it read. */
  arriving: Readable;
  headers: IncomingHttpHeaders;
  remoteAddress: string | undefined;
};

export type RawAnswer = {
  status: number;
  contentType: string;
  headers?: Record<string, string>;
  /** Pieces are sent as they come; what goes wrong behind the first one cuts the answer short. */
  body: string | Buffer | AsyncIterable<string>;
};

/** What a command route decided, after loading its rows: which workflow gets which command. */
export type CommandRequest =
  | {
      workflow: 'subscription' | 'invoice';
      subjectId: string;
      kind: CommandKind;
      /** A body of `contract/commands.ts`. */
      body: Record<string, unknown>;
      requestedAt: Date;
    }
  /** The effect was already made in this transaction: nothing is sent. */
  | { workflow: null; subjectId: string };

type Described = {
  method: Method;
  /** With `{name}` for parameters. */
  path: string;
  operationId: string;
  summary: string;
  description?: string;
  tag: Tag;
  auth: Auth;
  /** What the key must be allowed to do; for tenant routes only. */
  scope?: Scope;
  /** Whether `If-Match` with the object's revision is heeded. */
  revisioned?: boolean;
  /** What it may refuse, besides what every route may. */
  errors?: readonly ErrorCode[];
};

type Shapes<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType> = {
  params?: P;
  query?: Q;
  body?: B;
  /** How large a body may be where the usual limit is too small. */
  bodyLimitBytes?: number;
  response: { status?: 200 | 201; description: string; schema: R };
};

type Reading<C, A> = { kind: 'read'; handler: (tx: Tx, call: C) => Promise<A> };
type Writing<C, A, W> = {
  kind: 'write';
  /** Work that needs no transaction and may be repeated (a call to a gateway, a DNS question), done before it begins. */
  prepare?: (call: C) => Promise<W>;
  handler: (tx: Tx, call: C, prepared: W) => Promise<A>;
  /** The answer shows a secret: it is sealed where it is stored for replays. */
  secretAnswer?: boolean;
};
type Commanding<C, A> = {
  kind: 'command';
  /** Loads, checks and decides; a thrown `DomainError` leaves nothing behind. */
  command: (tx: Tx, call: C) => Promise<CommandRequest>;
  /** The answer, read anew after the command was applied. */
  answer: (tx: Tx, call: C, subjectId: string) => Promise<A>;
};

type Spec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType, W> = Described &
  Shapes<P, Q, B, R> &
  (
    | Reading<Call<z.output<P>, z.output<Q>, z.output<B>>, z.input<R>>
    | Writing<Call<z.output<P>, z.output<Q>, z.output<B>>, z.input<R>, W>
    | Commanding<Call<z.output<P>, z.output<Q>, z.output<B>>, z.input<R>>
  );

export type Work =
  | Reading<Call, unknown>
  | Writing<Call, unknown, unknown>
  | Commanding<Call, unknown>
  | { kind: 'raw'; handler: (call: RawCall) => Promise<RawAnswer> };

/** An endpoint with its types erased: what the application, the documentation and the tests walk over. */
export type Route = Described & {
  params: z.ZodType;
  query: z.ZodType;
  body: z.ZodType | null;
  bodyLimitBytes: number;
  /** The media type of a body that is not read before the handler is called, but by it; null: it is. */
  streams: string | null;
  response: { status: number; description: string; schema: z.ZodType | null; contentType: string };
  work: Work;
};

const nothing = z.strictObject({});
export const BODY_LIMIT_BYTES = 100 * 1024;

/** Declares a JSON endpoint. */
export function route<
  P extends z.ZodType = typeof nothing,
  Q extends z.ZodType = typeof nothing,
  B extends z.ZodType = z.ZodUndefined,
  R extends z.ZodType = z.ZodType,
  W = undefined,
>(spec: Spec<P, Q, B, R, W>): Route {
  return {
    ...described(spec),
    params: spec.params ?? nothing,
    query: spec.query ?? nothing,
    body: spec.body ?? null,
    bodyLimitBytes: spec.bodyLimitBytes ?? BODY_LIMIT_BYTES,
    streams: null,
    response: {
      status: spec.response.status ?? 200,
      description: spec.response.description,
      schema: spec.response.schema,
      contentType: 'application/json',
    },
    work: erase(spec),
  };
}

/** Declares an endpoint that reads or answers something else than JSON. */
export function rawRoute<P extends z.ZodType = typeof nothing, Q extends z.ZodType = typeof nothing>(
  spec: Described & {
    params?: P;
    query?: Q;
    /** What the bytes hold, for the reference; the handler reads them by itself. */
    body?: z.ZodType;
    bodyLimitBytes?: number;
    streams?: string;
    response: { status?: 200; description: string; schema?: z.ZodType; contentType: string };
    handler: (call: RawCall<z.output<P>, z.output<Q>>) => Promise<RawAnswer>;
  },
): Route {
  return {
    ...described(spec),
    params: spec.params ?? nothing,
    query: spec.query ?? nothing,
    body: spec.body ?? null,
    bodyLimitBytes: spec.bodyLimitBytes ?? 0,
    streams: spec.streams ?? null,
    response: { status: 200, schema: null, ...spec.response },
    work: { kind: 'raw', handler: (call) => spec.handler(call as RawCall<z.output<P>, z.output<Q>>) },
  };
}

function described(spec: Described): Described {
  const { method, path, operationId, summary, description, tag, auth, scope, errors, revisioned } = spec;
  return {
    method,
    path,
    operationId,
    summary,
    tag,
    auth,
    ...(description ? { description } : {}),
    ...(auth === 'tenant' ? { scope: scope ?? 'read' } : {}),
    revisioned: revisioned ?? false,
    errors: [...(errors ?? []), ...(revisioned ? (['revision_mismatch'] as const) : [])],
  };
}

/** The application validates with the route's own schemas before it calls, so these casts state what was checked. */
function erase<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType, W>(
  spec: Spec<P, Q, B, R, W>,
): Work {
  type Typed = Call<z.output<P>, z.output<Q>, z.output<B>>;
  switch (spec.kind) {
    case 'read':
      return { kind: 'read', handler: (tx, call) => spec.handler(tx, call as Typed) };
    case 'write': {
      const { prepare, handler, secretAnswer } = spec;
      return {
        kind: 'write',
        ...(prepare ? { prepare: (call: Call) => prepare(call as Typed) } : {}),
        handler: (tx, call, prepared) => handler(tx, call as Typed, prepared as W),
        secretAnswer: secretAnswer ?? false,
      };
    }
    case 'command':
      return {
        kind: 'command',
        command: (tx, call) => spec.command(tx, call as Typed),
        answer: (tx, call, subjectId) => spec.answer(tx, call as Typed, subjectId),
      };
  }
}
