import type { BackfillIn } from '../src/contract/backfills.ts';
import type { Backfill } from '../src/domain/backfill.ts';
import { DomainError } from '../src/domain/errors.ts';
import {
  type IncomingUsage,
  type IngestOutcome,
  USAGE_AHEAD_MINUTES,
  type UsageRefusal,
} from '../src/domain/usage-event.ts';
import {
  changeBackfill,
  forgetStaged,
  insertBackfill,
  laterBackfill,
  lockBackfill,
  stagedCounts,
  stageUsage,
} from '../src/persistence/backfills.ts';
import {
  findReplaced,
  insertStaged,
  lookUpByKey,
  measureVoids,
  restoreReplaced,
  voidBrought,
  voidReplaced,
} from '../src/persistence/close-backfill.ts';
import { correctableSince, judgeUsage, lockCorrections } from '../src/persistence/correct-usage.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findCustomerByReference, found } from '../src/persistence/find-by-reference.ts';
import { databaseNow } from '../src/persistence/find-commands.ts';
import { isSameUsage, refused } from '../src/persistence/ingest-usage.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { newId } from '../src/platform/ids.ts';
import type { Call } from './route.ts';
import { invalid } from './validate.ts';
import { timeFor } from './write.ts';

/** What the routes of backfills do, each in the transaction it is given. */

/** What one transaction changes at once. */
const STAGED_MAX = 100_000;
const REPLACED_MAX = 500_000;
const MINUTE_MS = 60_000;

/** Throws `validation_failed`. */
export async function openBackfill(
  tx: Tx,
  { tenantId, keyId, body }: Call<unknown, unknown, BackfillIn>,
): Promise<Backfill> {
  const customer = body.customer === undefined ? null : await findCustomerByReference(tx, body.customer);
  if (body.customer !== undefined && !customer) {
    const message = 'There is no such customer; look whether the id is right.';
    throw invalid([{ path: 'customer', code: 'not_found', message }]);
  }
  const { at: now, wallNow } = await timeFor(tx, customer ?? { testClockId: null });
  const [start, end] = [new Date(body.timeframe_start), new Date(body.timeframe_end)];
  if (start >= end) {
    const message = 'Write an instant after timeframe_start.';
    throw invalid([{ path: 'timeframe_end', code: 'range_invalid', message }]);
  }
  if (end.getTime() > now.getTime() + USAGE_AHEAD_MINUTES * MINUTE_MS) {
    const message = `Write an instant up to ${now.toISOString()}; what has not happened needs no correction.`;
    throw invalid([{ path: 'timeframe_end', code: 'in_future', message }]);
  }
  const since = await correctableSince(tx, tenantId, customer?.id ?? null, wallNow);
  if (start < since) {
    const message = `Write an instant from ${since.toISOString()} on; before it nothing is corrected any more.`;
    throw invalid([{ path: 'timeframe_start', code: 'too_old', message }]);
  }
  return insertBackfill(tx, {
    id: newId('bf'),
    tenantId,
    customerId: customer?.id ?? null,
    eventNames: body.event_names ?? null,
    timeframeStart: start,
    timeframeEnd: end,
    replaces: body.replace,
    status: 'open',
    voided: 0,
    inserted: 0,
    duplicates: 0,
    note: body.note ?? null,
    createdBy: keyId,
    metadata: body.metadata ?? {},
    createdAt: wallNow,
    updatedAt: wallNow,
    closedAt: null,
    revertedAt: null,
  });
}

/**
 * Lets events wait in an open backfill. An outcome for each, in their order, as when they are sent in the usual way.
 *
 * @throws DomainError `not_found`, `backfill_not_open`, `backfill_too_large`.
 */
export async function stageEvents(
  tx: Tx,
  id: string,
  events: readonly IncomingUsage[],
): Promise<IngestOutcome[]> {
  const backfill = await lockOpen(tx, id);
  const staged = (await stagedCounts(tx, [id])).get(id) ?? 0;
  if (staged + events.length > STAGED_MAX) throw tooLarge(`It has room for ${STAGED_MAX} events`);
  const judged = await judgeUsage(tx, backfill.tenantId, events, await databaseNow(tx));
  const outcomes: IngestOutcome[] = [];
  const fit: number[] = [];
  const keys = new Map<string, number>();
  for (const [index, event] of events.entries()) {
    const { refusal = null, owner = null } = judged[index] ?? {};
    const why = refusal ?? strangeness(backfill, event, owner);
    if (why !== null) outcomes[index] = refused(why);
    else if (keys.has(event.key)) outcomes[index] = again(events[keys.get(event.key) ?? 0], event);
    else {
      keys.set(event.key, index);
      fit.push(index);
    }
  }
  const taken = events.filter((_event, index) => fit.includes(index));
  for (const [n, outcome] of (await stageUsage(tx, backfill, taken)).entries()) {
    const index = fit[n];
    if (index !== undefined)
      outcomes[index] = outcome === 'other' ? refused('idempotency_key_reused') : outcome;
  }
  return outcomes;
}

/** The same key a second time in one request. */
function again(first: IncomingUsage | undefined, event: IncomingUsage): IngestOutcome {
  return first && isSameUsage(first, event) ? 'duplicate' : refused('idempotency_key_reused');
}

/** Why the backfill is not for an event. */
function strangeness(backfill: Backfill, event: IncomingUsage, owner: string | null): UsageRefusal | null {
  const { customerId, eventNames, timeframeStart, timeframeEnd } = backfill;
  if (customerId !== null && owner !== customerId) return 'other_customer';
  if (eventNames !== null && !eventNames.includes(event.eventName)) return 'other_event_name';
  return event.at >= timeframeStart && event.at < timeframeEnd ? null : 'outside_timeframe';
}

type Saying = { tenantId: string; by: string | null };

/** Everything at once. Throws `not_found`, `backfill_not_open`, `backfill_too_large`, `usage_event_closed`. */
export async function closeBackfill(tx: Tx, id: string, { tenantId, by }: Saying): Promise<Backfill> {
  await lockCorrections(tx, tenantId);
  const backfill = await lockOpen(tx, id);
  const at = await databaseNow(tx);
  await assertCorrectable(tx, backfill, at, 'usage_event_closed');
  lookUpByKey(tx);
  const replaced = backfill.replaces ? await findReplaced(tx, backfill, REPLACED_MAX + 1) : null;
  if (replaced && replaced.count > REPLACED_MAX)
    throw tooLarge(`More than ${REPLACED_MAX} events would give way`);
  const staged = (await stagedCounts(tx, [id])).get(id) ?? 0;
  const voided = replaced ? await voidReplaced(tx, backfill, replaced, { by, at }) : 0;
  crashPoint('backfill.replaced');
  const inserted = await insertStaged(tx, backfill, at);
  await forgetStaged(tx, id);
  measureVoids(tx, voided);
  const duplicates = staged - inserted;
  return changeBackfill(tx, backfill, {
    status: 'closed',
    voided,
    inserted,
    duplicates,
    closedAt: at,
    updatedAt: at,
  });
}

/** As if it had never been closed. Throws `not_found`, `backfill_not_revertible`. */
export async function revertBackfill(tx: Tx, id: string, { tenantId, by }: Saying): Promise<Backfill> {
  await lockCorrections(tx, tenantId);
  const backfill = found(await lockBackfill(tx, id), 'backfill');
  if (backfill.status !== 'closed')
    throw new DomainError(
      'backfill_not_revertible',
      `It is ${backfill.status}; only a closed one is reverted.`,
    );
  const at = await databaseNow(tx);
  await assertCorrectable(tx, backfill, at, 'backfill_not_revertible');
  const later = await laterBackfill(tx, backfill);
  if (later) {
    throw new DomainError(
      'backfill_not_revertible',
      `A later backfill took the place of some of the same time; revert ${later.id} first.`,
      { backfill: later.id },
    );
  }
  lookUpByKey(tx);
  await voidBrought(tx, backfill, { by, at });
  crashPoint('backfill.takenBack');
  await restoreReplaced(tx, backfill, { by, at });
  measureVoids(tx, backfill.voided + backfill.inserted);
  return changeBackfill(tx, backfill, { status: 'reverted', revertedAt: at, updatedAt: at });
}

/** Throws `not_found`, `backfill_not_open`. */
export async function cancelBackfill(tx: Tx, id: string): Promise<Backfill> {
  const backfill = found(await lockBackfill(tx, id), 'backfill');
  if (backfill.status === 'canceled') return backfill;
  assertOpen(backfill);
  await forgetStaged(tx, id);
  return changeBackfill(tx, backfill, { status: 'canceled', updatedAt: await databaseNow(tx) });
}

async function lockOpen(tx: Tx, id: string): Promise<Backfill> {
  const backfill = found(await lockBackfill(tx, id), 'backfill');
  assertOpen(backfill);
  return backfill;
}

function assertOpen({ status }: Backfill): void {
  if (status === 'open') return;
  throw new DomainError('backfill_not_open', `It is ${status}; open another one.`, { status });
}

/** What was billed of a time is looked at no more when its late window is over. */
async function assertCorrectable(
  tx: Tx,
  { tenantId, customerId, timeframeStart }: Backfill,
  now: Date,
  code: 'usage_event_closed' | 'backfill_not_revertible',
): Promise<void> {
  const since = await correctableSince(tx, tenantId, customerId, now);
  if (timeframeStart >= since) return;
  throw new DomainError(
    code,
    `Its timeframe begins before ${since.toISOString()}, and what was billed of that time stays.`,
  );
}

function tooLarge(sentence: string): DomainError {
  return new DomainError('backfill_too_large', `${sentence}; open several, each for a part of the time.`);
}
