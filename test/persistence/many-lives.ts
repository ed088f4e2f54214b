import { sql } from 'kysely';
import { Decimal } from '../../src/domain/money.ts';
import { noteThreshold } from '../../src/persistence/note-threshold.ts';
import { recordUsage } from '../../src/persistence/reported-usage.ts';
import { query } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { createVault } from '../../src/platform/vault.ts';
import { newWebhookSecret, webhookSecretPlace } from '../../src/platform/webhook-signature.ts';
import { plantMeter, use } from '../support/metered.ts';
import { writeNow } from '../support/money.ts';
import { Receiver, seedEndpoint } from '../support/webhooks.ts';
import type { World } from '../support/world.ts';

export const BORN = '2026-01-31T15:00:00.000Z';

/**
 * Fifteen weeks of subscriptions with every fate that the engine can give them, lived through on a test clock; two in the
 * present; a webhook endpoint that hears of all of it.
 */
export async function manyLives(world: World) {
  const clockId = await world.clock(BORN);
  const requestedAt = new Date(BORN);
  const receiver = await Receiver.start();
  const endpointId = await addEndpoint(world, receiver.url);
  const fee = await world.plan([{ unitAmount: '19.99' }]);
  const both = await world.plan([
    { unitAmount: '19.99' },
    { unitAmount: '0.5', model: 'per_unit', timing: 'in_arrears', intervalUnit: 'week' },
  ]);
  const customer = (token: string | null) =>
    world.customer({ testClockId: clockId, timeZone: 'America/New_York' }, token);
  const terms = { requestedAt, trial_days: null };

  const active = await world.subscribe(await customer('tok_succeeds'), both, terms);
  const tried = await world.subscribe(await customer('tok_succeeds'), both, { ...terms, trial_days: 14 });
  const trialing = await world.subscribe(await customer('tok_succeeds'), both, { ...terms, trial_days: 200 });
  const pausedAtTrialEnd = await world.subscribe(await customer(null), both, {
    ...terms,
    trial_days: 14,
    trial_end_behavior: 'pause',
  });
  const canceledAtTrialEnd = await world.subscribe(await customer(null), both, {
    ...terms,
    trial_days: 14,
    trial_end_behavior: 'cancel',
  });
  const sent = await world.subscribe(await customer(null), fee, {
    ...terms,
    collection_method: 'send_invoice',
    net_days: 40,
  });
  const expired = await world.subscribe(await customer('tok_insufficient_funds'), both, terms);
  const canceledUnpaid = await world.subscribe(await customer('tok_stolen'), both, terms);
  await world.command(canceledUnpaid, 'cancel', { mode: 'now', at: null, reason: null }, { requestedAt });
  const calendar = await world.subscribe(await customer('tok_succeeds'), both, {
    ...terms,
    billing_cycle: 'calendar',
  });
  const scheduled = await world.subscribe(await customer('tok_succeeds'), fee, {
    ...terms,
    start_at: '2027-01-01T00:00:00.000Z',
  });
  const pending = await world.subscribe(await customer('tok_pending_succeeds'), fee, terms);
  const spender = await customer('tok_succeeds');
  const exhausted = await world.subscribe(spender, both, terms);
  const lateStarter = await customer('tok_succeeds');
  const pastDue = await world.subscribe(lateStarter, fee, {
    ...terms,
    billing_anchor: '2026-02-12T00:00:00.000Z',
  });
  const recoverer = await customer('tok_succeeds');
  const recovered = await world.subscribe(recoverer, fee, terms);
  const leaver = await world.subscribe(await customer('tok_succeeds'), both, {
    ...terms,
    cancel_at: '2026-04-17T09:30:00.000Z',
  });

  const changing = await changingLives(world, customer, terms);
  const metered = await meteredLife(world, await customer('tok_succeeds'), terms);
  const watched = await watchedLife(world, await customer('tok_succeeds'), terms);

  await world.advance(clockId, '2026-02-20T00:00:00.000Z');
  await changing.change('2026-02-20T00:00:00.000Z');
  await watched.use('2026-02-20T00:00:00.000Z', '70');
  await world.paymentMethod(spender, 'tok_insufficient_funds');
  await world.paymentMethod(recoverer, 'tok_insufficient_funds_first_2');
  await metered.use('2026-02-10T00:00:00.000Z', '2.5');
  await world.advance(clockId, '2026-05-01T00:00:00.000Z');
  await changing.resume('2026-05-01T00:00:00.000Z');
  await world.paymentMethod(lateStarter, 'tok_insufficient_funds');
  await world.advance(clockId, '2026-05-15T00:00:00.000Z');

  const present = await world.subscribe(await world.customer(), both);
  const presentTrial = await world.subscribe(await world.customer(), fee, { trial_days: 7 });
  return {
    ...changing.lives,
    clockId,
    endpointId,
    receiver,
    active,
    tried,
    trialing,
    pausedAtTrialEnd,
    canceledAtTrialEnd,
    sent,
    expired,
    canceledUnpaid,
    calendar,
    scheduled,
    pending,
    exhausted,
    pastDue,
    recovered,
    leaver,
    present,
    presentTrial,
    watched: watched.id,
    metered: metered.id,
    /** Until the relay has placed and sent what there is. */
    settled: () => untilQuiet(world),
  };
}

/** Lives that become something else: in advance and in arrears, paid and unpaid, at once and later, with a rest in between. */
async function changingLives(
  world: World,
  customer: (token: string | null) => Promise<string>,
  terms: { requestedAt: Date; trial_days: null },
) {
  const seats = await world.plan([
    { unitAmount: '19.99', model: 'per_unit' },
    { unitAmount: '0.5', model: 'per_unit', timing: 'in_arrears', intervalUnit: 'week' },
  ]);
  const subscribe = async (token: string | null, changes: object = {}) =>
    world.subscribe(await customer(token), seats, { ...terms, ...changes });
  const lives = {
    upgraded: await subscribe('tok_succeeds'),
    downgraded: await subscribe('tok_succeeds'),
    credited: await subscribe(null, { collection_method: 'send_invoice', net_days: 40 }),
    rested: await subscribe('tok_succeeds'),
    planned: await subscribe('tok_succeeds'),
    backdated: await subscribe('tok_succeeds', { start_at: '2025-12-05T00:00:00.000Z' }),
  };
  const [fee] = seats.prices;
  const become = (quantity: string, rest: object = {}, change: object = {}) => ({
    effective: 'now',
    at: null,
    preview_token: null,
    prices: [],
    ...rest,
    change: {
      plan: null,
      set: [{ key: fee?.key, price: fee?.id, quantity }],
      remove: [],
      once: [],
      proration: 'invoice_now',
      anchor: null,
      billing_anchor: null,
      trial: 'keep',
      ...change,
    },
  });
  const pause = { effective: 'now', at: null, preview_token: null, credit: true, resume_at: null };
  const resume = { effective: 'now', at: null, preview_token: null };
  return {
    lives,
    async change(now: string): Promise<void> {
      const at = { requestedAt: new Date(now) };
      const later = { effective: 'at', at: '2026-12-01T00:00:00.000Z' };
      await world.command(lives.upgraded, 'change', become('3', {}, { proration: 'next_invoice' }), at);
      await world.command(lives.downgraded, 'change', become('9'), at);
      await world.command(lives.downgraded, 'change', become('1'), at);
      await world.command(lives.credited, 'change', become('0.5'), at);
      await world.command(lives.rested, 'pause', pause, at);
      await world.command(lives.planned, 'change', become('2', later), at);
    },
    async resume(now: string): Promise<void> {
      await world.command(lives.rested, 'resume', resume, { requestedAt: new Date(now) });
    },
  };
}

/** A life whose usage a meter counts, some of it too late for the week that it was used in. */
async function meteredLife(
  world: World,
  customerId: string,
  terms: { requestedAt: Date; trial_days: null },
): Promise<{ id: string; use: (at: string, size: string) => Promise<string> }> {
  const plan = await world.plan([
    {
      unitAmount: '0.5',
      model: 'per_unit',
      billing: 'usage',
      timing: 'in_arrears',
      intervalUnit: 'week',
      meterId: await plantMeter(world),
    },
  ]);
  const id = await world.subscribe(customerId, plan, terms);
  await use(world, customerId, '2026-02-09T00:00:00.000Z', 10);
  return { id, use: (at, size) => use(world, customerId, at, size) };
}

/** A life whose usage comes to a threshold long before its period ends. */
async function watchedLife(
  world: World,
  customerId: string,
  terms: { requestedAt: Date; trial_days: null },
): Promise<{ id: string; use: (at: string, quantity: string) => Promise<void> }> {
  const plan = await world.plan(
    [{ unitAmount: '0.5', model: 'per_unit', billing: 'usage', timing: 'in_arrears' }],
    null,
    [{ amount: new Decimal(20), currency: 'USD', recurring: false }],
  );
  const id = await world.subscribe(customerId, plan, terms);
  return {
    id,
    use: (at, quantity) =>
      world.inTenant(async (tx) => {
        await recordUsage(tx, {
          id: newId('use'),
          tenantId: world.tenantId,
          subscriptionId: id,
          key: 'p0',
          at: new Date(at),
          quantity: new Decimal(quantity),
          properties: {},
          idempotencyKey: newId('use'),
          createdAt: new Date(at),
        });
        await noteThreshold(await writeNow(world, tx, customerId), id);
      }),
  };
}

async function addEndpoint(world: World, url: string): Promise<string> {
  const { tenantId } = world;
  const id = newId('we');
  // As if made an hour ago: the question about events starts two seconds after an endpoint's last change.
  const at = new Date(Date.now() - 3_600_000);
  const vault = createVault(world.config.secrets.masterKeys);
  const secretSealed = vault.seal(newWebhookSecret(), webhookSecretPlace({ tenantId, id }));
  await seedEndpoint(world.database, tenantId, url, { id, secretSealed, createdAt: at, updatedAt: at });
  return id;
}

async function untilQuiet(world: World): Promise<void> {
  for (let look = 0; look < 150; look += 1) {
    const [row] = await world.database.asSystem('test', (tx) =>
      query<{ left: string }>(
        tx,
        sql`select (select count(*) from events where position is null) + (select count(*) from webhook_deliveries where status = 'pending')
          + (select count(*) from nudges where next_attempt_at < now()) as left`,
      ),
    );
    if (row?.left === '0') return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error('events, deliveries or nudges are left over after 30 seconds');
}
