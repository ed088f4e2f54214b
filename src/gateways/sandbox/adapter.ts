import { DomainError } from '../../domain/errors.ts';
import { formatAmount } from '../../domain/money.ts';
import type {
  AttachedMethod,
  CallbackInput,
  CallbackResult,
  ChargeRequest,
  Gateway,
  Outcome,
  Prepared,
  RefundOutcome,
  RefundRequest,
} from '../port.ts';
import { type Answer, type Exchange, exchange } from './exchange.ts';
import { signatureFault } from './signature.ts';
import { fields, isRef, isText, type ReadCharge, readCharge, readError } from './wire.ts';

const CALLBACK_BYTES_MAX = 64 * 1024;
/** Verdicts on the request itself; other 4xx (408, 409, 425, …) may pass. */
const VERDICTS = [400, 404, 413, 415, 422];

/** The sandbox gateway seen from the billing side: the port of `port.ts`, spoken over HTTP to the server in `server.ts`. */
export function sandboxGateway(options: { url: string; timeoutMs: number }): Gateway & AsyncDisposable {
  const http = exchange(options.url, options.timeoutMs);
  return {
    name: 'sandbox',
    prepare: (request) => prepare(http, request),
    confirm: async (ref, { asOf }) => {
      const outcome = await ask(http, ref, 'confirm', asOf);
      return outcome.kind === 'not_confirmed'
        ? unknown(ref, 'The gateway took the confirm and did nothing.')
        : outcome;
    },
    retrieve: (ref, { asOf }) => ask(http, ref, 'retrieve', asOf),
    refund: (request) => refund(http, request),
    attachMethod: (token) => attachMethod(http, token),
    parseCallback,
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

async function prepare(http: Exchange, request: ChargeRequest): Promise<Prepared> {
  const amount = formatAmount(request.amount, request.currency);
  const answer = await http.send('POST', '/v1/charges', {
    idempotency_key: request.idempotencyKey,
    amount,
    currency: request.currency,
    method_ref: request.methodRef,
    callback_url: request.callbackUrl,
    callback_secret: request.callbackSecret,
    as_of: request.asOf.toISOString(),
    clock: request.clock,
    description: request.description,
  });
  if (answer.kind === 'none') return { ...answer, kind: 'unknown' };
  if (answer.status >= 400) return refusedPrepare(answer, request.attemptId);

  const charge = readCharge(answer.body);
  if (charge === null)
    return { kind: 'unknown', reason: 'The gateway answered with something that is not a charge.' };
  const ours =
    charge.idempotency_key === request.idempotencyKey &&
    charge.amount === amount &&
    charge.currency === request.currency;
  return ours
    ? { kind: 'prepared', ref: charge.ref }
    : { kind: 'unknown', reason: 'The gateway answered with another charge.' };
}

function refusedPrepare(answer: Answer & { kind: 'answer' }, attemptId: string): Prepared {
  const error = readError(answer.body);
  if (error !== null && VERDICTS.includes(answer.status)) {
    throw new DomainError('gateway_refused', `The gateway refused to prepare the charge: ${error.message}`, {
      gateway: 'sandbox',
      gateway_code: error.code,
      attempt: attemptId,
    });
  }
  return { kind: 'unknown', reason: `The gateway answered ${answer.status}.` };
}

async function ask(
  http: Exchange,
  ref: string,
  what: 'confirm' | 'retrieve',
  asOf: Date,
): Promise<Outcome | { kind: 'not_confirmed'; ref: string }> {
  if (!isRef(ref)) return unknown(ref, 'This is not a reference of the sandbox gateway.');
  const as_of = asOf.toISOString();
  const answer =
    what === 'confirm'
      ? await http.send('POST', `/v1/charges/${ref}/confirm`, { as_of })
      : await http.send('GET', `/v1/charges/${ref}?as_of=${encodeURIComponent(as_of)}`);
  if (answer.kind === 'none') return { ...answer, kind: 'unknown', ref };
  if (answer.status >= 400)
    return unknown(ref, readError(answer.body)?.message ?? `The gateway answered ${answer.status}.`);

  const charge = readCharge(answer.body);
  if (charge === null) return unknown(ref, 'The gateway answered with something that is not a charge.');
  return charge.ref === ref ? outcomeOf(charge) : unknown(ref, 'The gateway answered with another charge.');
}

function outcomeOf(charge: ReadCharge): Outcome | { kind: 'not_confirmed'; ref: string } {
  const { ref, status, decline, action_url } = charge;
  if (status === 'settled' || status === 'pending') return { kind: status, ref };
  if (status === 'prepared') return { kind: 'not_confirmed', ref };
  if (status === 'declined' && decline !== null) return { kind: 'declined', ref, ...decline };
  if (status === 'requires_action' && action_url !== null)
    return { kind: 'requires_action', ref, url: action_url };
  return unknown(ref, `The gateway said "${status}" and left out what belongs to it.`);
}

async function refund(http: Exchange, request: RefundRequest): Promise<RefundOutcome> {
  const answer = await http.send('POST', '/v1/refunds', {
    idempotency_key: request.idempotencyKey,
    charge_ref: request.ref,
    amount: formatAmount(request.amount, request.currency),
    currency: request.currency,
    as_of: request.asOf.toISOString(),
  });
  if (answer.kind === 'none') return { kind: 'unknown', reason: answer.reason };
  const error = readError(answer.body);
  if (VERDICTS.includes(answer.status) && error !== null) return { kind: 'refused', ...error };
  const { ref } = fields(answer.body);
  if (answer.status < 300 && isRef(ref)) return { kind: 'refunded', refundRef: ref };
  return { kind: 'unknown', reason: 'The gateway answered with something that is not a refund.' };
}

async function attachMethod(http: Exchange, token: string): Promise<AttachedMethod> {
  const answer = await http.send('POST', '/v1/payment_methods', { token });
  if (answer.kind === 'none') throw unavailable(answer.reason);
  const error = readError(answer.body);
  if (VERDICTS.includes(answer.status) && error !== null) return { kind: 'refused', ...error };
  const { ref, brand, last4, exp_month, exp_year } = fields(answer.body);
  const whole =
    isRef(ref) && isText(brand) && isText(last4) && Number.isInteger(exp_month) && Number.isInteger(exp_year);
  if (!whole) throw unavailable('The gateway answered with something that is not a payment method.');
  return {
    kind: 'attached',
    methodRef: ref,
    brand,
    last4,
    expMonth: Number(exp_month),
    expYear: Number(exp_year),
  };
}

function parseCallback({ rawBody, headers, secrets, now }: CallbackInput): CallbackResult {
  if (rawBody.length > CALLBACK_BYTES_MAX)
    return { kind: 'invalid', reason: 'The body is larger than 64 KB.' };
  const fault = signatureFault(headerOf(headers, 'sandbox-signature'), rawBody, secrets, now);
  if (fault !== null) return { kind: 'invalid', reason: fault };

  const body = parsed(rawBody);
  const { id, type, data } = fields(body);
  const { ref } = fields(data);
  if (!isText(id) || !isText(type) || !isRef(ref))
    return { kind: 'invalid', reason: 'The body is not a callback of the sandbox gateway.' };
  return { kind: 'verified', eventId: id, ref, type };
}

/** A header that came twice is refused rather than chosen from. */
function headerOf(headers: CallbackInput['headers'], name: string): string | undefined {
  const values = Object.entries(headers).flatMap(([key, value]) =>
    key.toLowerCase() === name ? [value] : [],
  );
  const value = values.length === 1 ? values[0] : undefined;
  return typeof value === 'string' ? value : value?.length === 1 ? value[0] : undefined;
}

function parsed(rawBody: Buffer): unknown {
  try {
    return JSON.parse(rawBody.toString('utf8'));
  } catch {
    return null;
  }
}

function unknown(ref: string, reason: string): Outcome & { kind: 'unknown' } {
  return { kind: 'unknown', ref, reason };
}

function unavailable(reason: string): DomainError {
  return new DomainError('gateway_unavailable', `${reason} Nothing was stored; please try again.`, {
    gateway: 'sandbox',
  });
}
