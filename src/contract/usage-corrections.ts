import { z } from 'zod';
import { DomainError } from '../domain/errors.ts';
import type { IncomingUsage, StoredUsage, UsageVoid } from '../domain/usage-event.ts';
import { idIn, instantOut, presentInstant, presentOptionalInstant } from './common.ts';
import { isUsageProblem, readUsageEvent, type UsageProblem } from './read-usage-event.ts';
import { findTextFlaws } from './text-flaws.ts';
import { usageEventIn } from './usage-events.ts';
import { presentUsageEvent, usageEventOut } from './usage-search.ts';

/** Corrections of single events: another revision takes an event's place, or nothing does. */

const NOTE_MAX = 500;
export const noteIn = z
  .string()
  .max(NOTE_MAX)
  .optional()
  .meta({ description: 'Why; kept with the correction.', examples: ['counted in the wrong region'] });

export const usageAmend = usageEventIn
  .omit({ idempotency_key: true })
  .extend({ note: noteIn })
  .meta({
    id: 'UsageEventAmend',
    description: 'All of the event as it should have been, without its key.',
    examples: [
      {
        event_name: 'api_call',
        external_customer_id: 'acme-42',
        timestamp: '2027-03-15T10:00:00Z',
        properties: { region: 'us', bytes: 5120 },
        note: 'the region was wrong',
      },
    ],
  });

export const usageDeprecate = z.strictObject({ note: noteIn }).meta({ id: 'UsageEventDeprecate' });

export const usageHistoryOut = usageEventOut
  .extend({
    revisions: z
      .array(
        usageEventOut.extend({
          corrections: z
            .array(
              z.object({
                reason: z.enum(['amended', 'deprecated', 'backfilled', 'reverted']),
                note: z.string().nullable(),
                by: idIn('key', 'API key').nullable().meta({ description: 'The API key that said so.' }),
                at: instantOut,
                restored_at: instantOut.nullable().meta({ description: 'From then on it counted again.' }),
              }),
            )
            .meta({ description: 'Everything that was ever said against it.' }),
        }),
      )
      .meta({ description: 'The latest first. At most one of them counts.' }),
  })
  .meta({
    id: 'UsageEventHistory',
    description: 'An event as it counts, or its latest revision when none counts, and how it came to that.',
  });

/**
 * Reads an amendment by the rules of an event, with the words that go with it.
 *
 * @throws DomainError `malformed_request` for what is no JSON.
 */
export function readAmendment(
  key: string,
  text: string,
): { event: IncomingUsage; note: string | null } | { problem: UsageProblem } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new DomainError('malformed_request', 'The body is not valid JSON.');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return refused('', 'type_invalid', 'Write an object.');
  const { note = null, ...said } = body as Record<string, unknown>;
  if (Object.hasOwn(said, 'idempotency_key'))
    return refused('idempotency_key', 'unknown_field', 'The key stands in the path and stays as it is.');
  if (
    note !== null &&
    (typeof note !== 'string' || note.length > NOTE_MAX || /\0/.test(note) || !note.isWellFormed())
  )
    return refused('note', 'type_invalid', `Write a text of at most ${NOTE_MAX} characters.`);
  const event = readUsageEvent({ ...said, idempotency_key: key });
  if (isUsageProblem(event)) return { problem: event };
  const flaws = findTextFlaws(text, body);
  const flaw = flaws?.ofBody ?? flaws?.ofItem.get(0);
  return flaw ? refused(flaw.path, flaw.code, flaw.message) : { event, note };
}

function refused(path: string, code: string, message: string): { problem: UsageProblem } {
  return { problem: { problem: true, key: null, path, code, message } };
}

type Revision = StoredUsage & {
  voids: readonly (UsageVoid & { by: string | null; restoredAt: Date | null })[];
};

/** An event with its revisions, the latest first; there is at least one. */
export function presentUsageHistory(revisions: readonly Revision[]): z.infer<typeof usageHistoryOut> {
  const current = revisions.find((revision) => revision.void === null) ?? revisions[0];
  if (!current) throw new Error('an event has no revision');
  return {
    ...presentUsageEvent(current),
    revisions: revisions.map((revision) => ({
      ...presentUsageEvent(revision),
      corrections: revision.voids.map(({ reason, note, by, at, restoredAt }) => ({
        reason,
        note,
        by,
        at: presentInstant(at),
        restored_at: presentOptionalInstant(restoredAt),
      })),
    })),
  };
}
