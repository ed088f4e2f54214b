import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { reconcile } from '../../activities/reconcile.ts';
import type { Repair } from '../../activities/repairs/repair.ts';
import { engineOf } from '../../src/main/engine.ts';
import { CommandSchema } from '../../src/persistence/commands.ts';
import { nudge } from '../../src/persistence/nudges.ts';
import { PaymentAttemptSchema } from '../../src/persistence/payments.ts';
import { findRow, insertRow, query, updateRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { newId } from '../../src/platform/ids.ts';
import { WORKFLOWS, waitingForQuery, workflowId } from '../../workflows/messages.ts';
import { eventually, moneyOf } from '../support/money.ts';
import { createWorld, type World } from '../support/world.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

let world: World;
let money: ReturnType<typeof moneyOf>;
beforeAll(async () => {
  world = await createWorld();
  money = moneyOf(world);
});
afterAll(() => world[Symbol.asyncDispose]());
// Whatever a story left behind is no business of the next one.
beforeEach(() => eventually(async () => (await repairs(true)).length === 0));

async function repairs(dryRun = false, at?: Date): Promise<Repair[]> {
  const { database, client } = world;
  const engine = engineOf(client, '');
  return all(reconcile({ database, engine, now: () => at ?? new Date() }, { dryRun }));
}

async function all<T>(found: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const one of found) list.push(one);
  return list;
}

const kinds = (found: readonly Repair[]) => found.map(({ kind, id }) => `${kind} ${id}`);

const statusOf = async (id: string) => (await world.client.workflow.getHandle(id).describe()).status.name;

async function subscribed(token = 'tok_succeeds'): Promise<{ customer: string; id: string }> {
  const customer = await world.customer({}, token);
  const id = await world.subscribe(customer, await world.plan([{}]));
  await settled();
  return { customer, id };
}

/** Until no nudge is owed and the list of workflows has caught up. */
async function settled(): Promise<void> {
  await eventually(async () => {
    const [row] = await world.inTenant((tx) =>
      query<{ n: number }>(tx, sql`select count(*)::int as n from nudges`),
    );
    return row?.n === 0;
  });
  await listCaughtUp();
}

/** Search attributes come in any order. */
const textOf = (attributes: { getAll(): { key: { name: string }; value: unknown }[] }) =>
  JSON.stringify(
    attributes
      .getAll()
      .map(({ key, value }) => [key.name, value])
      .toSorted(([a], [b]) => String(a).localeCompare(String(b))),
  );

/** The server lists workflows from an index that follows; each workflow itself is always right. */
async function listCaughtUp(): Promise<void> {
  await eventually(async () => {
    const listed = await all(world.client.workflow.list());
    const said = listed.map(async ({ workflowId: id, runId, status, typedSearchAttributes }) => {
      const truth = await world.client.workflow.getHandle(id, runId).describe();
      const isSame =
        truth.status.name === status.name &&
        textOf(truth.typedSearchAttributes) === textOf(typedSearchAttributes);
      return isSame;
    });
    const rows = await world.inTenant((tx) =>
      query<{ id: string }>(
        tx,
        sql`select 'subscription/' || id as id from subscriptions union all select 'invoice/' || id from invoices`,
      ),
    );
    const known = new Set(listed.map(({ workflowId: id }) => id));
    const unlisted = await Promise.all(
      rows.filter(({ id }) => !known.has(id)).map(({ id }) => statusOf(id).catch(() => null)),
    );
    return unlisted.every((status) => status === null) && (await Promise.all(said)).every(Boolean);
  });
}

/** The customer's first charge, once the gateway has said that it takes its time. */
const pending = (customer: string) =>
  eventually(async () => (await money.attempts(customer)).find(({ status }) => status === 'pending'));

/** Until the workflow of an invoice has read its row and sleeps. */
const waits = (invoiceId: string) =>
  eventually(async () => {
    const handle = world.client.workflow.getHandle(workflowId.invoice(invoiceId));
    const answer = await handle.query(waitingForQuery).catch(() => null);
    return answer?.until;
  });

async function terminate(id: string): Promise<void> {
  await world.client.workflow.getHandle(id).terminate('by hand');
  await settled();
}

test('a workflow terminated by hand is started anew from its row; a dry run says so and does nothing', async () => {
  const { id } = await subscribed();
  const workflow = workflowId.subscription(id);
  await terminate(workflow);

  const found = await repairs(true);
  expect(found).toEqual([
    {
      kind: 'subscription_lost',
      id,
      tenantId: world.tenantId,
      sentence: 'It lives, and no workflow runs for it: its workflow is started.',
    },
  ]);
  expect(await statusOf(workflow)).toBe('TERMINATED');

  expect(await repairs()).toEqual(found);
  expect(await statusOf(workflow)).toBe('RUNNING');
  const row = await money.subscription(id);
  await eventually(async () => {
    const { typedSearchAttributes } = await world.client.workflow.getHandle(workflow).describe();
    const shown = typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]);
    return (
      Object.fromEntries(shown)['BillingNextStep'] === row.nextStep &&
      Object.fromEntries(shown)['BillingTenant'] === world.tenantId
    );
  });
  await settled();
  expect(await repairs()).toEqual([]);
});

test('a row that ended while its workflow was not told: the workflow reads it and ends', async () => {
  const { id } = await subscribed();
  const endedAt = new Date();
  const ended = { status: 'canceled', endReason: 'canceled', endedAt, canceledAt: endedAt } as const;
  await world.inTenant((tx) =>
    updateRows(tx, SubscriptionSchema, { id }, { ...ended, nextStep: null, nextStepAt: null }),
  );
  expect(kinds(await repairs())).toEqual([`subscription_ended ${id}`]);
  await eventually(async () => (await statusOf(workflowId.subscription(id))) === 'COMPLETED');
  await settled();
});

test('a nudge for what has ended starts no workflow', async () => {
  const { id } = await subscribed();
  await world.command(id, 'cancel', { mode: 'now', at: null, reason: null });
  await settled();
  const { runId } = await world.client.workflow.getHandle(workflowId.subscription(id)).describe();
  const at = new Date();
  await world.inTenant((tx) =>
    nudge(tx, { tenantId: world.tenantId, kind: 'subscription', entityId: id, notBefore: at }),
  );
  await settled();
  const now = await world.client.workflow.getHandle(workflowId.subscription(id)).describe();
  expect([now.runId, now.status.name]).toEqual([runId, 'COMPLETED']);
});

test('a workflow that waits for another instant than its row reads the row', async () => {
  const { id } = await subscribed();
  const { nextStepAt } = await money.subscription(id);
  const moved = new Date((nextStepAt ?? new Date()).getTime() + DAY_MS);
  for (const at of [moved, nextStepAt]) {
    await world.inTenant((tx) => updateRows(tx, SubscriptionSchema, { id }, { nextStepAt: at }));
    expect(kinds(await repairs())).toEqual([`subscription_unaware ${id}`]);
    await eventually(async () => (await repairs(true)).length === 0);
    await settled();
  }
});

test('a late step of which the workflow knows nothing is made', async () => {
  const { id } = await subscribed();
  const late = new Date(Date.now() - 10 * MINUTE_MS);
  const canceling = { cancelAt: late, cancelMode: 'at', nextStep: 'cancel', nextStepAt: late } as const;
  await world.inTenant((tx) => updateRows(tx, SubscriptionSchema, { id }, canceling));
  expect(kinds(await repairs())).toEqual([`subscription_overdue ${id}`]);
  await eventually(async () => (await money.subscription(id)).status === 'canceled');
  await eventually(async () => (await statusOf(workflowId.subscription(id))) === 'COMPLETED');
  await settled();
});

test('a workflow without a row is found; a young one may be waiting for the command that creates it', async () => {
  const id = newId('sub');
  const handle = await world.client.workflow.start(WORKFLOWS.subscription, {
    workflowId: workflowId.subscription(id),
    taskQueue: 'billing',
    args: [{ tenantId: world.tenantId, subscriptionId: id }],
  });
  await settled();
  expect(await repairs()).toEqual([]);
  const inHalfAnHour = new Date(Date.now() + 30 * MINUTE_MS);
  const found = await eventually(async () => {
    const seen = await repairs(true, inHalfAnHour);
    // What the relay is about to place would be forgotten only if it still had no place in half an hour.
    return seen.length > 0 && seen.every(({ kind }) => kind !== 'events_unplaced') && seen;
  });
  expect(kinds(found)).toEqual([`subscription_without_row ${id}`]);
  await handle.terminate('the test is over');
  await settled();
});

test('a workflow whose code cannot go on is named and left alone; once it is terminated, a new one begins', async () => {
  const { id } = await subscribed();
  const workflow = workflowId.subscription(id);
  await terminate(workflow);
  await world.client.workflow.start('codeThatIsGone', { workflowId: workflow, taskQueue: 'billing' });
  const found = await eventually(async () => (await repairs(true))[0]);
  expect(found).toMatchObject({
    kind: 'subscription_stuck',
    id,
    sentence: expect.stringMatching(/failed \d+ times/),
  });
  expect(kinds(await repairs())).toEqual([`subscription_stuck ${id}`]);
  await terminate(workflow);
  expect(kinds(await repairs())).toEqual([`subscription_lost ${id}`]);
  await settled();
});

test('an invoice that waits and lost its workflow gets it back, and is looked at again when it is late', async () => {
  const customer = await world.customer();
  const plan = await world.plan([{}]);
  const id = await world.subscribe(customer, plan, { collection_method: 'send_invoice', net_days: 30 });
  await settled();
  const [invoice] = await money.invoices(id);
  const invoiceId = invoice?.id ?? '';
  await eventually(async () => (await statusOf(workflowId.invoice(invoiceId))) === 'RUNNING');
  await terminate(workflowId.invoice(invoiceId));
  expect(kinds(await repairs())).toEqual([`invoice_lost ${invoiceId}`]);
  await settled();
  expect(await statusOf(workflowId.invoice(invoiceId))).toBe('RUNNING');
  expect(await repairs()).toEqual([]);

  const found = await repairs(true, new Date(Date.now() + 31 * DAY_MS));
  expect(kinds(found)).toContain(`invoice_overdue ${invoiceId}`);
});

test('a charge whose outcome nobody asked for in time is asked for', async () => {
  const { customer } = await subscribed('tok_pending_succeeds');
  const attempt = await pending(customer);
  // A workflow that looks at its row only now would find the check due and make it itself.
  await waits(attempt.invoiceId);
  const late = new Date(Date.now() - 10 * MINUTE_MS);
  await world.inTenant((tx) =>
    updateRows(tx, PaymentAttemptSchema, { id: attempt.id }, { nextCheckAt: late }),
  );
  expect(kinds(await repairs())).toEqual([`payment_unknown ${attempt.invoiceId}`]);
  await eventually(async () => (await money.attempts(customer))[0]?.status === 'settled');
  await settled();
});

test('a callback that changed nothing, because it came before the note of its charge, does so now', async () => {
  const { customer } = await subscribed('tok_pending_succeeds');
  const attempt = await pending(customer);
  await world.inTenant((tx) =>
    query(
      tx,
      sql`insert into gateway_events (connection_id, event_id, tenant_id, type, gateway_ref, status, received_at)
        select id, 'early', tenant_id, 'charge.settled', ${attempt.gatewayRef}, 'unmatched', now() - interval '10 minutes' from gateway_connections`,
    ),
  );
  expect(kinds(await repairs(true))).toEqual([`callback_stale ${attempt.id}`]);
  expect(kinds(await repairs())).toEqual([`callback_stale ${attempt.id}`]);
  await eventually(async () => (await money.attempts(customer))[0]?.status === 'settled');
  await settled();
});

test('a command that nobody applied in time is marked as expired', async () => {
  await world.stopWorker();
  const id = newId('cmd');
  const expiresAt = new Date(Date.now() - 10 * MINUTE_MS);
  const common = { id, tenantId: world.tenantId, subjectId: newId('sub'), kind: 'cancel', body: {} } as const;
  const times = { requestedAt: expiresAt, createdAt: expiresAt, expiresAt, finishedAt: null };
  const open = { status: 'pending', result: null, requestId: null } as const;
  await world.inTenant((tx) => insertRow(tx, CommandSchema, { ...common, ...times, ...open }));
  expect(kinds(await repairs(true))).toEqual([`command_expired ${id}`]);
  expect(kinds(await repairs())).toEqual([`command_expired ${id}`]);
  expect((await world.inTenant((tx) => findRow(tx, CommandSchema, { id })))?.status).toBe('expired');
});

test('what the relay left is carried: a nudge, events without a place, a test clock without its workflow', async () => {
  const clock = await world.clock('2030-01-01T00:00:00Z');
  await world.inTenant(async (tx) => {
    await query(
      tx,
      sql`insert into nudges (workflow_id, tenant_id, kind, entity_id, next_attempt_at, created_at)
      values (${`test_clock/${clock}`}, ${world.tenantId}, 'test_clock', ${clock}, now() - interval '10 minutes', now())`,
    );
    await query(
      tx,
      sql`insert into events (id, tenant_id, type, object_type, object_id, sequence, api_version, data, created_at, recorded_at)
      values (${newId('evt')}, ${world.tenantId}, 'customer.updated', 'customer', ${newId('cus')}, 1, '2026-11-21', '{}', now(), now() - interval '10 minutes')`,
    );
  });
  expect(kinds(await repairs(true))).toEqual(['events_unplaced events', `nudge_forgotten ${clock}`]);
  expect(kinds(await repairs())).toEqual(['events_unplaced events', `nudge_forgotten ${clock}`]);
  await world.inTenant((tx) =>
    query(tx, sql`update test_clocks set status = 'advancing' where id = ${clock}`),
  );
  const handle = world.client.workflow.getHandle(workflowId.testClock(clock));
  await handle.terminate('by hand');
  await eventually(async () => (await repairs(true)).length > 0);
  expect(kinds(await repairs(true))).toEqual([`clock_lost ${clock}`]);
  expect(kinds(await repairs())).toEqual([`clock_lost ${clock}`]);
  await world.startWorker();
  await handle.result();
});

test('an endpoint whose deliveries nobody makes is woken; one whose workflow is at work is left alone', async () => {
  await world.stopWorker();
  const [endpoint, event] = [newId('we'), newId('evt')];
  const { tenantId } = world;
  await world.inTenant(async (tx) => {
    await query(
      tx,
      sql`insert into events (id, tenant_id, type, object_type, object_id, sequence, position, api_version, data, created_at)
        values (${event}, ${tenantId}, 'customer.updated', 'customer', ${newId('cus')}, 1, 1000000, '2026-11-21', '{}', now())`,
    );
    await query(
      tx,
      sql`insert into webhook_endpoints (id, tenant_id, url, event_types, status, api_version, secret_sealed, created_at, updated_at)
        values (${endpoint}, ${tenantId}, 'https://example.com', '{*}', 'enabled', '2026-11-21', 'x', now(), now())`,
    );
    await query(
      tx,
      sql`insert into webhook_deliveries (id, tenant_id, endpoint_id, event_id, status, next_attempt_at, created_at, updated_at)
        values (${newId('del')}, ${tenantId}, ${endpoint}, ${event}, 'pending', now() - interval '10 minutes', now(), now())`,
    );
  });
  expect(kinds(await repairs(true))).toEqual([`endpoint_neglected ${endpoint}`]);
  expect(kinds(await repairs())).toEqual([`endpoint_neglected ${endpoint}`]);
  expect(await statusOf(workflowId.webhookEndpoint(endpoint))).toBe('RUNNING');
  expect(await repairs()).toEqual([]);
  await world.inTenant((tx) =>
    query(tx, sql`update webhook_deliveries set status = 'dead', next_attempt_at = null`),
  );
  await terminate(workflowId.webhookEndpoint(endpoint));
  await world.startWorker();
});

test('a worker that boots reconciles: the schedule is there, and its workflow has started what was lost', async () => {
  const { id } = await subscribed();
  await world.stopWorker();
  await terminate(workflowId.subscription(id));
  await world.startWorker();
  await eventually(async () => (await statusOf(workflowId.subscription(id))) === 'RUNNING');
  const { spec, action } = await world.client.schedule.getHandle('reconcile').describe();
  expect(spec.intervals).toEqual([{ every: 3_600_000 }]);
  expect(action).toMatchObject({ workflowType: 'reconcile', taskQueue: 'billing' });
  const runs = await eventually(async () => {
    const found = await all(world.client.workflow.list({ query: "WorkflowType = 'reconcile'" }));
    return found.length >= 2 && found;
  });
  await eventually(async () => (await statusOf(runs[0]?.workflowId ?? '')) === 'COMPLETED');
  await settled();
});
