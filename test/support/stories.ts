import { WithStartWorkflowOperation } from '@temporalio/client';
import { sql } from 'kysely';
import type { CreateCommand } from '../../src/contract/commands.ts';
import type { Command, CommandKind } from '../../src/domain/command.ts';
import type { Customer } from '../../src/domain/customer.ts';
import type { Price } from '../../src/domain/plan.ts';
import type { Subscription } from '../../src/domain/subscription.ts';
import { checkInvariants } from '../../src/main/invariants/ask.ts';
import { CommandSchema } from '../../src/persistence/commands.ts';
import { EventSchema } from '../../src/persistence/events.ts';
import { InvoiceLineSchema, InvoiceSchema } from '../../src/persistence/invoices.ts';
import { findRow, findRows, insertRow, query } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { newId } from '../../src/platform/ids.ts';
import {
  type CommandOutcome,
  commandUpdate,
  WORKFLOWS,
  waitingForQuery,
  workflowId,
} from '../../workflows/messages.ts';
import type { World } from './world.ts';

/** What tests tell and read of subscriptions' lives. Dates are UTC days. */

export type Plan = { planId: string; prices: Price[] };
export const day = (instant: Date): string => instant.toISOString().slice(0, 10);

/** A customer who lives by a test clock, and what can be done for him at the clock's time. */
export async function underClock(
  world: World,
  start: string,
  customer: Partial<Customer> = {},
  token: string | null = 'tok_succeeds',
) {
  const clockId = await world.clock(start);
  return onClock(
    world,
    { clockId, now: start },
    await world.customer({ testClockId: clockId, ...customer }, token),
  );
}

/** Another customer on the same clock shares its time. */
export function onClock(world: World, time: { clockId: string; now: string }, customerId: string) {
  return {
    time,
    customerId,
    clockId: time.clockId,
    subscribe: (plan: Plan, changes: Partial<CreateCommand> = {}) =>
      world.subscribe(customerId, plan, { requestedAt: new Date(time.now), ...changes }),
    command: (id: string, kind: CommandKind, body: object = {}) =>
      world.command(id, kind, body, { requestedAt: new Date(time.now) }),
    async advance(to: string): Promise<void> {
      await world.advance(time.clockId, to);
      time.now = to;
    },
  };
}

/** The stretches of a subscription's items that stand as billed or not to be: `waived 03-01 12:00 – 04-01 00:00`. */
export async function covered(world: World, subscriptionId: string): Promise<string[]> {
  const rows = await world.inTenant((tx) =>
    query<{ reason: string; start: string; end: string }>(
      tx,
      sql`select reason, to_char(lower(period) at time zone 'UTC', 'MM-DD HH24:MI') as start, to_char(upper(period) at time zone 'UTC', 'MM-DD HH24:MI') as end
        from billed_periods join subscription_items item on item.id = item_id
        where item.subscription_id = ${subscriptionId} and voided_at is null order by lower(period)`,
    ),
  );
  return rows.map(({ reason, start, end }) => `${reason} ${start} – ${end}`);
}

export async function subscriptionOf(world: World, id: string): Promise<Subscription> {
  const row = await world.inTenant((tx) => findRow(tx, SubscriptionSchema, { id }));
  if (!row) throw new Error(`there is no subscription ${id}`);
  return row;
}

/** One row per invoice, oldest first: the day it was made, status, total, and what its lines bill. */
export async function billsOf(world: World, subscriptionId: string): Promise<string[]> {
  return world.inTenant(async (tx) => {
    const invoices = await findRows(tx, InvoiceSchema, { subscriptionId }, { orderBy: { id: 'asc' } });
    const rows = invoices.map(async (invoice) => {
      const lines = await findRows(
        tx,
        InvoiceLineSchema,
        { invoiceId: invoice.id },
        { orderBy: { n: 'asc' } },
      );
      const stretches = lines.map(({ periodStart, periodEnd }) => `${day(periodStart)}..${day(periodEnd)}`);
      return [day(invoice.createdAt), invoice.status, invoice.total.toFixed(), ...stretches].join(' ');
    });
    return Promise.all(rows);
  });
}

/** The types of everything that was told of the subscription itself, in order. */
export async function toldOf(world: World, subscriptionId: string): Promise<string[]> {
  const events = await world.inTenant((tx) =>
    findRows(tx, EventSchema, { objectId: subscriptionId }, { orderBy: { sequence: 'asc' } }),
  );
  return events.map(({ type }) => type);
}

export const workflowOf = (world: World, subscriptionId: string) =>
  world.client.workflow.getHandle(workflowId.subscription(subscriptionId));

export const waitingForOf = (world: World, subscriptionId: string) =>
  workflowOf(world, subscriptionId).query(waitingForQuery);

/** Everything the engine promises, asked of rows, workflows and gateway; what is broken, by name with its rows. */
export async function brokenPromises(world: World): Promise<string[]> {
  const { broken } = await checkInvariants(world.database, {
    temporal: world.client,
    gatewayUrl: world.gatewayUrl,
  });
  return broken.map(({ promise, rows }) => `${promise}: ${JSON.stringify(rows)}`);
}

/** Waits until `read` answers what is looked for; fails with the last answer after `seconds`. */
export async function eventually<T>(
  read: () => Promise<T>,
  isIt: (answer: T) => boolean,
  seconds = 120,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await read();
    if (isIt(answer)) return answer;
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(answer)} after ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Writes a command's row without telling the workflow. */
export async function noteCommand(
  world: World,
  subjectId: string,
  kind: CommandKind,
  body: object = {},
  times: { requestedAt?: Date; expiresAt?: Date } = {},
): Promise<Command> {
  const { requestedAt = new Date(), expiresAt = new Date(Date.now() + 900_000) } = times;
  const id = newId('cmd');
  const { tenantId } = world;
  return world.inTenant((tx) =>
    insertRow(tx, CommandSchema, {
      id,
      tenantId,
      subjectId,
      kind,
      body: { ...body },
      requestedAt,
      expiresAt,
      status: 'pending',
      result: null,
      requestId: `req-${id}`,
      createdAt: new Date(),
      finishedAt: null,
    }),
  );
}

/** Tells the workflow of a command, as the API does. */
export function sendCommand(world: World, { id, subjectId, requestedAt }: Command): Promise<CommandOutcome> {
  return world.client.workflow.executeUpdateWithStart(commandUpdate, {
    args: [{ commandId: id, requestedAt: requestedAt.toISOString() }],
    startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOWS.subscription, {
      workflowId: workflowId.subscription(subjectId),
      taskQueue: 'billing',
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ tenantId: world.tenantId, subscriptionId: subjectId }],
    }),
  });
}
