import { type RawBuilder, sql } from 'kysely';
import type { Tx } from './doors.ts';
import { isLate } from './invariants/due.ts';
import { query } from './rows.ts';

/** What the metrics count, row by row, for whoever has to do something about it. All of it needs the system door. */

export type SubscriptionInTrouble = {
  id: string;
  tenantId: string;
  status: string;
  nextStep: string | null;
  nextStepAt: Date | null;
  blockedReason: string | null;
};

/** Subscriptions that wait for an operator, oldest first. */
export function findBlocked(tx: Tx, limit: number): Promise<SubscriptionInTrouble[]> {
  return read<SubscriptionInTrouble>(
    tx,
    sql`select ${SUBSCRIPTION} from subscriptions sub where sub.blocked_reason is not null and sub.ended_at is null
      order by sub.id limit ${limit}`,
  );
}

/** Subscriptions whose next step is more than five minutes late, the latest first. */
export function findLate(tx: Tx, at: Date, limit: number): Promise<SubscriptionInTrouble[]> {
  return read<SubscriptionInTrouble>(
    tx,
    sql`select ${SUBSCRIPTION} from subscriptions sub where ${isLate(at)} order by sub.next_step_at limit ${limit}`,
  );
}

const SUBSCRIPTION = sql`sub.id, sub.tenant_id as "tenantId", sub.status, sub.next_step as "nextStep",
  sub.next_step_at as "nextStepAt", sub.blocked_reason as "blockedReason"`;

export type UnclearCharge = {
  attemptId: string;
  invoiceId: string;
  tenantId: string;
  status: string;
  createdAt: Date;
  nextCheckAt: Date | null;
  checks: number;
};

/** Charges of which nobody knows yet what became of them, oldest first. */
export function findUnclearCharges(tx: Tx, limit: number): Promise<UnclearCharge[]> {
  return read<UnclearCharge>(
    tx,
    // All statuses of the index are named, so that it is used.
    sql`select id as "attemptId", invoice_id as "invoiceId", tenant_id as "tenantId", status,
        created_at as "createdAt", next_check_at as "nextCheckAt", check_count as checks
      from payment_attempts where status in ('in_flight', 'unknown', 'pending', 'requires_action')
        and status in ('in_flight', 'unknown')
      order by id limit ${limit}`,
  );
}

export type LostDelivery = {
  id: string;
  tenantId: string;
  endpointId: string;
  eventId: string;
  type: string;
  attempts: number;
  lastError: string | null;
  since: Date;
};

/** Deliveries that are tried no more, the newest first. */
export function findDeadLetters(
  tx: Tx,
  among: { endpointId: string | null; limit: number },
): Promise<LostDelivery[]> {
  const endpoint = among.endpointId === null ? sql`` : sql`and delivery.endpoint_id = ${among.endpointId}`;
  return read(
    tx,
    sql`select delivery.id, delivery.tenant_id as "tenantId", delivery.endpoint_id as "endpointId",
        delivery.event_id as "eventId", event.type, delivery.attempts, delivery.last_error as "lastError",
        delivery.updated_at as since
      from webhook_deliveries delivery join events event on event.id = delivery.event_id
      where delivery.status = 'dead' ${endpoint} order by delivery.updated_at desc limit ${among.limit}`,
  );
}

export type UnwatchedUsage = {
  tenantId: string;
  customerId: string;
  /** Null where the use was reported by hand. */
  meterId: string | null;
  tries: number;
  lastError: string | null;
  since: Date;
  nextTryAt: Date;
};

/** Use that could not be looked at for alerts and usage thresholds, the longest waiting first. */
export function findUnwatchedUsage(tx: Tx, limit: number): Promise<UnwatchedUsage[]> {
  return read<UnwatchedUsage>(
    tx,
    sql`select tenant_id as "tenantId", customer_id as "customerId", nullif(meter_id, '') as "meterId", tries,
        last_error as "lastError", created_at as since, not_before as "nextTryAt"
      from usage_touched where tries > 0 order by id limit ${limit}`,
  );
}

export type StandingImport = { id: string; tenantId: string; since: Date; rowsLeft: number };

/** Long enough for a part of a megabyte on a machine that has a lot to do. */
const STANDS_AFTER_MS = 600_000;

/** Running imports of usage of which no part was taken in for ten minutes, the longest waiting first. */
export function findStandingImports(tx: Tx, now: Date, limit: number): Promise<StandingImport[]> {
  const before = new Date(now.getTime() - STANDS_AFTER_MS).toISOString();
  return read<StandingImport>(
    tx,
    sql`select id, tenant_id as "tenantId", updated_at as since, (
          select coalesce(sum(rows), 0)::integer from usage_import_chunks
          where import_id = usage_imports.id and done_at is null) as "rowsLeft"
      from usage_imports where status = 'running' and updated_at < ${before} order by updated_at limit ${limit}`,
  );
}

const INSTANTS = ['nextStepAt', 'createdAt', 'nextCheckAt', 'nextTryAt', 'since'];

/** The driver gives instants as text. */
async function read<Row extends object>(tx: Tx, statement: RawBuilder<unknown>): Promise<Row[]> {
  const rows = await query<Row>(tx, statement);
  return rows.map((row) => {
    const entries = Object.entries(row).map(([name, value]) => [
      name,
      INSTANTS.includes(name) && typeof value === 'string' ? new Date(value) : value,
    ]);
    return Object.fromEntries(entries) as Row;
  });
}
