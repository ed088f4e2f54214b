import { sql } from 'kysely';
import type { CountingRule } from '../../src/domain/meter.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { Price } from '../../src/domain/plan.ts';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import type { Plan } from './stories.ts';
import { plantEvents, plantRule, ruleOf } from './usage.ts';
import type { World } from './world.ts';

/** A meter that has counted for ever; unless it says otherwise the sum of `size` of events named `call`. */
export async function plantMeter(world: World, changes: Partial<CountingRule> = {}): Promise<string> {
  const { tenantId } = world;
  const meterId = newId('mtr');
  const rule = ruleOf(tenantId, changes.aggregation ?? 'sum', { meterId, ...changes });
  const times = { effectiveAt: new Date('2000-01-01T00:00:00Z'), createdAt: new Date() };
  await world.inTenant((tx) => plantRule(tx, rule, times));
  return meterId;
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

/** A fee of 20, and calls at 0.50 as that meter or one of their own counts them. */
export async function meteredPlan(world: World, price: Partial<Price> = {}, meterId?: string): Promise<Plan> {
  return world.plan([
    { unitAmount: '20' },
    {
      key: 'calls',
      name: 'Calls',
      billing: 'usage',
      timing: 'in_arrears',
      meterId: meterId ?? (await plantMeter(world)),
      terms: { model: 'per_unit', unitAmount: new Decimal('0.5') },
      ...price,
    },
  ]);
}

/** The lines of a subscription's invoices that a meter counted, in the order in which they were made. */
export async function meteredLines(world: World, subscriptionId: string): Promise<string[]> {
  type Line = {
    reason: string;
    description: string;
    quantity: string;
    amount: string;
    events: string | null;
  };
  const rows = await world.inTenant((tx) =>
    query<Line>(
      tx,
      sql`select invoice.billing_reason as reason, line.description, trim_scale(line.quantity)::text as quantity,
          trim_scale(line.amount)::text as amount, line.event_count as events
        from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
        where invoice.subscription_id = ${subscriptionId} and line.meter_id is not null order by line.id`,
    ),
  );
  return rows.map(
    ({ reason, description, quantity, amount, events }) =>
      `${reason}: ${description.replace(/\(late, (?!1 Jan – 31 Jan).*\)/, '(late, SOME TIME)')}, ${quantity} of ${events} events, ${amount}`,
  );
}

/** What a subscription's invoices are and come to, oldest first: `paid 20`. */
export async function invoicesOf(world: World, subscriptionId: string): Promise<string[]> {
  const rows = await world.inTenant((tx) =>
    query<{ status: string; total: string }>(
      tx,
      sql`select status, trim_scale(total)::text as total from invoices where subscription_id = ${subscriptionId} order by id`,
    ),
  );
  return rows.map(({ status, total }) => `${status} ${total}`);
}
