import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { runCustomerWork } from '../../activities/customer-work.ts';
import type { ActivityDeps } from '../../activities/deps.ts';
import { presenters } from '../../src/contract/presenters.ts';
import { Decimal } from '../../src/domain/money.ts';
import { attributeUsage } from '../../src/persistence/attribute-usage.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { query } from '../../src/persistence/rows.ts';
import { invoicesOf, meteredLines, meteredPlan, use } from '../support/metered.ts';
import { underClock } from '../support/stories.ts';
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

describe('usage of which something is heard when its period is over', () => {
  it('is given back on the next invoice when an event turns out to be wrong', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const id = await ada.subscribe(await meteredPlan(world));
    const at = '2027-01-10T00:00:00Z';
    const key = await use(world, customer, at, 10);
    await ada.advance('2027-02-05T00:00:00Z');
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
    await ada.advance('2027-03-05T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual([
      'subscription_cycle: Calls, 10 of 1 events, 5',
      'subscription_cycle: Calls, 0 of 0 events, 0',
      'subscription_cycle: Calls (late, 1 Jan – 31 Jan), 0 of 0 events, -5',
    ]);
  });

  it('counts on a draft until that goes out, where the plan gives it time; all else of the draft is untouched', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const plan = await meteredPlan(world);
    await world.inTenant((tx) =>
      query(tx, sql`update plan_versions set invoice_grace_hours = 48 where plan_id = ${plan.planId}`),
    );
    const id = await ada.subscribe(plan);
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await ada.advance('2027-02-02T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual(['subscription_cycle: Calls, 10 of 1 events, 5']);
    await use(world, customer, '2027-01-11T00:00:00Z', 3);
    await ada.advance('2027-02-02T23:59:59Z');
    expect(await invoicesOf(world, id)).toEqual(['paid 20', 'draft 25']);
    await ada.advance('2027-02-03T01:00:00Z');
    expect(await invoicesOf(world, id)).toEqual(['paid 20', 'paid 26.5']);
    expect(await meteredLines(world, id)).toEqual(['subscription_cycle: Calls, 13 of 2 events, 6.5']);
    await use(world, customer, '2027-01-12T00:00:00Z', 1);
    await ada.advance('2027-03-04T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual([
      'subscription_cycle: Calls, 13 of 2 events, 6.5',
      'subscription_cycle: Calls, 0 of 0 events, 0',
      'subscription_cycle: Calls (late, 1 Jan – 31 Jan), 14 of 3 events, 0.5',
    ]);
  });

  it('goes on a trailing invoice after the end, one a day, until nothing can arrive any more', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const id = await ada.subscribe(await meteredPlan(world), { cancel_at: '2027-02-01T00:00:00Z' });
    await use(world, customer, '2027-01-10T00:00:00Z', 10);
    await ada.advance('2027-02-01T12:00:00Z');
    await use(world, customer, '2027-01-11T00:00:00Z', 3);
    await ada.advance('2027-02-01T23:00:00Z');
    expect(await meteredLines(world, id)).toEqual(['subscription_cancel: Calls, 10 of 1 events, 5']);
    await ada.advance('2027-02-03T00:00:00Z');
    await use(world, customer, '2027-01-12T00:00:00Z', 1);
    await use(world, customer, '2027-01-13T00:00:00Z', 1);
    await ada.advance('2027-02-10T00:00:00Z');
    await use(world, customer, '2027-01-14T00:00:00Z', 2);
    await ada.advance('2027-04-01T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual([
      'subscription_cancel: Calls, 10 of 1 events, 5',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 13 of 2 events, 1.5',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 15 of 4 events, 1',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 17 of 5 events, 1',
    ]);
    expect(await invoicesOf(world, id)).toEqual(['paid 20', 'paid 5', 'paid 1.5', 'paid 1', 'paid 1']);
    const open = await world.inTenant((tx) =>
      query(tx, sql`select from usage_closures where subscription_id = ${id} and final_at is null`),
    );
    expect(open).toEqual([]);
  });

  it('is billed also when its events find their customer after everything was done with', async () => {
    const ada = await underClock(world, '2027-01-01T00:00:00Z');
    const customer = ada.customerId;
    const id = await ada.subscribe(await meteredPlan(world), { cancel_at: '2027-02-01T00:00:00Z' });
    await ada.advance('2027-04-01T00:00:00Z');
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
    const named = { id: customer, tenantId: world.tenantId, externalId: 'ada' };
    expect(await world.inTenant((tx) => attributeUsage(tx, named))).toBe(1);
    await ada.advance('2027-04-02T00:00:00Z');
    expect(await meteredLines(world, id)).toEqual([
      'subscription_cancel: Calls, 0 of 0 events, 0',
      'late_usage: Calls (late, 1 Jan – 31 Jan), 10 of 1 events, 5',
    ]);
  });

  it('is looked at once a day by the wall clock, and what costs nothing makes no invoice', async () => {
    const customer = await world.customer();
    const tiers = [
      { upTo: new Decimal(100), unitAmount: new Decimal(0), flatAmount: new Decimal(0) },
      { upTo: null, unitAmount: new Decimal(1), flatAmount: new Decimal(0) },
    ];
    const plan = await meteredPlan(world, { terms: { model: 'graduated', tiers } });
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
    expect(await meteredLines(world, id)).toEqual(['subscription_cancel: Calls, 90 of 1 events, 0']);
    await use(world, customer, used, 7);
    await runCustomerWork(deps, hours(26));
    await runCustomerWork(deps, hours(50));
    expect(await meteredLines(world, id)).toEqual([
      'subscription_cancel: Calls, 90 of 1 events, 0',
      'late_usage: Calls (late, SOME TIME), 102 of 3 events, 2',
    ]);
    expect((await invoicesOf(world, id)).at(-1)).toBe('open 2');
  });
});

function customerWorkDeps({ database, logger: log }: World): ActivityDeps {
  const none = () => {
    throw new Error('nothing of this is asked for');
  };
  const rest = { gateways: { get: none }, openSecret: none, publicUrl: '' };
  return { ...rest, database, present: presenters, now: () => new Date(), log };
}
