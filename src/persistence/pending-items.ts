import { EntitySchema } from '@mikro-orm/core';
import { sql } from 'kysely';
import { type LineDraft, meterOf } from '../domain/build-invoice.ts';
import type { PendingLine } from '../domain/life.ts';
import type { PendingItem } from '../domain/pending-item.ts';
import { newId } from '../platform/ids.ts';
import {
  amount,
  flag,
  id,
  instant,
  json,
  optionalCount,
  optionalInstant,
  optionalInteger,
  optionalRate,
  optionalText,
  rate,
  text,
} from './columns.ts';
import type { Tx } from './doors.ts';
import { findRows, insertRowsLater, queryLater } from './rows.ts';
import { moveClosures } from './usage-closures.ts';
import type { Write } from './write.ts';

export const PendingItemSchema = new EntitySchema<PendingItem>({
  name: 'PendingItem',
  tableName: 'pending_items',
  properties: {
    id,
    tenantId: text,
    subscriptionId: text,
    itemId: optionalText,
    priceId: optionalText,
    description: text,
    quantity: rate,
    unitAmount: optionalRate,
    amount,
    periodStart: instant,
    periodEnd: instant,
    proration: flag,
    trace: json,
    reversesLineId: optionalText,
    meterId: optionalText,
    meterVersion: optionalInteger,
    eventCount: optionalCount,
    reversesPendingId: optionalText,
    invoiceLineId: optionalText,
    droppedAt: optionalInstant,
    createdAt: instant,
  },
});

/** The lines of a subscription that wait for its next invoice, in the order in which they were made. */
export function waitingRows(tx: Tx, subscriptionId: string): Promise<PendingItem[]> {
  return findRows(
    tx,
    PendingItemSchema,
    { subscriptionId, invoiceLineId: null, droppedAt: null },
    { orderBy: { id: 'asc' } },
  );
}

/** A waiting row as the domain knows it. */
export function pendingLine(row: PendingItem): PendingLine {
  const { id, itemId, priceId, description, quantity, unitAmount, amount, proration, trace } = row;
  if (priceId === null) throw new Error(`pending item ${id} names no price`);
  const { reversesLineId: lineId, reversesPendingId: pendingId } = row;
  const reverses = lineId || pendingId ? { lineId, pendingId } : null;
  const period = { start: row.periodStart, end: row.periodEnd };
  const rest = { description, quantity, unitAmount, amount, proration, trace, reverses };
  return { id, line: { itemId, priceId, period, ...rest, ...meteredOf(row) } };
}

function meteredOf({ meterId, meterVersion, eventCount }: PendingItem): Pick<LineDraft, 'metered'> {
  if (meterId === null || meterVersion === null || eventCount === null) return {};
  return { metered: { meterId, meterVersion, eventCount } };
}

/** Lets lines wait for the subscription's next invoice. Answers their ids in order. */
export function insertPending(
  { tx, tenantId, at }: Write,
  subscriptionId: string,
  lines: readonly LineDraft[],
): string[] {
  const rows = lines.map(
    ({ period, reverses, metered, ...line }): PendingItem => ({
      ...line,
      id: newId('pl'),
      tenantId,
      subscriptionId,
      periodStart: period.start,
      periodEnd: period.end,
      reversesLineId: reverses?.lineId ?? null,
      reversesPendingId: reverses?.lineId ? null : (reverses?.pendingId ?? null),
      ...meterOf(metered),
      invoiceLineId: null,
      droppedAt: null,
      createdAt: at,
    }),
  );
  insertRowsLater(tx, PendingItemSchema, rows);
  return rows.map(({ id }) => id);
}

/** Notes that lines of an invoice are the ones that waited: each goes once, and what it bills is billed there now. */
export function takePending(tx: Tx, taken: readonly { pendingId: string; lineId: string }[]): void {
  if (taken.length === 0) return;
  const pendingIds = taken.map(({ pendingId }) => pendingId);
  const lineIds = taken.map(({ lineId }) => lineId);
  queryLater(
    tx,
    sql`update pending_items set invoice_line_id = taken.line_id
      from unnest(${pendingIds}::text[], ${lineIds}::text[]) as taken (pending_id, line_id) where id = taken.pending_id`,
  );
  queryLater(
    tx,
    sql`update billed_periods set line_id = pending.invoice_line_id, pending_item_id = null
      from pending_items pending where pending.id = pending_item_id and pending.id = any(${pendingIds}::text[])`,
  );
  moveClosures(tx, pendingIds);
}

/** A subscription that ends without a last invoice leaves nothing waiting: what would have been billed is waived. */
export function dropPending({ tx, at }: Write, pendingIds: readonly string[]): void {
  if (pendingIds.length === 0) return;
  const ids = [...pendingIds];
  queryLater(
    tx,
    sql`update pending_items set dropped_at = ${at.toISOString()} where id = any(${ids}::text[])`,
  );
  queryLater(
    tx,
    sql`update billed_periods set reason = 'waived', pending_item_id = null where pending_item_id = any(${ids}::text[])`,
  );
}
