import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { presenters } from '../../src/contract/presenters.ts';
import { runApi } from '../../src/main/run-api.ts';
import { GatewayConnectionSchema } from '../../src/persistence/customers.ts';
import { receiveCallback } from '../../src/persistence/gateway-callbacks.ts';
import { PaymentAttemptSchema } from '../../src/persistence/payments.ts';
import { findRow, query } from '../../src/persistence/rows.ts';
import { recordOutcome } from '../../src/persistence/write-charge.ts';
import { freePort } from '../../src/platform/port.ts';
import { workflowId } from '../../workflows/messages.ts';
import { eventually, moneyOf } from '../support/money.ts';
import { record } from '../support/record.ts';
import { createWorld, type World } from '../support/world.ts';

/** In real time: the gateway's signed callbacks arrive at the API, and the invoice asks the gateway. */
let world: World;
let money: ReturnType<typeof moneyOf>;
let api: AsyncDisposable;
beforeAll(async () => {
  const port = await freePort();
  world = await createWorld({
    env: { PORT: String(port), PERENNIAL_PUBLIC_URL: `http://127.0.0.1:${port}` },
    // The bank is slower than the note of what it said first, also on a machine that has much else to do.
    settleAfterMs: 3_000,
  });
  money = moneyOf(world);
  api = await runApi(world.config, world.logger);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});
afterEach(() => money.audit());

async function subscribe(token: string) {
  const customer = await world.customer({}, token);
  const id = await world.subscribe(customer, await world.plan([{ unitAmount: '20' }]));
  const status = async (wanted: string) => (await money.subscription(id)).status === wanted;
  const charged = (wanted: string) =>
    eventually(async () => (await money.attempts(customer)).find((attempt) => attempt.status === wanted));
  return { customer, id, status, charged };
}

/** The inbox: every callback that was taken in, by what became of it. */
async function inbox(gatewayRef: string | null): Promise<string[]> {
  const rows = await world.inTenant((tx) =>
    query<{ type: string; status: string }>(
      tx,
      sql`select type, status from gateway_events where gateway_ref = ${gatewayRef} order by received_at`,
    ),
  );
  return rows.map(({ type, status }) => `${type} ${status}`);
}

test('a pending charge settles by callback', async () => {
  const { customer, id, status, charged } = await subscribe('tok_pending_succeeds');
  expect(await status('active')).toBe(true);
  const attempt = await charged('settled');
  expect(await money.invoices(id)).toMatchObject([{ status: 'paid' }]);
  expect(await money.events(attempt.id)).toEqual(['payment.pending', 'payment.succeeded']);
  expect(await inbox(attempt.gatewayRef)).toEqual(['charge.settled applied']);
  expect(await money.attempts(customer)).toHaveLength(1);
  const [paid] = await money.invoices(id);
  await world.client.workflow.getHandle(workflowId.invoice(paid?.id ?? '')).result();
  await record(world, 'pending-then-callback', workflowId.subscription(id));
  await record(world, 'pending-then-callback-invoice', workflowId.invoice(paid?.id ?? ''));
});

test('a pending charge that the bank returns makes the subscription past due', async () => {
  const { status, charged } = await subscribe('tok_pending_fails');
  const attempt = await charged('declined');
  expect(attempt).toMatchObject({ code: 'payment_returned', hard: false });
  await eventually(() => status('past_due'));
  expect(await money.events(attempt.id)).toEqual(['payment.pending', 'payment.failed']);
});

test('a charge the customer confirms on the bank’s page settles by callback', async () => {
  const { customer, status, charged } = await subscribe('tok_requires_action');
  expect(await charged('requires_action')).toMatchObject({ actionUrl: expect.stringContaining('/actions/') });
  await money.answerAction(customer, 'succeed');
  await charged('settled');
  await eventually(() => status('active'));
});

test('the gateway charges, its answer is lost, its callback is not: one charge', async () => {
  const { customer, status, charged } = await subscribe('tok_times_out_after_charging');
  await charged('settled');
  await eventually(() => status('active'));
  expect(await money.attempts(customer)).toHaveLength(1);
});

test('a callback before the answer, and the same one again, change nothing a second time', async () => {
  const { customer, id, charged } = await subscribe('tok_callback_before_answer');
  const { id: attemptId, gatewayRef } = await charged('settled');
  const repeated = await fetch(`${world.gatewayUrl}/v1/charges/${gatewayRef}/repeat_callback`, {
    method: 'POST',
  });
  expect(repeated.ok).toBe(true);
  // The same id is stored once; 200 ms are enough for it to have arrived a second time.
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await inbox(gatewayRef)).toHaveLength(1);
  expect(await money.events(attemptId)).toEqual(['payment.succeeded']);
  expect(await money.attempts(customer)).toHaveLength(1);
  expect(await money.invoices(id)).toMatchObject([{ status: 'paid' }]);
});

test('a callback that comes while the gateway is asked is not answered by what it said before', async () => {
  const { customer, charged } = await subscribe('tok_requires_action');
  const { id: attemptId, gatewayRef, invoiceId } = await charged('requires_action');
  const now = new Date();
  const after = await world.inTenant(async (tx) => {
    const connection = await findRow(tx, GatewayConnectionSchema, { gateway: 'sandbox' });
    if (!connection || !gatewayRef) throw new Error('the charge has no gateway');
    const news = { connection, eventId: 'gevt_meanwhile', type: 'charge.settled', gatewayRef, now };
    expect(await receiveCallback(tx, news)).toBe('received');
    const { tenantId } = world;
    const cause = { correlationId: null, causationId: null };
    const write = { tx, tenantId, at: now, wallNow: now, cause, present: presenters };
    await recordOutcome(write, { invoiceId, attemptId }, { kind: 'pending' });
    return findRow(tx, PaymentAttemptSchema, { id: attemptId });
  });
  expect(after).toMatchObject({ status: 'pending', nextCheckAt: now });
  // Asked again, the gateway says how it is now, and the callback is done with.
  await charged('requires_action');
  expect(await inbox(gatewayRef)).toContain('charge.settled applied');
  await money.answerAction(customer, 'succeed');
  await charged('settled');
});
