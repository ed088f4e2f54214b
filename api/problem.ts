import type { Problem } from '../src/contract/problem.ts';
import { DomainError, type ErrorCode, isDomainError } from '../src/domain/errors.ts';
import { databaseTrouble } from '../src/persistence/trouble.ts';

type Entry = { status: number; title: string };

/** Every code with its HTTP status and title: a code that is missing here does not compile. */
export const PROBLEMS: Record<ErrorCode, Entry> = {
  malformed_request: { status: 400, title: 'The request cannot be read' },
  validation_failed: { status: 422, title: 'Some fields cannot be used' },
  unauthorized: { status: 401, title: 'A valid key is needed' },
  key_expired: { status: 401, title: 'The key has expired' },
  insufficient_scope: { status: 403, title: 'The key may not do this' },
  not_found: { status: 404, title: 'There is no such thing' },
  method_not_allowed: { status: 405, title: 'This path does not know that method' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  rate_limited: { status: 429, title: 'Too many requests' },
  engine_busy: { status: 503, title: 'The engine is busy or away' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  idempotency_key_reused: { status: 422, title: 'The Idempotency-Key was used for another request' },
  idempotency_key_in_use: {
    status: 409,
    title: 'The first request with this Idempotency-Key is still running',
  },
  revision_mismatch: { status: 409, title: 'The object has changed meanwhile' },
  external_id_taken: { status: 409, title: 'The external id is taken' },
  amount_invalid: { status: 422, title: 'The amount cannot be used' },
  currency_unknown: { status: 422, title: 'The currency is not known' },
  time_zone_unknown: { status: 422, title: 'The time zone is not known' },
  plan_not_active: { status: 409, title: 'The plan is archived' },
  plan_currency_mismatch: { status: 422, title: 'The plan is not sold in this currency' },
  price_currency_missing: { status: 422, title: 'A price is missing in this currency' },
  customer_deleted: { status: 409, title: 'The customer is deleted' },
  customer_has_subscriptions: { status: 409, title: 'The customer still has subscriptions' },
  payment_method_missing: { status: 409, title: 'There is no payment method to charge' },
  payment_method_in_use: { status: 409, title: 'The payment method is in use' },
  payment_method_not_allowed: { status: 409, title: 'This payment method cannot be used here' },
  test_mode_only: { status: 409, title: 'This exists in test mode only' },
  subscription_ended: { status: 409, title: 'The subscription has ended' },
  transition_not_allowed: { status: 409, title: 'The state does not allow this' },
  not_trialing: { status: 409, title: 'The subscription is not in a trial' },
  trial_too_long: { status: 422, title: 'The trial is too long' },
  cancel_not_scheduled: { status: 409, title: 'No cancellation is scheduled' },
  cancel_at_in_past: { status: 422, title: 'The instant has passed' },
  command_expired: { status: 409, title: 'The command was not applied in time' },
  command_failed: { status: 409, title: 'The command could not be applied' },
  first_payment_failed: { status: 402, title: 'The first payment failed' },
  nothing_to_pay: { status: 409, title: 'There is nothing to pay' },
  change_not_allowed: { status: 409, title: 'The state does not allow this change' },
  change_without_effect: { status: 422, title: 'The change changes nothing' },
  change_too_early: { status: 409, title: 'The change is dated before what was billed' },
  item_unknown: { status: 422, title: 'The subscription has no such item' },
  item_key_taken: { status: 422, title: 'An item of that key is there already' },
  proration_needed: { status: 422, title: 'This change cannot go without proration' },
  pause_not_allowed: { status: 409, title: 'The state does not allow a pause' },
  resume_not_allowed: { status: 409, title: 'There is nothing to resume' },
  preview_outdated: { status: 409, title: 'The preview no longer holds' },
  scheduled_change_not_pending: { status: 409, title: 'The scheduled change is not pending' },
  usage_not_accepted: { status: 409, title: 'The usage cannot be taken' },
  meter_claimed: { status: 409, title: 'The usage is billed by somebody else' },
  usage_key_reused: { status: 409, title: 'The key of a usage record was used for another one' },
  simulation_too_large: { status: 422, title: 'The simulation is too large' },
  plan_migration_running: { status: 409, title: 'The plan is being migrated' },
  plan_migration_over: { status: 409, title: 'The migration is over' },
  invoice_not_open: { status: 409, title: 'The invoice is not open' },
  payment_in_flight: { status: 409, title: 'A payment is under way' },
  payment_declined: { status: 402, title: 'The payment was declined' },
  webhook_url_not_allowed: { status: 422, title: 'The URL cannot receive webhooks' },
  webhook_endpoint_disabled: { status: 409, title: 'The endpoint is disabled' },
  too_many_endpoints: { status: 409, title: 'There are too many endpoints' },
  delivery_not_resendable: { status: 409, title: 'The delivery cannot be sent again' },
  too_many_collectors: { status: 409, title: 'There are too many collectors' },
  collector_unsigned: { status: 409, title: 'The collector has no secret' },
  collector_disabled: { status: 409, title: 'The collector is disabled' },
  collector_signature_invalid: { status: 401, title: 'The signature of the request is not valid' },
  usage_import_over: { status: 409, title: 'The import is over' },
  usage_import_unreadable: { status: 422, title: 'The file cannot be read' },
  usage_event_closed: { status: 409, title: 'The event can be corrected no more' },
  backfill_not_open: { status: 409, title: 'The backfill is not open' },
  backfill_not_revertible: { status: 409, title: 'The backfill cannot be reverted' },
  backfill_too_large: { status: 422, title: 'The backfill is too large' },
  clock_backwards: { status: 422, title: 'A clock only goes forward' },
  clock_advancing: { status: 409, title: 'The clock is advancing' },
  step_blocked: { status: 409, title: 'The subscription is blocked' },
  gateway_unavailable: { status: 503, title: 'The payment gateway does not answer' },
  gateway_refused: { status: 422, title: 'The payment gateway refused' },
  callback_signature_invalid: { status: 401, title: 'The signature of the callback is not valid' },
};

export type ProblemAnswer = { problem: Problem; headers: Record<string, string>; unexpected: boolean };

/** Any thrown value as an answer. What nobody expected becomes a 500 that says nothing but the request's id. */
export function toProblem(thrown: unknown, requestId: string, publicUrl: string): ProblemAnswer {
  const known = isDomainError(thrown) ? thrown : (fromHttp(thrown) ?? fromDatabase(thrown));
  const error = known ?? new DomainError('internal_error', `Quote ${requestId} when you ask us about it.`);
  const { status, title } = PROBLEMS[error.code];
  const { errors, ...facts } = error.details;
  return {
    problem: {
      type: `${publicUrl}/docs/errors#${error.code}`,
      title,
      status,
      detail: error.message,
      instance: requestId,
      code: error.code,
      ...(errors ? { errors } : {}),
      ...(Object.keys(facts).length > 0 ? { details: facts } : {}),
    },
    headers: headersFor(error.code, facts),
    unexpected: known === null,
  };
}

function headersFor(code: ErrorCode, facts: Record<string, unknown>): Record<string, string> {
  if (PROBLEMS[code].status === 401) return { 'WWW-Authenticate': 'Bearer' };
  if (code === 'method_not_allowed') return { Allow: String(facts['allow']) };
  if (PROBLEMS[code].status === 503 || code === 'idempotency_key_in_use') return { 'Retry-After': '2' };
  return {};
}

/** What Express and its body reader throw; they mark themselves with a status and a type. */
function fromHttp(thrown: unknown): DomainError | null {
  if (typeof thrown !== 'object' || thrown === null || !('status' in thrown)) return null;
  switch (thrown.status) {
    case 413:
      return new DomainError(
        'body_too_large',
        'Send a smaller body; the limit is 100 KB unless the reference says otherwise.',
      );
    case 415:
      return new DomainError(
        'unsupported_media_type',
        'Send the body as application/json in UTF-8, not compressed.',
      );
    case 400:
      return new DomainError(
        'malformed_request',
        'The request was cut short or its URL is not valid; send it again as a whole.',
      );
    default:
      return null;
  }
}

function fromDatabase(thrown: unknown): DomainError | null {
  switch (databaseTrouble(thrown)) {
    case 'away':
    case 'busy':
      return new DomainError(
        'engine_busy',
        'The database does not answer right now. Repeat the request with the same Idempotency-Key.',
      );
    case 'conflict':
    case null:
      return null;
  }
}
