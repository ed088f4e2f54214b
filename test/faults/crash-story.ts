import { setTimeout as sleep } from 'node:timers/promises';
import { updateRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { type Caller, callerOf } from './caller.ts';
import { collectedUsage, correctedUsage } from './crash-usage.ts';
import type { OddReceiver } from './odd-receiver.ts';
import type { Stage } from './stage.ts';

/** A tenant that has lived through the story, and the program that drove it. */
export type Told = { tenantId: string; caller: Caller };

/** A part of the story that stands alone: what one customer of a tenant lives through. */
type Scene = (caller: Caller, plan: string) => Promise<unknown>;

/** For whoever tells them in an order of his own. */
export const SCENES: readonly Scene[] = [pending, declinedThenPaid, canceled, onClock, deletedClock];

const STARTS_AT = '2028-01-31T14:00:00.000Z';
/** Later than a charge that was cut off is looked into. Under a test clock that needs the clock to move. */
const SOON_AFTER = '2028-01-31T15:00:00.000Z';
const POLL_MS = 100;

/**
 * Something of everything that moves money or state, in a few seconds, for tenants of its own: first payments that
 * succeed, are declined, are pending; renewals, dunning, overdue invoices, drafts; commands taken and refused; test
 * clocks advanced and deleted; a step that always fails; webhooks to a healthy, a stumbling and two vanished endpoints.
 */
export async function playStory(stage: Stage, receiver: OddReceiver): Promise<Told[]> {
  const operator = callerOf(stage.http, stage.operatorKey);
  const [prompt, patient] = await Promise.all([
    openTenant(stage, operator, 0),
    openTenant(stage, operator, 1),
  ]);
  const { caller } = prompt;
  // First of all, so that nothing happens unheard.
  for (const url of [receiver.goneUrl(1), receiver.goneUrl(2)])
    await caller.post('/v1/webhook_endpoints', { url });
  await caller.post('/v1/webhook_endpoints', { url: receiver.stumblingUrl, event_types: ['invoice.paid'] });
  const plan = await planOf(caller);
  await Promise.all([
    pending(caller, plan),
    pending(caller, plan),
    declinedThenPaid(caller, plan),
    declinedThenPaid(caller, plan),
    canceled(caller, plan),
    failing(stage, prompt, plan),
    onClock(caller, plan),
    drafts(patient.caller),
    deletedClock(patient.caller),
    migrated(caller),
    used(stage, caller),
    counted(stage, caller),
    corrected(stage, caller),
    collectedUsage(stage, caller),
  ]);
  return [prompt, patient];
}

async function openTenant(stage: Stage, operator: Caller, graceHours: number): Promise<Told> {
  const account = await operator.post('/v1/accounts', { name: 'Crash' });
  const terms = { account: account.id, mode: 'test', name: 'Crash', invoice_grace_hours: graceHours };
  const tenant = await operator.post('/v1/tenants', terms);
  const { key } = await operator.post(`/v1/tenants/${tenant.id}/keys`, { name: 'crash' });
  const caller = callerOf(stage.http, String(key));
  const endpoint = await caller.post('/v1/webhook_endpoints', { url: stage.receiver.url });
  stage.receiver.trust(String(endpoint['secret']));
  return { tenantId: tenant.id, caller };
}

export async function planOf(caller: Caller): Promise<string> {
  return (await caller.post('/v1/plans', { name: 'Fee', prices: [priceOf('20.00')] })).id;
}

function priceOf(unitAmount: string): object {
  const interval = { unit: 'month', count: 1 };
  return { key: 'base', model: 'flat', currency: 'USD', unit_amount: unitAmount, interval };
}

async function customer(caller: Caller, token: string | null, clock?: string): Promise<string> {
  const { id } = await caller.post('/v1/customers', { name: 'Ada', ...(clock ? { test_clock: clock } : {}) });
  if (token) await caller.post(`/v1/customers/${id}/payment_methods`, { token });
  return id;
}

/** Events of use carry their keys themselves: repeated, they are duplicates, and the answer says so. */
async function used(stage: Stage, caller: Caller): Promise<void> {
  const payer = await customer(caller, null);
  for (let n = 0; n < 2; n += 1) {
    const event = { idempotency_key: `${payer}-${n}`, event_name: 'call', customer_id: payer };
    await send(stage, caller, { ...event, timestamp: new Date().toISOString() });
  }
}

async function send({ http }: Stage, { key }: Caller, event: object): Promise<void> {
  const { status, body: told } = await http.insist('POST', '/v1/events', event, { key });
  if (status !== 200 || told['rejected'] !== 0)
    throw new Error(`events were answered ${JSON.stringify(told)}`);
}

/** A month that a meter counts, and an event that comes when the subscription has ended: it goes on a trailing invoice. */
async function counted(stage: Stage, caller: Caller): Promise<void> {
  const plan = await meteredPlan(caller);
  const clock = await caller.post('/v1/test_clocks', { now: STARTS_AT });
  const payer = await customer(caller, 'tok_succeeds', clock.id);
  const terms = { customer: payer, plan, cancel_at: '2028-02-20T00:00:00.000Z' };
  await caller.post('/v1/subscriptions', terms);
  for (const to of ['2028-02-21T00:00:00.000Z', '2028-02-28T00:00:00.000Z', '2028-04-02T00:00:00.000Z']) {
    const event = { idempotency_key: `${payer} ${to}`, event_name: 'counted', customer_id: payer };
    await send(stage, caller, { ...event, timestamp: STARTS_AT });
    await advance(caller, clock.id, to);
  }
}

async function corrected(stage: Stage, caller: Caller): Promise<void> {
  const plan = await meteredPlan(caller);
  const clock = await caller.post('/v1/test_clocks', { now: STARTS_AT });
  const payer = await customer(caller, 'tok_succeeds', clock.id);
  await correctedUsage(stage, caller, { plan, clock: clock.id, payer }, (to) =>
    advance(caller, clock.id, to),
  );
}

async function meteredPlan(caller: Caller): Promise<string> {
  const counts = { name: 'Calls', event_name: 'counted', aggregation: 'count' };
  const meter = await caller.post('/v1/meters', counts);
  const calls = { ...priceOf('0.50'), key: 'calls', model: 'per_unit', meter: meter.id };
  return (await caller.post('/v1/plans', { name: 'Calls', prices: [calls] })).id;
}

/** The gateway says "pending", and later calls back. */
async function pending(caller: Caller, plan: string): Promise<void> {
  const payer = await customer(caller, 'tok_pending_succeeds');
  const subscription = await caller.post('/v1/subscriptions', { customer: payer, plan });
  await untilCharged(caller, subscription.id, 'succeeded');
}

/** The first payment is declined; the customer brings another card and pays now. */
async function declinedThenPaid(caller: Caller, plan: string): Promise<void> {
  const payer = await customer(caller, 'tok_insufficient_funds');
  const subscription = await caller.post('/v1/subscriptions', { customer: payer, plan });
  const invoice = await untilCharged(caller, subscription.id, 'failed');
  const card = await caller.post(`/v1/customers/${payer}/payment_methods`, { token: 'tok_succeeds' });
  await caller.post(`/v1/invoices/${invoice}/pay`, { payment_method: card.id });
}

/** What is told next depends on the first payment, and a worker that died with it finds out about it only later. */
async function untilCharged(caller: Caller, subscription: string, outcome: string): Promise<string> {
  const isInvoiced = ({ latest_invoice: id }: Seen) => typeof id === 'string';
  const { latest_invoice: invoice } = await until(caller, `/v1/subscriptions/${subscription}`, isInvoiced);
  const isCharged = ({ data }: Seen) => Array.isArray(data) && data.some(({ status }) => status === outcome);
  await until(caller, `/v1/payments?invoice=${String(invoice)}`, isCharged);
  return String(invoice);
}

/** Takes two commands that cannot be, one that can, and one that ends it. */
async function canceled(caller: Caller, plan: string): Promise<void> {
  const payer = await customer(caller, 'tok_succeeds');
  const subscription = await caller.post('/v1/subscriptions', { customer: payer, plan });
  await untilCharged(caller, subscription.id, 'succeeded');
  const path = `/v1/subscriptions/${subscription.id}`;
  await caller.post(`${path}/end_trial`, {}, [409, 422]);
  await caller.post(`${path}/cancel`, { mode: 'period_end' });
  await caller.post(`${path}/uncancel`);
  await caller.post(`${path}/end_trial`, {}, [409, 422]);
  await caller.post(`${path}/cancel`, { mode: 'now' });
}

/** A row that no code of ours would write: its periods cannot be calculated, so its step fails until it is blocked. */
async function failing(stage: Stage, { tenantId, caller }: Told, plan: string): Promise<void> {
  const clock = await caller.post('/v1/test_clocks', { now: STARTS_AT });
  const payer = await customer(caller, 'tok_succeeds', clock.id);
  const subscription = await caller.post('/v1/subscriptions', { customer: payer, plan });
  await advance(caller, clock.id, SOON_AFTER);
  await stage.database.withTenant(tenantId, (tx) =>
    updateRows(tx, SubscriptionSchema, { id: subscription.id }, { timeZone: 'Nowhere/Land' }),
  );
  await caller.post(`/v1/test_clocks/${clock.id}/advance`, { to: '2028-03-10T12:00:00.000Z' });
  await until(caller, `/v1/test_clocks/${clock.id}`, ({ status }) => status !== 'advancing');
}

/** Two months on a test clock: a trial that ends, a renewal that is declined once, invoices that become overdue. */
async function onClock(caller: Caller, plan: string): Promise<void> {
  const clock = await caller.post('/v1/test_clocks', { now: STARTS_AT });
  const subscribe = async (token: string | null, terms: object) => {
    const payer = await customer(caller, token, clock.id);
    await caller.post('/v1/subscriptions', { customer: payer, plan, ...terms });
    return payer;
  };
  const [short] = await Promise.all([
    subscribe('tok_succeeds', {}),
    subscribe('tok_pending_succeeds', { trial_days: 14 }),
    subscribe(null, { collection_method: 'send_invoice', net_days: 7 }),
  ]);
  await advance(caller, clock.id, SOON_AFTER);
  const card = { token: 'tok_insufficient_funds_first_1', default: true };
  await caller.post(`/v1/customers/${short}/payment_methods`, card);
  await advance(caller, clock.id, '2028-03-10T12:00:00.000Z');
  await advance(caller, clock.id, '2028-04-02T12:00:00.000Z');
}

/** A tenant whose invoices wait as drafts for an hour; afterwards everything on the clock is ended. */
async function drafts(caller: Caller): Promise<void> {
  const clock = await caller.post('/v1/test_clocks', { now: STARTS_AT });
  const payer = await customer(caller, 'tok_succeeds', clock.id);
  await caller.post('/v1/subscriptions', { customer: payer, plan: await planOf(caller) });
  await advance(caller, clock.id, '2028-04-02T12:00:00.000Z');
  await caller.remove(`/v1/test_clocks/${clock.id}`);
}

/** Two subscribers, moved to the next version of their plan, twice. */
async function migrated(caller: Caller): Promise<void> {
  const plan = await planOf(caller);
  for (const _ of [1, 2]) {
    const payer = await customer(caller, 'tok_succeeds');
    const { id } = await caller.post('/v1/subscriptions', { customer: payer, plan });
    await untilCharged(caller, id, 'succeeded');
  }
  for (const amount of ['25.00', '30.00']) {
    await caller.post(`/v1/plans/${plan}/versions`, { prices: [priceOf(amount)] });
    const terms = { effective: 'now', proration: 'none' };
    const { id } = await caller.post(`/v1/plans/${plan}/migrations`, terms);
    await until(caller, `/v1/plan_migrations/${id}`, ({ status }) => status === 'completed');
  }
}

async function deletedClock(caller: Caller): Promise<void> {
  const clock = await caller.post('/v1/test_clocks', { now: STARTS_AT });
  await customer(caller, null, clock.id);
  await caller.remove(`/v1/test_clocks/${clock.id}`);
}

async function advance(caller: Caller, clock: string, to: string): Promise<void> {
  await caller.post(`/v1/test_clocks/${clock}/advance`, { to });
  const stands = await until(caller, `/v1/test_clocks/${clock}`, ({ status }) => status !== 'advancing');
  if (stands['status'] !== 'ready') throw new Error(`the test clock is ${JSON.stringify(stands)}`);
}

type Seen = Record<string, unknown>;
/** Long, because a hundred other stories are told meanwhile, and the worker is killed again and again for theirs. */
const PATIENCE_MS = 1_500_000;

async function until(
  caller: Caller,
  path: string,
  isSo: (seen: Seen) => boolean | Promise<boolean>,
): Promise<Seen> {
  for (const endsAtMs = performance.now() + PATIENCE_MS; ; await sleep(POLL_MS)) {
    const seen = await caller.get(path);
    if (await isSo(seen)) return seen;
    if (performance.now() > endsAtMs) throw new Error(`${path} is still ${JSON.stringify(seen)}`);
  }
}
