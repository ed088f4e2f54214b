import { ApplicationFailure } from '@temporalio/activity';
import { type ErrorCode, isDomainError } from '../src/domain/errors.ts';

/**
 * Whether a refusal may go away by itself. Everything a person or a deployment has to change first is not retried; it
 * ends as a refused command or a blocked subscription.
 */
const PASSING: ReadonlySet<ErrorCode> = new Set(['engine_busy', 'rate_limited', 'gateway_unavailable', 'internal_error', 'payment_in_flight']);

/** PostgreSQL's answers that mean "again, please": lost connections, serialization failures, deadlocks, resources, shutdown. */
const PASSING_SQLSTATES = /^(08|40|53|57|58)/;
const PASSING_SYSTEM = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);

/** Whether the same call may succeed later without anybody changing anything. */
export function isPassing(error: unknown): boolean {
  if (isDomainError(error)) return PASSING.has(error.code);
  const { code, message, cause } = (error ?? {}) as { code?: unknown; message?: unknown; cause?: unknown };
  if (typeof code === 'string' && (PASSING_SQLSTATES.test(code) || PASSING_SYSTEM.has(code))) return true;
  if (typeof message === 'string' && /connection terminated|timeout exceeded when trying to connect|Connection ended/i.test(message)) return true;
  return cause !== undefined && cause !== error && isPassing(cause);
}

/** The failure an activity ends with: a code and a sentence, no stack of ours and no data of theirs. */
export function toFailure(error: unknown, retry = isPassing(error)): ApplicationFailure {
  const code = isDomainError(error) ? error.code : 'internal_error';
  const message = isDomainError(error) ? error.message : firstLine(error);
  return ApplicationFailure.create({ message, type: code, nonRetryable: !retry });
}

export function firstLine(error: unknown): string {
  const { name = 'Error', message = String(error) } = (error ?? {}) as { name?: string; message?: string };
  return `${name}: ${message}`.split('\n')[0]?.slice(0, 500) ?? name;
}
