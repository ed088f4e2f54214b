import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { Decimal } from '../../src/domain/money.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { noteThreshold } from '../../src/persistence/note-threshold.ts';
import { query } from '../../src/persistence/rows.ts';
import { plantMeter, use } from '../support/metered.ts';
import { writeNow } from '../support/money.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => {
  expect(await askRows(world.database, new Date())).toEqual([]);
  await world[Symbol.asyncDispose]();
});

/** Every line, as the reason of its invoice, quantity, events that were seen, and amount. */
async function linesOf(subscriptionId: string): Promise<string[]> {
  const rows = await world.inTenant((tx) =>
    query<{ said: string }>(
      tx,
      sql`select concat_ws(' ', invoice.billing_reason, trim_scale(line.quantity), line.event_count, trim_scale(line.amount)) as said
        from invoice_lines line join invoices invoice on invoice.id = line.invoice_id
        where invoice.subscription_id = ${subscriptionId} order by line.id`,
    ),
  );
  return rows.map(({ said }) => said);
}

test('what a meter counts comes to a threshold like what is reported, and what is late comes on top', async () => {
  const clock = await world.clock('2027-01-01T00:00:00Z');
  const customer = await world.customer({ testClockId: clock });
  const plan = await world.plan(
    [
      {
        key: 'calls',
        billing: 'usage',
        timing: 'in_arrears',
        meterId: await plantMeter(world),
        terms: { model: 'per_unit', unitAmount: new Decimal('0.5') },
      },
    ],
    null,
    [{ amount: new Decimal(20), currency: 'USD', recurring: true }],
  );
  const id = await world.subscribe(customer, plan, { requestedAt: new Date('2027-01-01T00:00:00Z') });
  const look = () => world.inTenant(async (tx) => noteThreshold(await writeNow(world, tx, customer), id));

  await use(world, customer, '2027-01-05T00:00:00Z', 39);
  // It has not happened yet, so it counts for nothing.
  await use(world, customer, '2027-01-20T00:00:00Z', 1000);
  await world.advance(clock, '2027-01-06T00:00:00Z');
  expect(await look()).toBe(false);
  await use(world, customer, '2027-01-06T00:00:00Z', 3);
  // The worker looks at what was touched by itself, and may have been first.
  await look();
  await world.advance(clock, '2027-01-07T00:00:00Z');
  expect(await linesOf(id)).toEqual(['threshold 42 2 21']);
  expect(await look()).toBe(false);

  await world.advance(clock, '2027-02-02T00:00:00Z');
  const closed = ['threshold 42 2 21', 'subscription_cycle 1042 3 500'];
  expect(await linesOf(id)).toEqual(closed);
  await use(world, customer, '2027-01-31T00:00:00Z', 2);
  await world.advance(clock, '2027-03-02T00:00:00Z');
  expect(await linesOf(id)).toEqual([...closed, 'subscription_cycle 0 0 0', 'subscription_cycle 1044 4 1']);
});
