/**
 * What the domain refuses, as a closed union. Two total tables translate a code: `api/problem.ts` (HTTP status and
 * title) and `activities/failure.ts` (retryable or not); a new code does not compile until both know it.
 */
export const ERROR_CODES = [
  // requests
  'malformed_request',
  'validation_failed',
  'unauthorized',
  'key_expired',
  'insufficient_scope',
  'not_found',
  'method_not_allowed',
  'body_too_large',
  'unsupported_media_type',
  'rate_limited',
  'engine_busy',
  'internal_error',
  // idempotency and concurrency
  'idempotency_key_reused',
  'idempotency_key_in_use',
  'revision_mismatch',
  'external_id_taken',
  // money and calendar
  'amount_invalid',
  'currency_unknown',
  'time_zone_unknown',
  // catalogue and customers
  'plan_not_active',
  'plan_currency_mismatch',
  'price_currency_missing',
  'customer_deleted',
  'customer_has_subscriptions',
  'payment_method_missing',
  'payment_method_in_use',
  'payment_method_not_allowed',
  'test_mode_only',
  // subscriptions
  'subscription_ended',
  'transition_not_allowed',
  'not_trialing',
  'trial_too_long',
  'cancel_not_scheduled',
  'cancel_at_in_past',
  'command_expired',
  'command_failed',
  'first_payment_failed',
  'nothing_to_pay',
  // changes in a subscription's life
  'change_not_allowed',
  'change_without_effect',
  'change_too_early',
  'item_unknown',
  'item_key_taken',
  'proration_needed',
  'pause_not_allowed',
  'resume_not_allowed',
  'preview_outdated',
  'scheduled_change_not_pending',
  'usage_not_accepted',
  'usage_key_reused',
  'meter_claimed',
  'simulation_too_large',
  'plan_migration_running',
  'plan_migration_over',
  // invoices and payments
  'invoice_not_open',
  'payment_in_flight',
  'payment_declined',
  // webhooks
  'webhook_url_not_allowed',
  'webhook_endpoint_disabled',
  'too_many_endpoints',
  'delivery_not_resendable',
  // collectors, imports and corrections of usage
  'too_many_collectors',
  'collector_unsigned',
  'collector_disabled',
  'collector_signature_invalid',
  'usage_import_over',
  'usage_import_unreadable',
  'usage_event_closed',
  'backfill_not_open',
  'backfill_not_revertible',
  'backfill_too_large',
  // test clocks
  'clock_backwards',
  'clock_advancing',
  // engine
  'step_blocked',
  'gateway_unavailable',
  'gateway_refused',
  'callback_signature_invalid',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export type FieldError = { path: string; code: string; message: string };

/**
 * A refusal with a stable code. `message` is a sentence for a person and says what to do; `details` may carry
 * `errors` (one entry per field) and other plain JSON facts. Never secrets, never personal data.
 */
export class DomainError extends Error {
  readonly code: ErrorCode;
  readonly details: { errors?: FieldError[]; [fact: string]: unknown };

  constructor(
    code: ErrorCode,
    message: string,
    details: { errors?: FieldError[]; [fact: string]: unknown } = {},
  ) {
    super(message);
    this.name = 'DomainError';
    this.code = code;
    this.details = details;
  }
}

/** What stood in the way of something when nobody was there to be refused. */
export type Obstacle = Pick<DomainError, 'code' | 'message'>;

/** Whether an unknown thrown value is a `DomainError`; by name, because test realms break `instanceof`. */
export function isDomainError(error: unknown): error is DomainError {
  return (
    typeof error === 'object' &&
    error !== null &&
    'name' in error &&
    error.name === 'DomainError' &&
    'code' in error
  );
}
