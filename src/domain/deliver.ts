import type { WebhookDelivery } from './webhook.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Wait before each attempt, counted from the attempt before it (Standard Webhooks 1.0). After the last one: dead letter. */
export const RETRY_DELAYS_MS: readonly number[] = [
  0,
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];
/** No receiver can ask for a longer pause than this. */
export const RETRY_AFTER_MAX_MS = 24 * HOUR_MS;
/** An endpoint without one success for so long is disabled. */
export const FAILING_MAX_MS = 5 * 24 * HOUR_MS;
/** Retries spread over this share of their delay, always later than planned, never sooner. */
const JITTER_SHARE = 0.1;

/** What one attempt came to. `status` is the HTTP status, null when there was no answer. */
export type AttemptOutcome = {
  status: number | null;
  /** A sentence when something went wrong on the way; null when there was a complete answer. */
  error: string | null;
  /** The raw `Retry-After` header. */
  retryAfter: string | null;
};

export type DeliveryDecision = {
  delivery:
    | { status: 'delivered' }
    | { status: 'pending'; nextAttemptAt: Date }
    | { status: 'dead'; reason: string };
  /** Why the endpoint has to be disabled, if it has to. */
  disable: 'gone' | 'failing' | null;
};

/**
 * What follows from an attempt: success is 2xx only, 410 disables the endpoint at once, everything else waits for the
 * next place in the schedule, or longer if a 429 or 503 asked for it.
 *
 * @param delivery `attempts` includes the attempt that just ended.
 * @param failingSince when the endpoint began to fail without a success since; null while it is well.
 * @param jitter 0 ≤ jitter < 1, from a random source of the caller.
 */
export function decideDelivery(
  delivery: Pick<WebhookDelivery, 'attempts' | 'scheduleBase'>,
  outcome: AttemptOutcome,
  endpoint: { failingSince: Date | null },
  at: Date,
  jitter: number,
): DeliveryDecision {
  if (isSuccess(outcome)) return { delivery: { status: 'delivered' }, disable: null };
  if (outcome.status === 410) return dead('The receiver answered 410 Gone.', 'gone');
  if (endpoint.failingSince && at.getTime() - endpoint.failingSince.getTime() >= FAILING_MAX_MS) {
    return dead('The endpoint was disabled after 5 days of failure.', 'failing');
  }
  const delayMs = RETRY_DELAYS_MS[delivery.attempts - delivery.scheduleBase];
  if (delayMs === undefined) return dead(`All ${RETRY_DELAYS_MS.length} attempts failed.`, null);
  const waitMs = Math.max(delayMs, askedPauseMs(outcome, at));
  const nextAttemptAt = new Date(at.getTime() + Math.round(waitMs * (1 + JITTER_SHARE * jitter)));
  return { delivery: { status: 'pending', nextAttemptAt }, disable: null };
}

/** Whether the receiver took the event. An answer that never ended is not an answer. */
export function isSuccess(outcome: Pick<AttemptOutcome, 'status' | 'error'>): boolean {
  return outcome.error === null && outcome.status !== null && outcome.status >= 200 && outcome.status < 300;
}

function dead(reason: string, disable: DeliveryDecision['disable']): DeliveryDecision {
  return { delivery: { status: 'dead', reason }, disable };
}

/** `Retry-After` of a 429 or 503, as seconds or as an HTTP date; 0 when there is none that can be read. */
function askedPauseMs({ status, retryAfter }: AttemptOutcome, at: Date): number {
  if (retryAfter === null || (status !== 429 && status !== 503)) return 0;
  const text = retryAfter.trim();
  const pauseMs = /^\d+$/.test(text) ? Number(text) * SECOND_MS : Date.parse(text) - at.getTime();
  return Number.isNaN(pauseMs) ? 0 : Math.min(Math.max(pauseMs, 0), RETRY_AFTER_MAX_MS);
}
