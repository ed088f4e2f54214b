import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Route } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/index.ts';
import { SCOPES } from '../../src/domain/tenant.ts';
import { newId } from '../../src/platform/ids.ts';
import { type Reply, startTestApi, type TestApi } from '../support/api.ts';
import { eventually } from '../support/money.ts';

/**
 * Every route with every kind of key, generated from the routes themselves: a new route is in it without anybody
 * thinking of it, and `OBJECTS` fails when there is a path whose object it does not know how to make.
 */
let api: TestApi;
let key: string;
let strangerKey: string;
let revokedKey: string;
const keyWithout = new Map<string, string>();
const objects: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
  ({ key: strangerKey } = await api.tenant());
  revokedKey = await makeKey({ name: 'revoked' }, (id) =>
    api.send('post', `/v1/api_keys/${id}/revoke`, { key }),
  );
  for (const scope of SCOPES) {
    keyWithout.set(
      scope,
      await makeKey({ name: scope, scopes: SCOPES.filter((other) => other !== scope && other !== '*') }),
    );
  }
  await makeObjects();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

async function makeKey(body: object, then?: (id: string) => Promise<Reply>): Promise<string> {
  const made = await api.send('post', '/v1/api_keys', { key, body });
  await then?.(String(made.body['id']));
  return String(made.body['key']);
}

async function makeObjects(): Promise<void> {
  const post = async (path: string, body: object) =>
    String((await api.send('post', path, { key, body })).body['id']);
  objects['customers'] = await post('/v1/customers', { name: 'Ada', external_id: 'ada' });
  objects['payment_methods'] = await post(`/v1/customers/${objects['customers']}/payment_methods`, {
    token: 'x',
  });
  objects['plans'] = await post('/v1/plans', {
    name: 'Pro',
    external_id: 'pro',
    prices: [{ key: 'base', model: 'flat', unit_amount: '1', currency: 'USD', interval: { unit: 'month' } }],
  });
  const plan = await api.send('get', `/v1/plans/${objects['plans']}`, { key });
  objects['prices'] = (plan.body['prices'] as { id: string }[])[0]?.id ?? '';
  objects['add_ons'] = await post('/v1/add_ons', {
    name: 'Setup',
    prices: [{ key: 'setup', model: 'flat', unit_amount: '1', currency: 'USD', interval: null }],
  });
  objects['items'] = await post('/v1/items', { name: 'API calls' });
  objects['api_keys'] = await post('/v1/api_keys', { name: 'x' });
  objects['webhook_endpoints'] = await post('/v1/webhook_endpoints', { url: 'http://127.0.0.1:9/hook' });
  objects['test_clocks'] = await post('/v1/test_clocks', { now: '2027-01-01T00:00:00Z' });
  const mapping = {
    idempotency_key: '/id',
    event_name: '/type',
    external_customer_id: '/who',
    timestamp: '/at',
  };
  objects['collectors'] = await post('/v1/collectors', { name: 'Sender', mapping });
  const [start, end] = [2, 1].map((hours) => new Date(Date.now() - hours * 3_600_000).toISOString());
  objects['backfills'] = await post('/v1/backfills', { timeframe_start: start, timeframe_end: end });
  const event = { event_name: 'call', external_customer_id: 'ada', timestamp: start };
  await post('/v1/events', { idempotency_key: 'a-call', ...event });
  objects['events'] = 'a-call';
  objects['meters'] = await post('/v1/meters', { name: 'Calls', event_name: 'call', aggregation: 'count' });
  objects['features'] = await post('/v1/features', { name: 'Export', kind: 'boolean' });
  const quota = { name: 'Quota', kind: 'usage', meter: objects['meters'], thresholds: [1] };
  objects['alerts'] = await post('/v1/alerts', quota);
  objects['usage_imports'] = await post('/v1/usage_imports?format=ndjson', event);
}

/** Kinds whose objects need the engine: here only ids that nobody has; `foreign-ids.test.ts` asks with real ones. */
const UNMADE: Record<string, string> = {
  subscriptions: newId('sub'),
  invoices: newId('inv'),
  payments: newId('att'),
  webhook_events: newId('evt'),
  deliveries: newId('del'),
  credit_notes: newId('cn'),
  plan_migrations: newId('mig'),
  accounts: newId('acc'),
  tenants: newId('ten'),
};

const HOUR = 'from=2026-11-01T00:00:00Z&to=2026-11-01T01:00:00Z&granularity=hour';

/** What is asked of the operations that do not answer without a question. */
const QUERIES: Record<string, string> = {
  queryMeter: `?${HOUR}`,
  getEventVolume: `?${HOUR}`,
  getUpcomingInvoice: `?subscription=${UNMADE['subscriptions']}`,
};

function pathOf(route: Route): string {
  const noun = route.path.split('/')[2] ?? '';
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const id = objects[`${name}s`] ?? objects[noun] ?? UNMADE[noun];
    if (!id) throw new Error(`how is a ${noun} made? ${route.path}`);
    return id;
  });
  return path + (QUERIES[route.operationId] ?? '');
}

const namesNobodys = (path: string): boolean => Object.values(UNMADE).some((id) => path.includes(id));

const send = (route: Route, withKey: string | null) =>
  api.send(route.method, pathOf(route), { key: withKey, ...(route.method === 'get' ? {} : { body: {} }) });

const forTenants = ROUTES.filter((route) => route.auth === 'tenant').map(
  (route) => [route.operationId, route] as const,
);
const forOperators = ROUTES.filter((route) => route.auth === 'operator').map(
  (route) => [route.operationId, route] as const,
);

describe.each(forTenants)('%s', (_id, route) => {
  test('needs a key, a whole one, one that is not revoked, and never the operator key', async () => {
    for (const wrong of [
      null,
      'nonsense',
      `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`,
      revokedKey,
      api.operatorKey,
    ]) {
      const reply = await send(route, wrong);
      expect([reply.status, reply.body['code']]).toEqual([401, 'unauthorized']);
    }
  });

  test('needs its scope', async () => {
    const { scope = 'read' } = route;
    const reply = await send(route, keyWithout.get(scope) ?? '');
    expect([reply.status, reply.body['code']]).toEqual([403, 'insufficient_scope']);
  });

  test('shows and changes nothing of another tenant', async () => {
    if (!route.path.includes('{')) {
      if (route.method !== 'get') return;
      const reply = await send(route, strangerKey);
      if (Array.isArray(reply.body['data']))
        expect(JSON.stringify(reply.body)).not.toContain(objects['customers']);
      return;
    }
    const stranger = await send(route, strangerKey);
    // Fields are looked at before rows, so an empty body may be refused first; never anything else.
    expect([404, 422]).toContain(stranger.status);
    if (stranger.status === 404) expect(stranger.body['code']).toBe('not_found');
  });
});

describe.each(forOperators)('%s', (_id, route) => {
  test('needs the operator key and takes no other', async () => {
    for (const wrong of [null, key, `${api.operatorKey}x`]) {
      const reply = await send(route, wrong);
      expect([reply.status, reply.body['code']]).toEqual([401, 'unauthorized']);
    }
    expect([200, 201, 404, 422]).toContain((await send(route, api.operatorKey)).status);
  });
});

describe('the right key', () => {
  const reads = forTenants.filter(([, route]) => route.method === 'get');
  test.each(reads)('reads by %s', async (_id, route) => {
    const reply = await send(route, key);
    expect(reply.status).toBe(namesNobodys(pathOf(route)) ? 404 : 200);
  });

  test('sees its objects after all that', async () => {
    for (const noun of Object.keys(objects)) {
      expect([noun, (await api.send('get', `/v1/${noun}/${objects[noun]}`, { key })).status]).toEqual([
        noun,
        200,
      ]);
    }
  });
});

test('what is public is a short list', () => {
  const open = ROUTES.filter((route) => route.auth === 'public').map((route) => route.path);
  expect(open.sort()).toEqual([
    '/collectors/{token}',
    '/docs',
    '/docs/errors',
    '/docs/page.css',
    '/docs/start.js',
    '/gateways/{gateway}/callbacks/{token}',
    '/health/live',
    '/health/ready',
    '/metrics',
    '/openapi.json',
  ]);
});

test('a key cannot give scopes it does not have', async () => {
  const keysOnly = await makeKey({ name: 'keys', scopes: ['keys:write'] });
  const beyond = await api.send('post', '/v1/api_keys', {
    key: keysOnly,
    body: { name: 'more', scopes: ['*'] },
  });
  expect([beyond.status, beyond.body['code']]).toEqual([403, 'insufficient_scope']);
  const within = await api.send('post', '/v1/api_keys', {
    key: keysOnly,
    body: { name: 'same', scopes: ['keys:write'] },
  });
  expect(within.status).toBe(201);
});

test('a key ends when its time is over, and an end in the past is refused', async () => {
  const endsMs = Date.now() + 5_000;
  const brief = await makeKey({ name: 'brief', expires_at: new Date(endsMs).toISOString() });
  const ping = () => api.send('get', '/v1/ping', { key: brief });
  const soon = await ping();
  // On a machine that was very busy meanwhile its time may be over by now.
  if (Date.now() < endsMs) expect(soon.status).toBe(200);
  const late = await eventually(async () => {
    const reply = await ping();
    return reply.status !== 200 && reply;
  });
  expect([late.status, late.body['code']]).toEqual([401, 'key_expired']);
  expect(
    (await api.send('post', '/v1/api_keys', { key, body: { name: 'x', expires_at: '2020-01-01T00:00:00Z' } }))
      .status,
  ).toBe(422);
});

test('a key is stored as a hash, is never shown again, and its use is noted', async () => {
  const made = await api.send('post', '/v1/api_keys', { key, body: { name: 'once' } });
  expect(made.body['key']).toMatch(/^prn_test_[0-9A-Za-z]{38}$/);
  await api.send('get', '/v1/ping', { key: String(made.body['key']) });
  const known = await api.send('get', `/v1/api_keys/${String(made.body['id'])}`, { key });
  expect(known.body).toMatchObject({
    last4: String(made.body['key']).slice(-4),
    last_used_at: expect.any(String),
  });
  expect(known.text).not.toContain(String(made.body['key']));
});
