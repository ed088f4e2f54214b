import { DomainError } from '../domain/errors.ts';
import type { IncomingUsage } from '../domain/usage-event.ts';
import { readUsageEvent, type UsageProblem, wrong } from './read-usage-event.ts';
import { findTextFlaws } from './text-flaws.ts';

/** How many events one request may bring. */
export const USAGE_EVENTS_MAX = 1_000;

/**
 * Reads the body of a request: `{"events": […]}`, an array of events, or one event. An event that cannot be read is
 * answered as what is wrong with it, and its neighbours are read all the same.
 *
 * @throws DomainError `malformed_request` for what is no JSON, `validation_failed` for too many events or none.
 */
export function readUsageEvents(text: string): (IncomingUsage | UsageProblem)[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    // Only the place goes on, never what stands there.
    const place = /position \d+/.exec(String(error))?.[0];
    throw new DomainError(
      'malformed_request',
      `The body is not valid JSON${place ? `; look at ${place}` : ''}.`,
    );
  }
  const items = itemsOf(body);
  if (items.length === 0) throw refused('too_small', 'Send at least one event.');
  if (items.length > USAGE_EVENTS_MAX)
    throw refused('too_big', `Send at most ${USAGE_EVENTS_MAX} events at once.`);
  const read = items.map(readUsageEvent);
  const flaws = findTextFlaws(text, body);
  if (flaws === null) return read;
  if (flaws.ofBody) throw new DomainError('malformed_request', flaws.ofBody.message);
  return read.map((event, index) => {
    const flaw = flaws.ofItem.get(index);
    if (!flaw || 'problem' in event) return event;
    return wrong(event.key, flaw.path, flaw.code, flaw.message);
  });
}

function itemsOf(body: unknown): readonly unknown[] {
  if (Array.isArray(body)) return body;
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, 'events')) return [body];
  const { events, ...others } = body as { events: unknown };
  if (!Array.isArray(events)) throw refused('type_invalid', 'Write an array of events.');
  const [unknown] = Object.keys(others);
  if (unknown === undefined) return events;
  const message = 'There is no such field here; take it out, or look how it is spelled.';
  const path = unknown.slice(0, 60).toWellFormed();
  throw new DomainError('validation_failed', `${path}: ${message}`, {
    errors: [{ path, code: 'unknown_field', message }],
  });
}

function refused(code: string, message: string): DomainError {
  return new DomainError('validation_failed', `events: ${message}`, {
    errors: [{ path: 'events', code, message }],
  });
}
