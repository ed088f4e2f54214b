import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { runCustomerWork } from '../../activities/customer-work.ts';
import type { ActivityDeps } from '../../activities/deps.ts';
import { presenters } from '../../src/contract/presenters.ts';
import { Decimal } from '../../src/domain/money.ts';
import type { Price } from '../../src/domain/plan.ts';
import { attributeUsage } from '../../src/persistence/attribute-usage.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { query } from '../../src/persistence/rows.ts';
import { plantMeter, use } from '../support/metered.ts';
import { voidEvent } from '../support/usage.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  expect(await askRows(world.database, new Date())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

type Line = {
  reason: string;
  description: string;
  quantity: string;
  amount: string;
  events: string | null;
};

/** The lines of a subscription's invoices that a meter counted, in the order in which they were made. */
async function meteredLines(subscriptionId: string): Promise<string[]> {
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

async function metered(price: Partial<Price> = {}, meterId?: string) {
  const meter = meterId ?? (await plantMeter(world));
  return world.plan([
    { unitAmount: '20' },
    {
      key: 'calls',
      name: 'Calls',
      billing: 'usage',
      timing: 'in_arrears',
      meterId: meter,
      terms: { model: 'per_unit', unitAmount: new Decimal('0.5') },
      ...price,
    },
  ]);
}

describe('usage that a meter counts', () => {
  it('is billed when its period ends, with what arrived late on the invoice after it', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const plan = await metered();
    const id = await world.subscribe(customer, plan, { requestedAt: new Date('2027-01-01T00:00:00Z') });
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await use(world, customer, '2027-01-31T23:59:59.999Z', '2.5');
    await use(world, customer, '2027-02-01T00:00:00Z', 100);
    await world.advance(clock, '2027-02-05T00:00:00Z');
    expect(await meteredLines(id)).toEqual(['subscription_cycle: Calls, 12.5 of 2 events, 6.25']);

    await use(world, customer, '2027-01-31T12:00:00Z', 4);
    await world.advance(clock, '2027-03-05T00:00:00Z');
    const second = [
      'subscription_cycle: Calls, 12.5 of 2 events, 6.25',
      'subscription_cycle: Calls, 100 of 1 events, 50',
      'subscription_cycle: Calls (late, 1 Jan – 31 Jan), 16.5 of 3 events, 2',
    ];
    expect(await meteredLines(id)).toEqual(second);

    await world.advance(clock, '2027-04-05T00:00:00Z');
    expect(await meteredLines(id)).toEqual([...second, 'subscription_cycle: Calls, 0 of 0 events, 0']);
  });

  it('is counted group by group where a matrix prices it, which keeps what is promised of closed periods', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const terms = {
      model: 'matrix' as const,
      dimensions: ['region'],
      cells: [{ values: ['eu'], unitAmount: new Decimal('1') }],
      defaultUnitAmount: new Decimal('0.1'),
    };
    const meter = await plantMeter(world, { aggregation: 'max', groupBy: ['region'] });
    const id = await world.subscribe(customer, await metered({ terms }, meter), {
      requestedAt: new Date('2027-01-01T00:00:00Z'),
    });
    await use(world, customer, '2027-01-10T00:00:00Z', 10, { properties: { region: 'eu' } });
    await use(world, customer, '2027-01-11T00:00:00Z', 4, { properties: { region: 'eu' } });
    await use(world, customer, '2027-01-12T00:00:00Z', 7, { properties: { region: 'us' } });
    await world.advance(clock, '2027-02-05T00:00:00Z');
    expect(await meteredLines(id)).toEqual(['subscription_cycle: Calls, 17 of 3 events, 10.7']);
    expect(await askRows(world.database, new Date())).toEqual([]);
  });

  it('is given back on the next invoice when an event turns out to be wrong', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const id = await world.subscribe(customer, await metered(), {
      requestedAt: new Date('2027-01-01T00:00:00Z'),
    });
    const at = '2027-01-10T00:00:00Z';
    const key = await use(world, customer, at, 10);
    await world.advance(clock, '2027-02-05T00:00:00Z');
    await world.inTenant((tx) =>
      voidEvent(tx, world.tenantId, {
        key,
        revision: 0,
        eventName: 'call',
        customerId: customer,
        subscriptionId: null,
        at: new Date(at),
        properties: {},
      }),
    );
    await world.advance(clock, '2027-03-05T00:00:00Z');
    expect(await meteredLines(id)).toEqual([
      'subscription_cycle: Calls, 10 of 1 events, 5',
      'subscription_cycle: Calls, 0 of 0 events, 0',
      'subscription_cycle: Calls (late, 1 Jan – 31 Jan), 0 of 0 events, -5',
    ]);
  });

  it('is counted by one subscription of its customer, unless the other says that its usage is its own', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const meter = await plantMeter(world);
    const plan = await metered({}, meter);
    const requestedAt = new Date('2027-01-01T00:00:00Z');
    const first = await world.subscribe(customer, plan, { requestedAt });
    await expect(world.subscribe(customer, await metered({}, meter), { requestedAt })).rejects.toThrow(
      new RegExp(`refused.*meter_claimed.*${first}.*usage_scope`),
    );
    const own = await world.subscribe(customer, await metered({}, meter), {
      requestedAt,
      usage_scope: 'subscription',
    });
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await use(world, customer, '2027-01-11T00:00:00Z', 3, { subscriptionId: own });
    await use(world, customer, '2027-01-12T00:00:00Z', 1, { subscriptionId: first });
    await world.advance(clock, '2027-02-05T00:00:00Z');
    expect(await meteredLines(first)).toEqual(['subscription_cycle: Calls, 11 of 2 events, 5.5']);
    expect(await meteredLines(own)).toEqual(['subscription_cycle: Calls, 3 of 1 events, 1.5']);

    const { outcome } = await world.command(
      first,
      'cancel',
      { mode: 'now', at: null, reason: null },
      {
        requestedAt: new Date('2027-02-05T00:00:00Z'),
      },
    );
    expect(outcome).toBe('applied');
    await world.subscribe(customer, plan, { requestedAt: new Date('2027-02-05T00:00:00Z') });
  });

  it('counts on a draft until that goes out, where the plan gives it time; all else of the draft is untouched', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const plan = await metered();
    await world.inTenant((tx) =>
      query(tx, sql`update plan_versions set invoice_grace_hours = 48 where plan_id = ${plan.planId}`),
    );
    const id = await world.subscribe(customer, plan, { requestedAt: new Date('2027-01-01T00:00:00Z') });
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await world.advance(clock, '2027-02-02T00:00:00Z');
    expect(await meteredLines(id)).toEqual(['subscription_cycle: Calls, 10 of 1 events, 5']);
    await use(world, customer, '2027-01-11T00:00:00Z', 3);
    await world.advance(clock, '2027-02-02T23:59:59Z');
    expect(await invoices(id)).toEqual(['paid 20', 'draft 25']);
    await world.advance(clock, '2027-02-03T01:00:00Z');
    expect(await invoices(id)).toEqual(['paid 20', 'paid 26.5']);
    expect(await meteredLines(id)).toEqual(['subscription_cycle: Calls, 13 of 2 events, 6.5']);
    await use(world, customer, '2027-01-12T00:00:00Z', 1);
    await world.advance(clock, '2027-03-04T00:00:00Z');
    expect(await meteredLines(id)).toEqual([
      'subscription_cycle: Calls, 13 of 2 events, 6.5',
      'subscription_cycle: Calls, 0 of 0 events, 0',
      'subscription_cycle: Calls (late, 1 Jan – 31 Jan), 14 of 3 events, 0.5',
    ]);
  });
  it('goes on a trailing invoice after the end, one a day, until nothing can arrive any more', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const id = await world.subscribe(customer, await metered(), {
      requestedAt: new Date('2027-01-01T00:00:00Z'),
      cancel_at: '2027-02-01T00:00:00Z',
    });
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await world.advance(clock, '2027-02-01T12:00:00Z');
    await use(world, customer, '2027-01-11T00:00:00Z', 3);
    await world.advance(clock, '2027-02-01T23:00:00Z');
    expect(await meteredLines(id)).toEqual(['subscription_cancel: Calls, 10 of 1 events, 5']);
    await world.advance(clock, '2027-02-03T00:00:00Z');
    await use(world, customer, '2027-01-12T00:00:00Z', 1);
    await use(world, customer, '2027-01-13T00:00:00Z', 1);
    await world.advance(clock, '2027-02-10T00:00:00Z');
    await use(world, customer, '2027-01-14T00:00:00Z', 2);
    await world.advance(clock, '2027-04-01T00:00:00Z');
    expect(await meteredLines(id)).toEqual([
      'subscription_cancel: Calls, 10 of 1 events, 5',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 13 of 2 events, 1.5',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 15 of 4 events, 1',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 17 of 5 events, 1',
    ]);
    expect(await invoices(id)).toEqual(['paid 20', 'paid 5', 'paid 1.5', 'paid 1', 'paid 1']);
    const open = await world.inTenant((tx) =>
      query(tx, sql`select from usage_closures where subscription_id = ${id} and final_at is null`),
    );
    expect(open).toEqual([]);
  });

  it('is on the first invoice of a subscription that starts in the past, one line per elapsed period', async () => {
    const clock = await world.clock('2027-03-10T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    await use(world, customer, '2027-01-15T00:00:00Z', 10);
    await use(world, customer, '2027-02-15T00:00:00Z', 4);
    await use(world, customer, '2027-03-05T00:00:00Z', 2);
    const id = await world.subscribe(customer, await metered(), {
      requestedAt: new Date('2027-03-10T00:00:00Z'),
      start_at: '2027-01-01T00:00:00Z',
    });
    await use(world, customer, '2027-02-16T00:00:00Z', 1);
    const elapsed = [
      'subscription_create: Calls, 10 of 1 events, 5',
      'subscription_create: Calls, 4 of 1 events, 2',
    ];
    expect(await meteredLines(id)).toEqual(elapsed);
    await world.advance(clock, '2027-04-01T00:00:01Z');
    expect(await meteredLines(id)).toEqual([
      ...elapsed,
      'subscription_cycle: Calls, 2 of 1 events, 1',
      'subscription_cycle: Calls (late, SOME TIME), 5 of 2 events, 0.5',
    ]);
  });

  it('is billed also when its events find their customer after everything was done with', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const id = await world.subscribe(customer, await metered(), {
      requestedAt: new Date('2027-01-01T00:00:00Z'),
      cancel_at: '2027-02-01T00:00:00Z',
    });
    await world.advance(clock, '2027-04-01T00:00:00Z');
    await world.inTenant(async (tx) => {
      const at = '2027-01-10T00:00:00Z';
      await query(
        tx,
        sql`insert into usage_event_keys (tenant_id, key, digest, event_at) values (${world.tenantId}, 'of a stranger', '', ${at})`,
      );
      await query(
        tx,
        sql`insert into usage_events (tenant_id, key, event_name, external_customer_id, event_at, properties, ingested_at)
          values (${world.tenantId}, 'of a stranger', 'call', 'ada', ${at}, '{"size": 10}', now())`,
      );
    });
    const ada = { id: customer, tenantId: world.tenantId, externalId: 'ada' };
    expect(await world.inTenant((tx) => attributeUsage(tx, ada))).toBe(1);
    await world.advance(clock, '2027-04-02T00:00:00Z');
    expect(await meteredLines(id)).toEqual([
      'subscription_cancel: Calls, 0 of 0 events, 0',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 10 of 1 events, 5',
    ]);
  });

  it('is cut where its price changes and where its subscription rests, each stretch by its own events', async () => {
    const clock = await world.clock('2027-01-01T00:00:00Z');
    const customer = await world.customer({ testClockId: clock });
    const meter = await plantMeter(world);
    const usage = { name: 'Calls', billing: 'usage', timing: 'in_arrears', meterId: meter } as const;
    const unit = (amount: string) => ({ model: 'per_unit', unitAmount: new Decimal(amount) }) as const;
    const plan = await world.plan([
      { unitAmount: '20' },
      { ...usage, key: 'calls', terms: unit('0.5') },
      { ...usage, key: 'dear', terms: unit('2') },
    ]);
    const items = plan.prices.slice(0, 2).map(({ key, id: price }) => ({ key, price, quantity: '1' }));
    const id = await world.subscribe(customer, plan, {
      requestedAt: new Date('2027-01-01T00:00:00Z'),
      items,
    });
    await use(world, customer, '2027-01-05T00:00:00Z', 10);
    await world.advance(clock, '2027-01-10T12:00:00Z');
    const change = {
      plan: null,
      set: [{ key: 'dear', price: plan.prices[2]?.id, quantity: '1' }],
      remove: ['calls'],
      once: [],
      proration: 'next_invoice',
      anchor: null,
      billing_anchor: null,
      trial: 'keep',
    };
    const now = { effective: 'now', at: null, preview_token: null };
    const requestedAt = new Date('2027-01-10T12:00:00Z');
    expect(await world.command(id, 'change', { ...now, prices: [], change }, { requestedAt })).toEqual({
      result: {},
      outcome: 'applied',
    });
    await use(world, customer, '2027-01-10T11:59:59.999Z', 1);
    await use(world, customer, '2027-01-10T12:00:00Z', 3);
    await world.advance(clock, '2027-02-01T12:00:00Z');
    const first = [
      'subscription_cycle: Calls, 3 of 1 events, 6',
      'subscription_cycle: Calls, 10 of 1 events, 5',
      'subscription_cycle: Calls (late, SOME TIME), 11 of 2 events, 0.5',
    ];
    expect((await meteredLines(id)).sort()).toEqual([...first].sort());
    await use(world, customer, '2027-02-01T06:00:00Z', 4);
    const pause = { ...now, credit: true, resume_at: null };
    await world.command(id, 'pause', pause, { requestedAt: new Date('2027-02-01T12:00:00Z') });
    await use(world, customer, '2027-02-03T00:00:00Z', 1000);
    await world.advance(clock, '2027-02-05T00:00:00Z');
    await world.command(id, 'resume', now, { requestedAt: new Date('2027-02-05T00:00:00Z') });
    await use(world, customer, '2027-02-06T00:00:00Z', 5);
    await world.advance(clock, '2027-03-01T12:00:00Z');
    const lines = await meteredLines(id);
    expect(lines.slice(3).sort()).toEqual([
      'subscription_cycle: Calls, 5 of 1 events, 10',
      'subscription_update: Calls, 4 of 1 events, 8',
    ]);
  });

  it('is looked at once a day by the wall clock, and what costs nothing makes no invoice', async () => {
    const customer = await world.customer();
    const tiers = [
      { upTo: new Decimal(100), unitAmount: new Decimal(0), flatAmount: new Decimal(0) },
      { upTo: null, unitAmount: new Decimal(1), flatAmount: new Decimal(0) },
    ];
    const plan = await metered({ terms: { model: 'graduated', tiers } });
    const id = await world.subscribe(customer, plan);
    const now = new Date();
    const used = now.toISOString();
    await use(world, customer, used, 90);
    // A period does not hold the instant of its end, and an event may be stored within the millisecond.
    const ended = new Date(now.getTime() + 1);
    const command = { mode: 'now', at: null, reason: null };
    await world.command(id, 'cancel', command, { requestedAt: ended });
    const deps = customerWorkDeps(world);
    await use(world, customer, used, 5);
    const hours = (count: number) => new Date(ended.getTime() + count * 3_600_000);
    await runCustomerWork(deps, hours(1));
    await runCustomerWork(deps, hours(25));
    expect(await meteredLines(id)).toEqual(['subscription_cancel: Calls, 90 of 1 events, 0']);
    await use(world, customer, used, 7);
    await runCustomerWork(deps, hours(26));
    await runCustomerWork(deps, hours(50));
    expect(await meteredLines(id)).toEqual([
      'subscription_cancel: Calls, 90 of 1 events, 0',
      'late_usage: Calls (late, SOME TIME), 102 of 3 events, 2',
    ]);
    expect((await invoices(id)).at(-1)).toBe('open 2');
  });
});

function customerWorkDeps({ database, logger: log }: World): ActivityDeps {
  const none = () => {
    throw new Error('nothing of this is asked for');
  };
  const rest = { gateways: { get: none }, openSecret: none, publicUrl: '' };
  return { ...rest, database, present: presenters, now: () => new Date(), log };
}

async function invoices(subscriptionId: string): Promise<string[]> {
  const rows = await world.inTenant((tx) =>
    query<{ status: string; total: string }>(
      tx,
      sql`select status, trim_scale(total)::text as total from invoices where subscription_id = ${subscriptionId} order by id`,
    ),
  );
  return rows.map(({ status, total }) => `${status} ${total}`);
}
