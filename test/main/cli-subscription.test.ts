import { beforeAll, describe, expect, test } from '@jest/globals';
import { EventSchema } from '../../src/persistence/events.ts';
import { findRows, updateRows } from '../../src/persistence/rows.ts';
import { SubscriptionSchema } from '../../src/persistence/subscriptions.ts';
import { freePort } from '../../src/platform/port.ts';
import { runCli } from '../support/cli.ts';
import { keptWorld } from '../support/kept-world.ts';
import { soonMs } from '../support/soon.ts';
import { billsOf, eventually, subscriptionOf, toldOf, underClock, workflowOf } from '../support/stories.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld({ env: { LOG_LEVEL: 'fatal' } });
let world: World;
let plan: Awaited<ReturnType<World['plan']>>;
beforeAll(async () => {
  world = theWorld();
  plan = await world.plan([{ unitAmount: '31' }]);
});

const cli = (args: readonly string[], env: Record<string, string | null> = {}) => runCli(world, args, env);

const paidSubscription = async (externalId: string | null = null) =>
  world.subscribe(await world.customer(), plan, { external_id: externalId });

/** A subscription that no step can bill, set aside after five tries. */
async function blockedSubscription(): Promise<string> {
  const aheadMs = await soonMs(world, plan);
  const id = await world.subscribe(await world.customer(), plan, {
    billing_anchor: new Date(Date.now() + aheadMs).toISOString(),
    proration_basis: 'second',
  });
  await bend(id, 'Nowhere/Land');
  await eventually(
    () => subscriptionOf(world, id),
    ({ blockedReason }) => blockedReason !== null,
  );
  return id;
}

const bend = (id: string, timeZone: string) =>
  world.inTenant((tx) => updateRows(tx, SubscriptionSchema, { id }, { timeZone }));

describe('subscription show', () => {
  test('tells the story, by id and by external id, and keeps secrets and persons out', async () => {
    const id = await paidSubscription('ada-pro');
    const byId = await cli(['subscription', 'show', id]);
    expect(byId).toMatchObject({ code: 0, err: '' });
    expect(byId.out).toContain(`${id}  active`);
    expect(byId.out).toMatch(/next step +close_period at .* UTC, in \d+ days/);
    expect(byId.out).toMatch(/workflow +running, \d+ events of history/);
    expect(byId.out).toContain(`http://temporal.example/namespaces/${world.config.temporal.namespace}`);
    expect(byId.out).toMatch(/att_\w+ +inv_\w+ +1 +settled +31\.00 USD/);
    expect(byId.out).toMatch(/cmd_\w+ +create +applied/);
    expect(byId.out).toContain('subscription.activated');
    expect(byId.out).not.toContain('Ada');

    const byName = await cli(['subscription', 'show', 'external:ada-pro', '--json']);
    expect(byName.json).toMatchObject({
      subscription: { id, status: 'active', failure_count: 0, next_step: { step: 'close_period' } },
      customer: { external_id: null },
      attempts: [{ status: 'settled', amount: { amount: '31.00', currency: 'USD' } }],
      commands: [{ kind: 'create', status: 'applied' }],
      unfinished_invoices: [],
      nudge: null,
      workflow: { status: 'running', waiting_for: expect.any(String), trouble: null },
      advice: [],
    });
  });

  test('without Temporal the rest is still told', async () => {
    const id = await paidSubscription();
    const ended = await cli(['subscription', 'show', id], {
      TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}`,
    });
    expect(ended.code).toBe(0);
    expect(ended.out).toContain('Temporal does not answer at 127.0.0.1');
    expect(ended.out).toContain('subscription.activated');
  });

  test('an id of another kind and a tenant that is none are not guessed at', async () => {
    const id = await paidSubscription('twice');
    const { latestInvoiceId } = await subscriptionOf(world, id);
    expect(await cli(['subscription', 'show', String(latestInvoiceId)])).toMatchObject({
      code: 2,
      err: expect.stringContaining(`try: npm run cli -- invoice show ${latestInvoiceId}`),
    });
    expect(await cli(['subscription', 'show', 'twice', '--tenant', 'nobody'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('nobody is not the id of a tenant'),
    });
  });
});

describe('subscription retry', () => {
  test('refuses what is not blocked', async () => {
    const id = await paidSubscription();
    const ended = await cli(['subscription', 'retry', id, '--json']);
    expect(ended).toMatchObject({ code: 1, json: { error: { kind: 'refused' } } });
    expect(ended.err).toMatch(/is not blocked: its next step is close_period/);
  });

  test('drives a blocked one on: first in vain, then, with its cause mended, for good', async () => {
    const id = await blockedSubscription();
    const shown = await cli(['subscription', 'show', id]);
    expect(shown.out).toContain(`${id}  active, BLOCKED`);
    expect(shown.out).toMatch(/blocked +close_period at .*Nowhere\/Land/);
    expect(shown.out).toContain(`npm run cli -- subscription retry ${id}`);
    expect(shown.out).toContain('a person: the subscription is blocked');

    const inVain = await cli(['subscription', 'retry', id, '--json']);
    expect(inVain).toMatchObject({ code: 1, json: { error: { kind: 'refused' } } });
    expect(inVain.err).toMatch(/was tried and is blocked again: close_period/);

    await bend(id, 'UTC');
    const mended = await cli(['subscription', 'retry', id, '--json']);
    expect(mended).toMatchObject({
      code: 0,
      json: { subscription: id, retried: true, went_on: true, next_step: { step: 'close_period' } },
    });
    expect(await billsOf(world, id)).toHaveLength(2);
    expect((await toldOf(world, id)).filter((type) => type === 'subscription.unblocked')).toHaveLength(2);
    const events = await world.inTenant((tx) =>
      findRows(tx, EventSchema, { objectId: id, type: 'subscription.unblocked' }),
    );
    expect(events.map(({ causationId }) => causationId)).toEqual([
      'operator: subscription retry',
      'operator: subscription retry',
    ]);
  });

  test('under a test clock it goes on when the clock does', async () => {
    const ada = await underClock(world, '2026-01-10T00:00:00Z');
    const id = await ada.subscribe(plan);
    await bend(id, 'Nowhere/Land');
    await expect(ada.advance('2026-02-15T00:00:00Z')).rejects.toThrow(id);
    await bend(id, 'UTC');
    const shown = await cli(['subscription', 'show', id]);
    expect(shown.out).toContain(`test clock   ${ada.clockId}, where it is 2026-02-`);
    expect(shown.out).toContain(`Mend the cause, then: npm run cli -- subscription retry ${id}`);
    const retried = await cli(['subscription', 'retry', id]);
    expect(retried).toMatchObject({ code: 0, err: '' });
    expect(retried.out).toContain(`It goes on when its test clock ${ada.clockId} is advanced.`);
    await ada.advance('2026-03-15T00:00:00Z');
    expect(await billsOf(world, id)).toHaveLength(3);
  });
});

describe('subscription recheck', () => {
  test('starts a workflow that somebody terminated', async () => {
    const id = await paidSubscription();
    await workflowOf(world, id).terminate('by a test');
    const { out } = await cli(['subscription', 'show', id]);
    expect(out).toMatch(/workflow +terminated/);
    expect(out).toContain(
      `Its workflow does not run. To start it: npm run cli -- subscription recheck ${id}`,
    );
    const ended = await cli(['subscription', 'recheck', id]);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toContain(`The workflow of ${id} was told to look again.`);
    await eventually(
      () => workflowOf(world, id).describe(),
      ({ status }) => status.name === 'RUNNING',
    );
  });

  test('without a worker it is noted, and carried when one runs; an ended subscription needs none', async () => {
    const id = await paidSubscription();
    await world.stopWorker();
    try {
      const ended = await cli(['subscription', 'recheck', id, '--json']);
      expect(ended).toMatchObject({ code: 0, json: { subscription: id, told: false } });
      const shown = await cli(['subscription', 'show', id]);
      expect(shown.out).toContain('The workflow has still to be told that something changed');
    } finally {
      await world.startWorker();
    }
    await eventually(
      () => cli(['subscription', 'show', id, '--json']),
      ({ json }) => json['nudge'] === null,
    );
    await world.command(id, 'cancel', { mode: 'now', at: null, reason: null });
    expect(await cli(['subscription', 'recheck', id])).toMatchObject({
      code: 1,
      err: expect.stringContaining('ended at'),
    });
  });
});

describe('reconcile', () => {
  test('says what is out of order, then mends it, then finds nothing', async () => {
    const id = await paidSubscription();
    await workflowOf(world, id).terminate('by a test');
    const dry = await eventually(
      () => cli(['reconcile', '--dry-run', '--json']),
      ({ json }) => json['total'] === 1,
    );
    expect(dry.json).toMatchObject({
      dry_run: true,
      by_kind: { subscription_lost: 1 },
      repairs: [{ kind: 'subscription_lost', id, tenant: world.tenantId }],
    });
    const made = await cli(['reconcile']);
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.out).toMatch(new RegExp(`subscription_lost ${id}: .*\\n[\\s\\S]*1 repair made\\.`));
    await eventually(
      () => cli(['reconcile']),
      ({ out }) => out === 'Everything is in order; nothing was to be done.\n',
    );
    const away = await cli(['reconcile'], { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` });
    expect(away).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('Temporal does not answer'),
    });
  });
});

describe('invoice show', () => {
  test('tells of a paid one by number, and of one in dunning by id', async () => {
    const paid = await subscriptionOf(world, await paidSubscription());
    const { json: known } = await cli(['invoice', 'show', String(paid.latestInvoiceId), '--json']);
    const { number } = known['invoice'] as { number: string };
    const byNumber = await cli(['invoice', 'show', number]);
    expect(byNumber.out).toContain(`${paid.latestInvoiceId}  paid  ${number}`);
    expect(byNumber.out).toMatch(/total +31\.00 USD/);
    expect(byNumber.out).toMatch(/il_\w+ +.* +31\.00 USD/);

    const customer = await world.customer({}, 'tok_insufficient_funds');
    const owing = await subscriptionOf(
      world,
      await world.subscribe(customer, plan, { payment_behavior: 'default_active' }),
    );
    const dunned = await cli(['invoice', 'show', String(owing.latestInvoiceId), '--json']);
    expect(dunned.json).toMatchObject({
      invoice: { status: 'open', amount_due: { amount: '31.00' } },
      attempts: [{ status: 'declined' }],
      dunning: { attempt: 1, retries: 4, outcome: null },
      next_step: { step: 'retry' },
    });
    const read = await cli(['invoice', 'show', String(owing.latestInvoiceId)]);
    expect(read.out).toMatch(/dunning +1 of 5 tries failed, next at/);
  });
});
