import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { readOnly } from '../../src/persistence/invariants/promised.ts';
import { query } from '../../src/persistence/rows.ts';
import type { Told } from './crash-story.ts';
import type { Stage } from './stage.ts';

type Looking = Pick<Stage, 'database' | 'receiver'>;

/**
 * Waits until nobody has anything left to do for these tenants; whoever held a lease and died makes that long. Patience
 * begins with `calmSinceMs` (of `performance.now()`), and is without end while that is null: as long as processes are
 * killed every few seconds, what they hold is held anew.
 */
export async function untilSettled(
  { database, receiver }: Looking,
  told: readonly Pick<Told, 'tenantId'>[],
  timeoutMs: number,
  calmSinceMs: () => number | null,
): Promise<void> {
  const tenants = told.map(({ tenantId }) => tenantId);
  const look = () =>
    readOnly(database, (tx) => query<{ what: string }>(tx, unfinished(tenants, receiver.url)));
  for (const startedMs = performance.now(); ; await sleep(1_000)) {
    const left = await oneAfterTheOther(look);
    if (left.length === 0) return;
    const calmMs = performance.now() - Math.max(startedMs, calmSinceMs() ?? Number.POSITIVE_INFINITY);
    if (calmMs <= timeoutMs) continue;
    const [first, second, ...others] = left.map(({ what }) => what);
    const more = others.length > 0 ? [`and ${others.length} more`] : [];
    throw new Error(
      `not settled after ${timeoutMs / 1000} s: ${[first, second, ...more].filter(Boolean).join(', ')}`,
    );
  }
}

let lastLook: Promise<unknown> = Promise.resolve();

/** A hundred stories are looked after at once; if all looked at once, they would wait for connections in vain. */
function oneAfterTheOther<T>(look: () => Promise<T>): Promise<T> {
  const next = lastLook.then(() => patiently(look));
  lastLook = next.catch(() => {});
  return next;
}

/** While processes start and die all around, a connection may take longer than anybody waits for one: it is tried again. */
export async function patiently<T>(look: () => Promise<T>, triesLeft = 5): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (triesLeft === 0) throw error;
    await sleep(5_000);
    return patiently(look, triesLeft - 1);
  }
}

/** Whoever is well gets everything in the end; a receiver that is not may be owed something for long. */
const unfinished = (tenants: readonly string[], wellUrl: string) => sql`
  with mine as (select unnest(${[...tenants]}::text[]) as tenant_id)
  select 'command ' || id as what from commands join mine using (tenant_id) where status = 'pending'
  union all select 'attempt ' || id from payment_attempts join mine using (tenant_id) where status in ('in_flight', 'unknown')
  union all select 'clock ' || id from test_clocks join mine using (tenant_id) where status = 'advancing'
  union all select 'end of clock ' || clock.id from test_clocks clock join mine using (tenant_id)
    where clock.status = 'deleted' and exists (
      select from customers where customers.test_clock_id = clock.id and customers.deleted_at is null)
  union all select 'nudge ' || workflow_id from nudges join mine using (tenant_id)
  union all select 'event ' || id from events join mine using (tenant_id) where position is null
  union all select 'delivery ' || delivery.id from webhook_deliveries delivery join mine using (tenant_id)
    join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id
    where delivery.status = 'pending'
      and (delivery.lease_until is not null or delivery.next_attempt_at <= now() or endpoint.url = ${wellUrl})`;

/**
 * What became of everybody, counted: equal to what an undisturbed telling of the same story comes to, or a crash has
 * changed what a customer gets or pays.
 */
export async function outcomeOf({ database }: Looking, told: readonly Told[]): Promise<string[]> {
  const tenants = told.map(({ tenantId }) => tenantId);
  const rows = await oneAfterTheOther(() =>
    readOnly(database, (tx) =>
      query<{ what: string; times: number }>(
        tx,
        sql`with mine as (select unnest(${tenants}::text[]) as tenant_id)
        select what, count(*)::int as times from (
          select 'customer' as what from customers join mine using (tenant_id)
          union all select 'payment method' from payment_methods join mine using (tenant_id)
          union all select 'event of use' from usage_events join mine using (tenant_id)
          union all select 'plan' from plans join mine using (tenant_id)
          union all select 'webhook endpoint, ' || status from webhook_endpoints join mine using (tenant_id)
          union all select 'command ' || kind || ', ' || status from commands join mine using (tenant_id)
          union all select 'subscription, ' || status || case when blocked_reason is null then '' else ', blocked' end
            from subscriptions join mine using (tenant_id)
          union all select 'invoice over ' || total || ', ' || status from invoices join mine using (tenant_id)
          union all select 'charge of ' || amount || ', ' || status from payment_attempts join mine using (tenant_id)
        ) told group by what order by what`,
      ),
    ),
  );
  return rows.map(({ what, times }) => `${times} × ${what}`);
}

/**
 * A sentence for each event that the stage's receiver, which is well, is said to have got but did not, or has not got at
 * all.
 */
export async function unheard(
  { database, receiver }: Looking,
  told: readonly Pick<Told, 'tenantId'>[],
): Promise<string[]> {
  const tenants = told.map(({ tenantId }) => tenantId);
  const deliveries = await oneAfterTheOther(() =>
    readOnly(database, (tx) =>
      query<{ event_id: string; status: string; type: string }>(
        tx,
        sql`select delivery.event_id, delivery.status, event.type from webhook_deliveries delivery
        join events event on event.id = delivery.event_id join webhook_endpoints endpoint on endpoint.id = delivery.endpoint_id
        where endpoint.tenant_id = any(${tenants}::text[]) and endpoint.url = ${receiver.url}`,
      ),
    ),
  );
  return deliveries.flatMap(({ event_id, status, type }) => {
    const heard = receiver.seen().has(event_id);
    if (heard && status === 'delivered') return [];
    return [`the event ${event_id} (${type}) is ${status}, and ${heard ? 'arrived' : 'never arrived'}`];
  });
}
