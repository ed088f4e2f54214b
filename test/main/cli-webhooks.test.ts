import { beforeAll, describe, expect, test } from '@jest/globals';
import { EventSchema, recordEvents } from '../../src/persistence/events.ts';
import { findRows } from '../../src/persistence/rows.ts';
import { disableEndpoint, lockEndpoint, WebhookDeliverySchema } from '../../src/persistence/webhooks.ts';
import { newId } from '../../src/platform/ids.ts';
import { createVault } from '../../src/platform/vault.ts';
import { newWebhookSecret, webhookSecretPlace } from '../../src/platform/webhook-signature.ts';
import { runCli } from '../support/cli.ts';
import { keptWorld } from '../support/kept-world.ts';
import { eventually } from '../support/stories.ts';
import { Receiver, seedEndpoint } from '../support/webhooks.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld({ env: { LOG_LEVEL: 'fatal' } });
let world: World;
let plan: Awaited<ReturnType<World['plan']>>;
beforeAll(async () => {
  world = theWorld();
  plan = await world.plan([{ unitAmount: '31' }]);
});

const cli = (args: readonly string[], env: Record<string, string | null> = {}) => runCli(world, args, env);

const paidSubscription = async () => world.subscribe(await world.customer(), plan);

describe('deliveries', () => {
  /** Disabled in the end, so that nothing is sent to where nobody listens any more. */
  const endpointOf = async (url: string) => {
    const id = newId('we');
    const secret = newWebhookSecret();
    const place = webhookSecretPlace({ tenantId: world.tenantId, id });
    const secretSealed = createVault(world.config.secrets.masterKeys).seal(secret, place);
    await seedEndpoint(world.database, world.tenantId, url, { id, secretSealed });
    const disable = () =>
      world.inTenant(async (tx) => {
        const endpoint = await lockEndpoint(tx, id);
        if (endpoint?.status === 'enabled') await disableEndpoint(tx, endpoint, 'manual', new Date());
      });
    return { id, disable, [Symbol.asyncDispose]: disable };
  };
  /** So much, and the relay has seen it, when no endpoint was there yet. */
  const happened = async (count: number) => {
    const about = { type: 'customer.updated', objectType: 'customer', createdAt: new Date() } as const;
    const recorded = Array.from({ length: count }, () => {
      const id = newId('cus');
      return { ...about, objectId: id, data: { object: { object: 'customer', id } } };
    });
    const cause = { correlationId: null, causationId: null };
    await world.inTenant((tx) => recordEvents(tx, world.tenantId, cause, recorded));
    await eventually(
      () => world.inTenant((tx) => findRows(tx, EventSchema, { position: null })),
      (unplaced) => unplaced.length === 0,
    );
  };
  const deliveriesTo = (endpointId: string) =>
    world.inTenant((tx) => findRows(tx, WebhookDeliverySchema, { endpointId }, { orderBy: { id: 'asc' } }));

  test('retry sends the same event once more and says what was answered', async () => {
    await using receiver = await Receiver.start();
    await using endpoint = await endpointOf(receiver.url);
    const { id: endpointId } = endpoint;
    await paidSubscription();
    const arrived = await eventually(
      () => deliveriesTo(endpointId),
      (all) => all.length > 3 && all.every(({ status }) => status === 'delivered'),
    );
    const [first] = arrived;
    const before = receiver.received.length;
    const ended = await cli(['delivery', 'retry', String(first?.id)]);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(ended.out).toBe(`${first?.id} arrived: attempt 2 was answered 200.\n`);
    expect(receiver.said.slice(before).map(({ id }) => id)).toEqual([first?.eventId]);

    receiver.status(500);
    const failed = await cli(['delivery', 'retry', String(first?.id), '--json']);
    expect(failed.json).toMatchObject({
      delivery: first?.id,
      status: 'pending',
      attempts: 3,
      last_status: 500,
    });
    await endpoint.disable();
    const refused = await cli(['delivery', 'retry', String(first?.id)]);
    expect(refused).toMatchObject({ code: 1, err: 'This endpoint is disabled; enable it first.\n' });
  });

  test('replay sends a stretch of time again: seen first, refused when large, then the same ids once more', async () => {
    await using receiver = await Receiver.start();
    await using endpoint = await endpointOf(receiver.url);
    const { id: endpointId } = endpoint;
    const from = new Date().toISOString();
    await paidSubscription();
    const arrived = await eventually(
      () => deliveriesTo(endpointId),
      (all) => all.length > 3 && all.every(({ status }) => status === 'delivered'),
    );
    const ids = arrived.map(({ eventId }) => eventId).sort();
    const args = ['events', 'replay', '--endpoint', endpointId, '--from', from, '--json'];

    const dry = await cli([...args, '--dry-run']);
    expect(dry.json).toMatchObject({ endpoint: endpointId, events: ids.length, sent: 0 });
    expect(dry.json['by_type']).toContainEqual({ type: 'subscription.created', events: 1, arrived: 1 });
    expect((await cli([...args, '--missed', '--dry-run'])).json).toMatchObject({ events: 0 });
    expect((await cli([...args, '--to', from])).err).toBe('--from must be before --to.\n');
    expect((await cli(['events', 'replay', '--from', 'yesterday'])).err).toMatch(/^--from: Write an instant/);
    const before = receiver.received.length;
    expect(before).toBe(ids.length);

    expect((await cli(args)).json).toMatchObject({ events: ids.length, sent: ids.length });
    await eventually(
      () => Promise.resolve(receiver.received.length),
      (length) => length === before + ids.length,
    );
    expect(
      receiver.said
        .slice(before)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(ids);
  });

  test('more than a thousand events are not replayed without --yes', async () => {
    await happened(1_001);
    await using receiver = await Receiver.start();
    await using endpoint = await endpointOf(receiver.url);
    const { id: endpointId } = endpoint;
    const args = ['events', 'replay', '--endpoint', endpointId, '--from', '2020-01-01T00:00:00Z', '--json'];
    const refused = await cli(args);
    expect(refused).toMatchObject({ code: 1, json: { error: { kind: 'refused' } } });
    expect(refused.err).toMatch(/^That is 1,\d{3} events, more than 1,000: add --yes/);
    const sent = await cli([...args, '--yes']);
    expect(Number(sent.json['sent'])).toBeGreaterThan(1_000);
    await eventually(
      () => deliveriesTo(endpointId),
      (all) => all.length >= Number(sent.json['sent']) && all.every(({ status }) => status === 'delivered'),
    );
  });
});
