import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Route } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/index.ts';
import type { Reply } from '../support/api.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';

/**
 * One tenant has something of every kind, made by the engine that makes them in production; another one knows all the
 * ids. To it they are what an id is that nobody has: the same status, the same words.
 */
let api: WorldApi;
let strangerKey: string;
const objects: Record<string, string> = {};
/** What is named behind the object of a path, by the name of its parameter. */
const inner: Record<string, string> = {};
let before: Record<string, string>;

const WITH_IDS = ROUTES.filter((route) => route.auth === 'tenant' && route.path.includes('{'));

beforeAll(async () => {
  api = await openWorldApi();
  strangerKey = await strangersKey();
  await makeOneOfEach();
  before = await readAll();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const asOperator = (path: string, body: object) =>
  api.send('post', path, { key: api.world.config.secrets.operatorKey, body });

async function strangersKey(): Promise<string> {
  const account = await asOperator('/v1/accounts', { name: 'Other' });
  const body = { account: account.body['id'], mode: 'test', name: 'Other' };
  const tenant = await asOperator('/v1/tenants', body);
  const made = await asOperator(`/v1/tenants/${String(tenant.body['id'])}/keys`, { name: 'all' });
  return String(made.body['key']);
}

async function makeOneOfEach(): Promise<void> {
  const post = async (path: string, body: object) =>
    String((await api.send('post', path, { key: api.key, body })).body['id']);
  const newest = async (path: string): Promise<string> => {
    for (let attempt = 0; attempt < 1_200; attempt += 1) {
      const { data } = (await api.send('get', path, { key: api.key })).body as { data: { id: string }[] };
      if (data[0]) return data[0].id;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`nothing appears at ${path}`);
  };
  const price = {
    key: 'base',
    model: 'flat',
    unit_amount: '9',
    currency: 'USD',
    interval: { unit: 'month' },
  };
  objects['webhook_endpoints'] = await post('/v1/webhook_endpoints', { url: 'http://127.0.0.1:9/hook' });
  objects['test_clocks'] = await post('/v1/test_clocks', { now: '2027-01-01T00:00:00Z' });
  objects['api_keys'] = await post('/v1/api_keys', { name: 'x' });
  objects['customers'] = await post('/v1/customers', { name: 'Ada', external_id: 'ada' });
  const methods = `/v1/customers/${objects['customers']}/payment_methods`;
  objects['payment_methods'] = await post(methods, { token: 'tok_succeeds' });
  const plan = await api.send('post', '/v1/plans', {
    key: api.key,
    body: { name: 'Pro', external_id: 'pro', prices: [price] },
  });
  objects['plans'] = String(plan.body['id']);
  objects['prices'] = (plan.body['prices'] as { id: string }[])[0]?.id ?? '';
  objects['subscriptions'] = await post('/v1/subscriptions', {
    customer: 'external:ada',
    plan: 'external:pro',
  });
  objects['items'] = await post('/v1/items', { name: 'API calls' });
  objects['add_ons'] = await post('/v1/add_ons', {
    name: 'Setup',
    prices: [{ ...price, interval: null }],
  });
  // A pause gives back a part of an invoice that nobody has paid: a credit note.
  const owing = await post('/v1/subscriptions', {
    customer: 'external:ada',
    plan: 'external:pro',
    collection_method: 'send_invoice',
  });
  await post(`/v1/subscriptions/${owing}/pause`, {});
  objects['credit_notes'] = await newest('/v1/credit_notes');
  const seat = { key: 'base', model: 'flat', unit_amount: '8', interval: { unit: 'month' } };
  await post(`/v1/subscriptions/${objects['subscriptions']}/change`, {
    prices: [seat],
    effective: 'period_end',
  });
  inner['change'] = await newest(`/v1/subscriptions/${objects['subscriptions']}/scheduled_changes`);
  const empty = await post('/v1/plans', { name: 'Empty', prices: [price] });
  await post(`/v1/plans/${empty}/versions`, { prices: [price] });
  objects['plan_migrations'] = await post(`/v1/plans/${empty}/migrations`, {});
  objects['invoices'] = await newest('/v1/invoices');
  const invoice = await api.send('get', `/v1/invoices/${objects['invoices']}`, { key: api.key });
  inner['line'] = (invoice.body['lines'] as { id: string }[])[0]?.id ?? '';
  objects['payments'] = await newest('/v1/payments');
  objects['webhook_events'] = await newest('/v1/webhook_events');
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
  inner['feature'] = objects['features'];
  objects['alerts'] = await post('/v1/alerts', {
    name: 'Quota',
    kind: 'usage',
    meter: objects['meters'],
    thresholds: [1],
  });
  objects['usage_imports'] = await post('/v1/usage_imports?format=ndjson', event);
  objects['deliveries'] = await newest('/v1/deliveries?status=pending');
}

const EVENT = { event_name: 'call', external_customer_id: 'x', timestamp: '2027-01-01T00:00:00Z' };

/** Bodies that are fine, so that nothing but the id can be refused. */
const BODIES: Record<string, object> = {
  '/v1/subscriptions/{id}/extend_trial': { trial_end: '2028-01-01T00:00:00Z' },
  '/v1/subscriptions/{id}/cancel': { mode: 'now' },
  '/v1/subscriptions/{id}/change': { trial: 'end' },
  '/v1/subscriptions/{id}/change/preview': { trial: 'end' },
  '/v1/subscriptions/{id}/quantity': { key: 'base', quantity: 1 },
  '/v1/subscriptions/{id}/quantity/preview': { key: 'base', quantity: 1 },
  '/v1/subscriptions/{id}/schedule': { phases: [{ after_cycles: 1, remove: ['base'] }] },
  '/v1/subscriptions/{id}/schedule/preview': { phases: [{ after_cycles: 1, remove: ['base'] }] },
  '/v1/subscriptions/{id}/usage': { key: 'base', quantity: 1 },
  '/v1/add_ons/{id}/versions': {
    prices: [{ key: 'base', model: 'flat', unit_amount: '2', currency: 'USD', interval: null }],
  },
  '/v1/meters/{id}/versions': { aggregation: 'count' },
  '/v1/test_clocks/{id}/advance': { to: '2028-01-01T00:00:00Z' },
  '/v1/events/{key}': EVENT,
  '/v1/backfills/{id}/events': { idempotency_key: 'x', ...EVENT },
  '/v1/customers/{id}/payment_methods': { token: 'tok_succeeds' },
  '/v1/plans/{id}/versions': {
    prices: [{ key: 'base', model: 'flat', unit_amount: '2', currency: 'USD', interval: { unit: 'month' } }],
  },
};

/** And queries, where there is no answer without one. */
const QUERIES: Record<string, string> = {
  '/v1/meters/{id}/query': '?from=2027-01-01T00:00:00Z&to=2027-01-02T00:00:00Z',
};

const nounOf = (route: Route): string => route.path.split('/')[2] ?? '';

function ask(route: Route, id: string): Promise<Reply> {
  const body = route.method === 'get' ? {} : { body: BODIES[route.path] ?? {} };
  const path = route.path
    .replace(/\{(id|key)\}/, id)
    .replaceAll(/\{(\w+)\}/g, (_whole, name: string) => inner[name] ?? '');
  return api.send(route.method, path + (QUERIES[route.path] ?? ''), { key: strangerKey, ...body });
}

/** The same kind of id with another ending, which nobody has. */
const nobodys = (id: string): string => id.slice(0, -4) + (id.endsWith('zzzz') ? '0000' : 'zzzz');

const spoken = (reply: Reply) => [reply.status, reply.body['code'], reply.body['detail']];

/** What deliveries, migrations and imports do meanwhile, and when a key was used, is not of the stranger's making. */
const BUSY = new Set(['deliveries', 'webhook_endpoints', 'api_keys', 'plan_migrations', 'usage_imports']);

async function readAll(): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const [noun, id] of Object.entries(objects)) {
    const reply = await api.send('get', `/v1/${noun}/${id}`, { key: api.key });
    expect([noun, reply.status]).toEqual([noun, 200]);
    if (!BUSY.has(noun)) texts[noun] = reply.text;
  }
  return texts;
}

test.each(WITH_IDS.map((route) => [`${route.method} ${route.path}`, route] as const))(
  'another tenant, %s: the answer for an id that nobody has',
  async (_name, route) => {
    const id = objects[nounOf(route)];
    if (!id) throw new Error(`how is one of ${nounOf(route)} made?`);
    const real = await ask(route, id);
    expect(real.status).toBe(404);
    expect(spoken(real)).toEqual(spoken(await ask(route, nobodys(id))));
  },
);

test.each(['customers/external:ada', 'plans/external:pro'])('another tenant, %s: not found', async (path) => {
  expect((await api.send('get', `/v1/${path}`, { key: strangerKey })).status).toBe(404);
});

test('as filters, foreign ids find nothing', async () => {
  const { customers, plans, subscriptions, invoices, webhook_events, webhook_endpoints, test_clocks } =
    objects;
  for (const list of [
    `subscriptions?customer=${customers}`,
    `subscriptions?plan=${plans}`,
    `invoices?subscription=${subscriptions}`,
    `payments?invoice=${invoices}`,
    `events?object_id=${subscriptions}`,
    `deliveries?event=${webhook_events}`,
    `deliveries?endpoint=${webhook_endpoints}`,
    `customers?test_clock=${test_clocks}`,
  ]) {
    const reply = await api.send('get', `/v1/${list}`, { key: strangerKey });
    expect([list, reply.status, reply.body['data']]).toEqual([list, 200, []]);
  }
});

test('as the one thing that is asked for, foreign ids are not there', async () => {
  const { subscriptions, customers } = objects;
  const hour = 'from=2027-01-01T00:00:00Z&to=2027-01-01T01:00:00Z&granularity=hour';
  for (const [path, id] of [
    ['invoices/upcoming?subscription=', subscriptions ?? ''],
    [`events/volume?${hour}&customer=`, customers ?? ''],
  ]) {
    const asked = (one: string) => api.send('get', `/v1/${path}${one}`, { key: strangerKey });
    const real = await asked(id ?? '');
    expect([path, real.status]).toEqual([path, 404]);
    expect(spoken(real)).toEqual(spoken(await asked(nobodys(id ?? ''))));
  }
});

test('in bodies, foreign ids do not exist either', async () => {
  const post = (path: string, body: object) => api.send('post', path, { key: strangerKey, body });
  const mine = (await post('/v1/customers', { name: 'Eve' })).body['id'];
  const foreignPlan = await post('/v1/subscriptions', { customer: mine, plan: objects['plans'] });
  expect(foreignPlan.body['errors']).toMatchObject([{ path: 'plan', code: 'not_found' }]);
  const foreignCustomer = await post('/v1/subscriptions', {
    customer: objects['customers'],
    plan: objects['plans'],
  });
  expect(foreignCustomer.body['errors']).toMatchObject([
    { path: 'customer', code: 'not_found' },
    { path: 'plan', code: 'not_found' },
  ]);
  const foreignClock = await post('/v1/customers', { name: 'Eve', test_clock: objects['test_clocks'] });
  expect(foreignClock.body['errors']).toMatchObject([{ path: 'test_clock', code: 'not_found' }]);
});

test('after all that, its owner finds everything as it was', async () => {
  expect(await readAll()).toEqual(before);
});
