import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { webhookBody, webhookBodySchema } from '../../src/contract/events.ts';
import { planMigrationDryRunOut, planMigrationOut } from '../../src/contract/plan-migrations.ts';
import { EventSchema } from '../../src/persistence/events.ts';
import { PendingItemSchema } from '../../src/persistence/pending-items.ts';
import { findRows } from '../../src/persistence/rows.ts';
import type { Reply } from '../support/api.ts';
import { eventually } from '../support/stories.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';

let api: WorldApi;

beforeAll(async () => {
  api = await openWorldApi();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const post = async (
  path: string,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<Reply & { id: string }> => {
  const reply = await api.send('post', path, { key: api.key, body, headers });
  return { ...reply, id: String(reply.body['id']) };
};
const get = (path: string) => api.send('get', path, { key: api.key });

const price = (amount: string, currency = 'USD') => ({
  key: 'base',
  model: 'flat',
  unit_amount: amount,
  currency,
  interval: { unit: 'month' },
});

/** A plan with subscribers of whom two pay and one does not, and its second version. */
async function cast() {
  const plan = (await post('/v1/plans', { name: 'Pro', prices: [price('29.00'), price('27.00', 'EUR')] })).id;
  const subscribe = async (token: string) => {
    const customer = (await post('/v1/customers', { name: 'Ada' })).id;
    await post(`/v1/customers/${customer}/payment_methods`, { token });
    const made = await post('/v1/subscriptions', { customer, plan, currency: 'USD' });
    expect(made.status).toBe(201);
    return { id: made.id, customer };
  };
  const [ada, bob] = [await subscribe('tok_succeeds'), await subscribe('tok_succeeds')];
  const poor = await subscribe('tok_insufficient_funds');
  const version = await post(`/v1/plans/${plan}/versions`, {
    prices: [price('39.00'), price('37.00', 'EUR')],
  });
  expect(version.status).toBe(201);
  return { plan, ada, bob, poor };
}

/** What the world hears of a migration, in order, each as a webhook carries it. */
async function eventsOf(objectId: string) {
  const events = await api.world.inTenant((tx) =>
    findRows(tx, EventSchema, { objectId }, { orderBy: { sequence: 'asc' } }),
  );
  return events.map((event) => {
    const { data } = webhookBodySchema(event.type).parse(JSON.parse(webhookBody(event)));
    return { type: event.type, object: data.object };
  });
}

async function completed(id: string): Promise<z.infer<typeof planMigrationOut>> {
  const read = async () => planMigrationOut.parse((await get(`/v1/plan_migrations/${id}`)).body);
  return eventually(read, ({ status }) => status === 'completed', 60);
}

const report = z.object({
  data: z.array(
    z.looseObject({ subscription: z.string(), status: z.string(), reason: z.string().nullable() }),
  ),
  has_more: z.boolean(),
  next_cursor: z.string().nullable(),
});
const page = async (path: string) => report.parse((await get(path)).body);

describe('a migration of a plan', () => {
  test('says in a dry run what it would do to whom, then does it, and reports on each', async () => {
    const { plan, ada, bob, poor } = await cast();
    const body = { effective: 'now', proration: 'next_invoice' };
    const tried = await post(`/v1/plans/${plan}/migrations`, { ...body, dry_run: true });
    expect(tried.status).toBe(200);
    const dry = planMigrationDryRunOut.parse(tried.body);
    expect(dry).toMatchObject({
      total: 3,
      examined: 3,
      outcomes: { applied: 2, scheduled: 0, refused: 1, skipped: 0 },
      reasons: { change_not_allowed: 1 },
    });
    expect(dry.subscriptions.map(({ subscription }) => subscription)).toEqual([poor.id, ada.id, bob.id]);
    expect((await get(`/v1/plan_migrations?plan=${plan}`)).body['data']).toEqual([]);
    const shown = dry.subscriptions[1]?.preview?.pending_lines.map(({ amount }) => amount.amount);

    const { status, id, body: started } = await post(`/v1/plans/${plan}/migrations`, body);
    expect({ status, started }).toMatchObject({
      status: 200,
      started: { from_version: null, to_version: 2, effective: 'now', counts: { total: 3 } },
    });
    expect((await completed(id)).counts).toMatchObject({ total: 3, pending: 0, applied: 2, refused: 1 });
    const moved = await get(`/v1/subscriptions/${ada.id}`);
    expect(moved.body).toMatchObject({ plan, plan_version: 2 });
    const waiting = await api.world.inTenant((tx) =>
      findRows(tx, PendingItemSchema, { subscriptionId: ada.id }, { orderBy: { id: 'asc' } }),
    );
    expect(shown).toEqual(['-29.00', '39.00']);
    expect(waiting.map(({ amount }) => amount.toFixed(2))).toEqual(shown);

    const first = await page(`/v1/plan_migrations/${id}/subscriptions?limit=2`);
    const rest = await page(`/v1/plan_migrations/${id}/subscriptions?limit=2&cursor=${first.next_cursor}`);
    expect([...first.data, ...rest.data].map(({ subscription, status: is }) => [subscription, is])).toEqual([
      [ada.id, 'applied'],
      [bob.id, 'applied'],
      [poor.id, 'refused'],
    ]);
    const refused = await page(`/v1/plan_migrations/${id}/subscriptions?status=refused`);
    expect(refused.data).toMatchObject([{ subscription: poor.id, reason: 'change_not_allowed' }]);
  });

  test('is one for one key, and the only one of its plan while it runs', async () => {
    const { plan } = await cast();
    await api.world.stopWorker();
    try {
      const headers = { 'idempotency-key': `migrate-${plan}` };
      const one = await post(`/v1/plans/${plan}/migrations`, {}, headers);
      const again = await post(`/v1/plans/${plan}/migrations`, {}, headers);
      expect(again.text).toBe(one.text);
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      const other = await post(`/v1/plans/${plan}/migrations`);
      expect([other.status, other.body['code']]).toEqual([409, 'plan_migration_running']);
      const paused = await post(`/v1/plan_migrations/${one.id}/pause`);
      expect(paused.body).toMatchObject({ status: 'paused', counts: { pending: 3 } });
      const still = await post(`/v1/plans/${plan}/migrations`);
      expect(still.body['code']).toBe('plan_migration_running');
      await api.world.startWorker();
      expect((await post(`/v1/plan_migrations/${one.id}/resume`)).body['status']).toBe('running');
      expect((await completed(one.id)).counts).toMatchObject({ scheduled: 2, refused: 1 });
      const late = await post(`/v1/plan_migrations/${one.id}/pause`);
      expect([late.status, late.body['code']]).toEqual([409, 'plan_migration_over']);
      const told = await eventsOf(one.id);
      expect(told.map(({ type }) => type)).toEqual([
        'plan_migration.started',
        'plan_migration.paused',
        'plan_migration.resumed',
        'plan_migration.completed',
      ]);
      expect(told[0]?.object).toMatchObject({ status: 'running', counts: { total: 3, pending: 3 } });
      expect(told.at(-1)?.object).toMatchObject({
        status: 'completed',
        counts: { pending: 0, scheduled: 2, refused: 1 },
      });
    } finally {
      await api.world.startWorker();
    }
  });

  test('is canceled: who was not moved stays, and each is told of in the report', async () => {
    const { plan, ada } = await cast();
    await api.world.stopWorker();
    try {
      const { id } = await post(`/v1/plans/${plan}/migrations`, { filter: { customer: ada.customer } });
      const canceled = await post(`/v1/plan_migrations/${id}/cancel`);
      expect(canceled.body).toMatchObject({ status: 'canceled', counts: { total: 1, skipped: 1 } });
      const { data } = await page(`/v1/plan_migrations/${id}/subscriptions`);
      expect(data).toMatchObject([{ subscription: ada.id, status: 'skipped', reason: 'migration_canceled' }]);
      await post(`/v1/plan_migrations/${id}/cancel`);
      expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
        'plan_migration.started',
        'plan_migration.canceled',
      ]);
    } finally {
      await api.world.startWorker();
    }
  });
});

describe('a migration is for those that its filter says', () => {
  test.each([
    ['of a status', { status: ['incomplete'] }, 1],
    ['of a currency', { currency: 'EUR' }, 0],
    ['who began before', { started_before: '2020-01-01T00:00:00Z' }, 0],
    ['who have not ended', undefined, 3],
  ])(
    '%s',
    async (_who, filter, total) => {
      const { plan } = await cast();
      const { body } = await post(`/v1/plans/${plan}/migrations`, { filter, dry_run: true });
      expect(body).toMatchObject({ total, examined: total });
    },
    60_000,
  );
});

describe('a migration is refused', () => {
  let plan: string;
  beforeAll(async () => {
    plan = (await post('/v1/plans', { name: 'Pro', prices: [price('29.00')] })).id;
  });

  test.each([
    ['to a version that there is not', { to_version: 7 }, 'to_version', 'not_found'],
    ['from a version that there is not', { from_version: 7 }, 'from_version', 'not_found'],
    ['to the version that is left', { from_version: 1 }, 'from_version', 'same_version'],
    [
      'for a customer who is not there',
      { filter: { customer: 'external:x' } },
      'filter.customer',
      'not_found',
    ],
    ['for those who have ended', { filter: { status: ['canceled'] } }, 'filter.status[0]', 'not_one_of'],
    ['at no instant', { effective: 'tomorrow' }, 'effective', 'type_invalid'],
    ['with a word too many', { versions: 2 }, 'versions', 'unknown_field'],
  ])('%s', async (_what, body, path, code) => {
    const reply = await post(`/v1/plans/${plan}/migrations`, body);
    expect([reply.status, reply.body['errors']]).toEqual([
      422,
      [{ path, code, message: expect.stringMatching(/^[A-Z].*[.]$/) }],
    ]);
  });

  test('of a plan that is not there, or followed where there is none', async () => {
    expect((await post('/v1/plans/external:none/migrations')).status).toBe(404);
    expect((await get('/v1/plan_migrations/mig_none')).status).toBe(404);
    expect((await post('/v1/plan_migrations/mig_none/pause')).status).toBe(404);
  });
});
