import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import type { ScheduledChange } from '../domain/change.ts';
import type { Decision } from '../domain/decision.ts';
import { isId } from '../domain/ids.ts';
import { pricesNamed, readAction, type StoredChange, storeAction } from '../domain/stored-change.ts';
import { id, instant, json, optionalInstant, optionalJson, optionalText, text } from './columns.ts';
import type { Tx } from './doors.ts';
import { pricesOf } from './prices.ts';
import { findRows, insertRowsLater, selectRows, updateRowsLater } from './rows.ts';
import type { Write } from './write.ts';

export const ScheduledChangeSchema = new EntitySchema<StoredChange>({
  name: 'ScheduledChange',
  tableName: 'scheduled_changes',
  properties: {
    id,
    tenantId: text,
    subscriptionId: text,
    effectiveAt: instant,
    mode: text,
    scheduleId: optionalText,
    kind: text,
    body: json,
    status: text,
    commandId: optionalText,
    createdAt: instant,
    finishedAt: optionalInstant,
    reason: optionalJson,
  },
});

/** The rows of a subscription that wait for their instant, the earliest first. */
export function pendingRows(tx: Tx, subscriptionId: string): Promise<StoredChange[]> {
  return selectRows(
    tx,
    ScheduledChangeSchema,
    sql`subscription_id = ${subscriptionId} and status = 'pending' order by effective_at, id`,
  );
}

/** The same as the domain knows them, with the prices they name. */
export async function withPrices(tx: Tx, rows: readonly StoredChange[]): Promise<ScheduledChange[]> {
  const named = rows.flatMap(({ body }) => pricesNamed(body));
  const prices = await pricesOf(tx, named);
  return rows.map((row) => {
    const { id, effectiveAt, mode, scheduleId } = row;
    return { id, effectiveAt, mode, scheduleId, action: readAction(row, prices) };
  });
}

/** Ends, moves and adds scheduled changes as a decision says. Those that end go first: they may make room for the new. */
export function saveScheduled(
  { tx, tenantId, at, cause }: Write,
  subscriptionId: string,
  decision: Pick<Decision, 'finished' | 'moved' | 'scheduled'>,
): void {
  for (const { id, as, because } of decision.finished)
    updateRowsLater(
      tx,
      ScheduledChangeSchema,
      { id },
      { status: as, finishedAt: at, reason: because ?? null },
    );
  for (const { id, effectiveAt } of decision.moved)
    updateRowsLater(tx, ScheduledChangeSchema, { id }, { effectiveAt });
  const rows = decision.scheduled.map(
    ({ action, ...rest }): StoredChange => ({
      ...rest,
      tenantId,
      subscriptionId,
      kind: action.kind,
      body: storeAction(action),
      status: 'pending',
      // A step may make one as well: the resume that a scheduled pause ends with.
      commandId: cause.causationId !== null && isId('cmd', cause.causationId) ? cause.causationId : null,
      createdAt: at,
      finishedAt: null,
      reason: null,
    }),
  );
  insertRowsLater(tx, ScheduledChangeSchema, rows);
}

/** Those of a subscription, pending and done with, newest first; for whoever lists them. */
export function scheduledChangesOf(tx: Tx, subscriptionId: string): Promise<StoredChange[]> {
  return findRows(tx, ScheduledChangeSchema, { subscriptionId }, { orderBy: { id: 'desc' } });
}
