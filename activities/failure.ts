import { ApplicationFailure } from '@temporalio/activity';
import { type ErrorCode, isDomainError } from '../src/domain/errors.ts';
import { databaseTrouble } from '../src/persistence/trouble.ts';

/**
 * Whether a refusal may go away by itself. Everything that a person or a deployment has to change first is not retried;
 * it ends as a refused command or a blocked subscription. Total: a new code does not compile until it stands here.
 */
const PASSES_BY_ITSELF: Record<ErrorCode, boolean> = {
  malformed_request: false,
  validation_failed: false,
  unauthorized: false,
  key_expired: false,
  insufficient_scope: false,
  not_found: false,
  method_not_allowed: false,
  body_too_large: false,
  unsupported_media_type: false,
  rate_limited: true,
  engine_busy: true,
  internal_error: true,
  idempotency_key_reused: false,
  idempotency_key_in_use: false,
  revision_mismatch: false,
  external_id_taken: false,
  amount_invalid: false,
  currency_unknown: false,
  time_zone_unknown: false,
  plan_not_active: false,
  plan_currency_mismatch: false,
  price_currency_missing: false,
  customer_deleted: false,
  customer_has_subscriptions: false,
  payment_method_missing: false,
  payment_method_in_use: false,
  payment_method_not_allowed: false,
  test_mode_only: false,
  subscription_ended: false,
  transition_not_allowed: false,
  not_trialing: false,
  trial_too_long: false,
  cancel_not_scheduled: false,
  cancel_at_in_past: false,
  command_expired: false,
  command_failed: false,
  first_payment_failed: false,
  nothing_to_pay: false,
  change_not_allowed: false,
  change_without_effect: false,
  change_too_early: false,
  item_unknown: false,
  item_key_taken: false,
  proration_needed: false,
  pause_not_allowed: false,
  resume_not_allowed: false,
  preview_outdated: false,
  scheduled_change_not_pending: false,
  usage_not_accepted: false,
  usage_key_reused: false,
  meter_claimed: false,
  simulation_too_large: false,
  plan_migration_running: false,
  plan_migration_over: false,
  invoice_not_open: false,
  payment_in_flight: true,
  payment_declined: false,
  webhook_url_not_allowed: false,
  webhook_endpoint_disabled: false,
  too_many_endpoints: false,
  delivery_not_resendable: false,
  too_many_collectors: false,
  collector_unsigned: false,
  collector_disabled: false,
  collector_signature_invalid: false,
  usage_import_over: false,
  usage_import_unreadable: false,
  usage_event_closed: false,
  backfill_not_open: false,
  backfill_not_revertible: false,
  backfill_too_large: false,
  clock_backwards: false,
  clock_advancing: false,
  step_blocked: false,
  gateway_unavailable: true,
  gateway_refused: false,
  callback_signature_invalid: false,
};

/** More of PostgreSQL's answers that mean "again, please": serialization failures, resources, shutdown, a full disk. */
const PASSING_SQLSTATES = /^(08|40|53|57|58)/;
const PASSING_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Whether the same call may succeed later without anybody changing anything. */
export function isPassing(error: unknown): boolean {
  if (isDomainError(error)) return PASSES_BY_ITSELF[error.code];
  if (databaseTrouble(error) !== null) return true;
  const { code, message, cause } = (error ?? {}) as { code?: unknown; message?: unknown; cause?: unknown };
  if (typeof code === 'string' && (PASSING_SQLSTATES.test(code) || PASSING_SYSTEM.has(code))) return true;
  if (
    typeof message === 'string' &&
    /connection terminated|timeout exceeded when trying to connect|Connection ended/i.test(message)
  )
    return true;
  return cause !== undefined && cause !== error && isPassing(cause);
}

/** The failure an activity ends with: a code and a sentence, no stack of ours and no data of theirs. */
export function toFailure(error: unknown, retry = isPassing(error)): ApplicationFailure {
  const code = isDomainError(error) ? error.code : 'internal_error';
  const message = isDomainError(error) ? error.message : firstLine(error);
  return ApplicationFailure.create({ message, type: code, nonRetryable: !retry });
}

/** How soon a charge that found no database is tried again; a gateway in trouble is asked ever more rarely instead. */
const DATABASE_AGAIN_AFTER = '10 seconds';

/** The failure of a charge. Its retries are made for the gateway's sake, up to minutes apart. */
export function toChargeFailure(error: unknown): ApplicationFailure {
  const failure = toFailure(error);
  if (databaseTrouble(error) === null) return failure;
  const { message, type } = failure;
  return ApplicationFailure.create({
    message,
    ...(type ? { type } : {}),
    nextRetryDelay: DATABASE_AGAIN_AFTER,
  });
}

export function firstLine(error: unknown): string {
  const { name = 'Error', message = String(error) } = (error ?? {}) as { name?: string; message?: string };
  return `${name}: ${message}`.split('\n')[0]?.slice(0, 500) ?? name;
}
