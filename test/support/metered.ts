import { sql } from 'kysely';
import type { CountingRule } from '../../src/domain/meter.ts';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { plantEvents } from './usage.ts';
import type { World } from './world.ts';

/** A meter that has counted for ever; unless it says otherwise the sum of `size` of events named `call`. */
export async function plantMeter(world: World, changes: Partial<CountingRule> = {}): Promise<string> {
  const id = newId('mtr');
  const { tenantId } = world;
  const {
    eventName = 'call',
    aggregation = 'sum',
    property = aggregation === 'count' ? null : 'size',
    factorProperty = null,
    filters = [],
    groupBy = [],
    bucket = null,
    rounding = null,
  } = changes;
  await world.inTenant(async (tx) => {
    await query(
      tx,
      sql`insert into meters (id, tenant_id, name, event_name, created_at, updated_at) values (${id}, ${tenantId}, 'Calls', ${eventName}, now(), now())`,
    );
    await query(
      tx,
      sql`insert into meter_versions (meter_id, version, tenant_id, aggregation, property, factor_property, filters, group_by, bucket,
          rounding, effective_at, created_at)
        values (${id}, 1, ${tenantId}, ${aggregation}, ${property}, ${factorProperty}, ${JSON.stringify(filters)}::jsonb,
          ${[...groupBy]}::text[], ${bucket}, ${rounding && JSON.stringify(rounding)}::jsonb, '2000-01-01', now())`,
    );
  });
  return id;
}

let sent = 0;

/** One event of a customer; answers its key. */
export async function use(
  world: World,
  customerId: string,
  at: string,
  size: number | string,
  more: { key?: string; subscriptionId?: string; properties?: Record<string, string> } = {},
): Promise<string> {
  sent += 1;
  const key = more.key ?? `event ${sent}`;
  const event = {
    key,
    revision: 0,
    eventName: 'call',
    customerId,
    subscriptionId: more.subscriptionId ?? null,
    at: new Date(at),
    properties: { size, ...more.properties },
  };
  await world.inTenant(async (tx) => {
    await query(
      tx,
      sql`insert into usage_event_keys (tenant_id, key, digest, event_at) values (${world.tenantId}, ${key}, '', ${at})`,
    );
    await plantEvents(tx, world.tenantId, [event]);
  });
  return key;
}
