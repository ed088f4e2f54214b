import type { IncomingMessage } from 'node:http';
import { clock } from '../../platform/clock.ts';
import type { Book, Charge, Method, Refund } from './book.ts';
import type { Callbacks } from './callbacks.ts';
import {
  attachMethod,
  type Changed,
  completeAction,
  confirmCharge,
  createCharge,
  endPending,
  nextBehaviour,
  Refused,
  refundCharge,
  refundedOf,
} from './charges.ts';
import { actionPage } from './page.ts';
import { readAmount, readBody, readInstant, readNewCharge, text } from './read-request.ts';
import { type Fault, testTokens } from './tokens.ts';
import type { WireCharge } from './wire.ts';

/** What is sent back; a `fault` is an answer that goes wrong on purpose. */
export type Reply =
  | { kind: 'json'; status: number; body: object }
  | { kind: 'html'; status: number; html: string }
  | { kind: 'see_other'; location: string }
  | { kind: 'fault'; fault: Fault };

export type Room = {
  book: Book;
  callbacks: Callbacks;
  publicUrl: string;
  settleAfterMs: number;
  /** Ends a pending charge on the real clock when its time has come. */
  schedule(charge: Charge): void;
};

type Call = { room: Room; request: IncomingMessage; ref: string; query: URLSearchParams };
type Route = { method: 'GET' | 'POST'; path: RegExp; handle: (call: Call) => Promise<Reply> | Reply };

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/health$/, handle: health },
  { method: 'GET', path: /^\/v1\/test_tokens$/, handle: () => ok({ object: 'list', data: testTokens() }) },
  { method: 'POST', path: /^\/v1\/payment_methods$/, handle: attach },
  { method: 'POST', path: /^\/v1\/charges$/, handle: prepare },
  { method: 'GET', path: /^\/v1\/charges$/, handle: list },
  { method: 'GET', path: /^\/v1\/charges\/(\w+)$/, handle: retrieve },
  { method: 'POST', path: /^\/v1\/charges\/(\w+)\/confirm$/, handle: confirm },
  { method: 'POST', path: /^\/v1\/charges\/(\w+)\/action$/, handle: act },
  { method: 'POST', path: /^\/v1\/charges\/(\w+)\/repeat_callback$/, handle: repeatCallback },
  { method: 'POST', path: /^\/v1\/refunds$/, handle: refund },
  { method: 'GET', path: /^\/actions\/(\w+)$/, handle: page },
];

/** Answers one request. Refusals are thrown as `Refused` by whoever finds them and become JSON errors here. */
export async function answer(room: Room, request: IncomingMessage): Promise<Reply> {
  const url = URL.parse(request.url ?? '/', 'http://sandbox') ?? new URL('http://sandbox/malformed');
  const here = ROUTES.filter((route) => route.path.test(url.pathname));
  const route = here.find((candidate) => candidate.method === request.method);
  try {
    if (here.length === 0) throw new Refused(404, 'not_found', `There is nothing at ${url.pathname}.`);
    if (route === undefined)
      throw new Refused(405, 'method_not_allowed', `${url.pathname} does not take ${request.method}.`);
    const ref = route.path.exec(url.pathname)?.[1] ?? '';
    return await route.handle({ room, request, ref, query: url.searchParams });
  } catch (error) {
    if (error instanceof Refused)
      return {
        kind: 'json',
        status: error.status,
        body: { error: { code: error.code, message: error.message } },
      };
    throw error;
  }
}

function health({ room }: Call): Reply {
  return ok({ status: 'ok', name: 'sandbox', charges: room.book.order.length });
}

async function attach({ room, request }: Call): Promise<Reply> {
  const token = text(await readBody(request), 'token', 100);
  return ok(presentMethod(attachMethod(room.book, token, clock.now())), 201);
}

async function prepare({ room, request }: Call): Promise<Reply> {
  const now = clock.now();
  const { charge, created } = createCharge(room.book, readNewCharge(await readBody(request), now), now);
  const behaviour = nextBehaviour(room.book, charge);
  if (created && behaviour.kind === 'answer_lost' && behaviour.of === 'prepare')
    return { kind: 'fault', fault: 'hang' };
  return ok(present(room, charge), created ? 201 : 200);
}

async function confirm({ room, request, ref }: Call): Promise<Reply> {
  const now = clock.now();
  const asOf = readInstant((await readBody(request))['as_of']) ?? now;
  const charge = find(room, ref);
  const behaviour = charge.status === 'prepared' ? nextBehaviour(room.book, charge) : null;
  const changed = confirmCharge(room.book, charge, { asOf, now, settleAfterMs: room.settleAfterMs });
  const announced = announce(room, changed);
  room.schedule(changed.charge);

  if (behaviour?.kind === 'fault') return { kind: 'fault', fault: behaviour.fault };
  if (behaviour?.kind === 'answer_lost' && behaviour.of === 'confirm')
    return { kind: 'fault', fault: 'hang' };
  if (behaviour?.kind === 'callback_before_answer') await announced;
  return ok(present(room, changed.charge));
}

/** Reading with an `as_of` moves a pending charge of a test clock on; without one it only reads. */
function retrieve({ room, ref, query }: Call): Reply {
  const charge = find(room, ref);
  const asOf = readInstant(query.get('as_of'));
  const changed =
    asOf === null ? { charge, announce: null } : endPending(room.book, charge, { asOf, now: clock.now() });
  void announce(room, changed);
  const callbacks = room.book.callbacksOf(ref);
  return ok({
    ...present(room, changed.charge),
    callbacks: callbacks.map(({ ref: id, type, state, attempts }) => ({ id, type, state, attempts })),
  });
}

function list({ room, query }: Call): Reply {
  const { book } = room;
  const limit = Number(query.get('limit') ?? '100');
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new Refused(422, 'validation_failed', 'The limit has to be from 1 to 1000.');
  const cursor = query.get('cursor');
  const after = cursor === null ? -1 : book.place.get(cursor);
  if (after === undefined)
    throw new Refused(422, 'validation_failed', 'The cursor is not one this list answered.');

  const matching: Charge[] = [];
  for (let place = after + 1; place < book.order.length && matching.length <= limit; place++) {
    const charge = book.charges.get(book.order[place] ?? '');
    if (charge !== undefined && matches(charge, query)) matching.push(charge);
  }
  const data = matching.slice(0, limit);
  const more = matching.length > limit;
  return ok({
    object: 'list',
    data: data.map((charge) => present(room, charge)),
    has_more: more,
    next_cursor: more ? (data.at(-1)?.ref ?? null) : null,
  });
}

function matches(charge: Charge, query: URLSearchParams): boolean {
  const wanted: [string, string][] = [
    ['status', charge.status],
    ['idempotency_key', charge.idempotencyKey],
    ['method_ref', charge.methodRef],
  ];
  return wanted.every(([name, value]) => !query.has(name) || query.getAll(name).includes(value));
}

async function act({ room, request, ref }: Call): Promise<Reply> {
  const body = await readBody(request);
  const result = body['result'];
  if (result !== 'succeed' && result !== 'fail')
    throw new Refused(422, 'validation_failed', 'The field result has to be "succeed" or "fail".');
  const changed = completeAction(room.book, find(room, ref), result, {
    asOf: readInstant(body['as_of']),
    now: clock.now(),
  });
  void announce(room, changed);
  const fromPage = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  return fromPage ? { kind: 'see_other', location: `/actions/${ref}` } : ok(present(room, changed.charge));
}

function repeatCallback({ room, ref }: Call): Reply {
  if (!room.callbacks.repeat(find(room, ref).ref))
    throw new Refused(409, 'no_callback', 'This charge has had no callback so far.');
  return ok({ ref, repeated: true }, 202);
}

async function refund({ room, request }: Call): Promise<Reply> {
  const body = await readBody(request);
  const wanted = {
    idempotencyKey: text(body, 'idempotency_key', 255),
    chargeRef: text(body, 'charge_ref', 64),
    ...readAmount(body),
  };
  return ok(presentRefund(refundCharge(room.book, wanted, clock.now())), 201);
}

function page({ room, ref }: Call): Reply {
  return { kind: 'html', status: 200, html: actionPage(find(room, ref)) };
}

function find(room: Room, ref: string): Charge {
  const charge = room.book.charges.get(ref);
  if (charge === undefined) throw new Refused(404, 'charge_not_found', `There is no charge ${ref}.`);
  return charge;
}

function announce(room: Room, { charge, announce: type }: Changed): Promise<void> {
  return type === null ? Promise.resolve() : room.callbacks.announce(charge, type);
}

function ok(body: object, status = 200): Reply {
  return { kind: 'json', status, body };
}

/** The charge as the world sees it: everything but where and with which secret its callbacks go. */
function present(room: Room, charge: Charge): WireCharge {
  return {
    object: 'charge',
    ref: charge.ref,
    idempotency_key: charge.idempotencyKey,
    amount: charge.amount,
    currency: charge.currency,
    method_ref: charge.methodRef,
    description: charge.description,
    status: charge.status,
    decline: charge.decline,
    action_url: charge.status === 'requires_action' ? `${room.publicUrl}/actions/${charge.ref}` : null,
    confirm_count: charge.confirmCount,
    amount_refunded: refundedOf(room.book, charge.ref),
    created_at: charge.createdAt,
    settled_at: charge.settledAt,
  };
}

function presentMethod({ ref, card }: Method): object {
  return {
    object: 'payment_method',
    ref,
    brand: card.brand,
    last4: card.last4,
    exp_month: card.expMonth,
    exp_year: card.expYear,
  };
}

function presentRefund({ ref, chargeRef, amount, currency, createdAt }: Refund): object {
  return { object: 'refund', ref, charge_ref: chargeRef, amount, currency, created_at: createdAt };
}
