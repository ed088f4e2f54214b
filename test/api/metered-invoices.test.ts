import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { eventually } from '../support/stories.ts';
import { closeKept, openWorldApi, type WorldApi } from '../support/world-api.ts';

/** From an event to a cent, over HTTP: whoever asks for the number is told the same one. */
let api: WorldApi;
let meter: string;
let plan: string;

beforeAll(async () => {
  api = await openWorldApi({ RATE_LIMIT_PER_MINUTE: '100000' });
  meter = id(
    await post('/v1/meters', {
      name: 'Traffic',
      event_name: 'request',
      aggregation: 'sum',
      property: 'bytes',
      group_by: ['region'],
    }),
  );
  const price = { currency: 'USD', interval: { unit: 'month' } };
  const cells = [{ values: ['eu'], unit_amount: '0.02' }];
  plan = id(
    await post('/v1/plans', {
      name: 'Traffic',
      prices: [
        { key: 'base', model: 'flat', unit_amount: '10', ...price },
        {
          key: 'traffic',
          name: 'Traffic',
          model: 'matrix',
          dimensions: ['region'],
          cells,
          default_unit_amount: '0.01',
          meter,
          ...price,
        },
      ],
    }),
  );
});
afterAll(() => closeKept(api));

type Json = Record<string, unknown>;
const id = (body: Json) => String(body['id']);

async function post(path: string, body: Json, status = 201): Promise<Json> {
  const reply = await api.send('post', path, { key: api.key, body });
  if (reply.status !== status) throw new Error(`${path}: ${reply.text}`);
  return reply.body;
}
async function get(path: string): Promise<Json> {
  const reply = await api.send('get', path, { key: api.key });
  if (reply.status !== 200) throw new Error(`${path}: ${reply.text}`);
  return reply.body;
}

const linesOf = (invoice: Json = {}) => invoice['lines'] as (Json & { usage: Json | null })[];
const lineOf = (invoice?: Json): Json => linesOf(invoice).find(({ usage }) => usage !== null) ?? {};

async function subscribe(terms: Json = {}) {
  const clock = id(await post('/v1/test_clocks', { name: 'clock', now: '2027-01-01T00:00:00Z' }));
  const customer = id(await post('/v1/customers', { name: 'Ada', currency: 'USD', test_clock: clock }));
  await post(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
  const subscription = id(await post('/v1/subscriptions', { customer, plan, ...terms }));
  const advance = async (to: string) => {
    await post(`/v1/test_clocks/${clock}/advance`, { to }, 200);
    await eventually(
      () => get(`/v1/test_clocks/${clock}`),
      (now) => now['status'] === 'ready',
    );
  };
  return { clock, customer, subscription, advance };
}

let sent = 0;
function event(customer: string, timestamp: string, bytes: string, region = 'us'): Json {
  sent += 1;
  return {
    idempotency_key: `${region === '=1' ? '=cmd' : 'event'} ${sent}`,
    event_name: 'request',
    customer_id: customer,
    timestamp,
    properties: { bytes, region },
  };
}

test('the query, the entitlement, the upcoming invoice and the closed one agree while events flow', async () => {
  const { customer, subscription, advance } = await subscribe();
  await advance('2027-01-20T00:00:00Z');
  let isFlowing = true;
  let total = new Decimal(0);
  const flow = (async () => {
    for (let batch = 0; batch < 30; batch += 1) {
      const events = Array.from({ length: 7 }, (_, n) => {
        const bytes = `${batch + n}.${n}`;
        total = total.plus(bytes);
        const at = new Date(Date.parse('2027-01-01T00:00:00Z') + (batch * 7 + n) * 6_000_000).toISOString();
        return event(customer, at, bytes, n % 2 ? 'eu' : 'us');
      });
      await post('/v1/events', { events }, 200);
    }
    isFlowing = false;
  })();
  const range = 'from=2027-01-01T00:00:00Z&to=2027-02-01T00:00:00Z&granularity=total';
  const queried = async () => {
    const { data } = await get(`/v1/meters/${meter}/query?${range}&subscription=${subscription}`);
    const [total] = data as { quantity: string }[];
    return new Decimal(total?.quantity ?? 0);
  };
  const upcoming = () => get(`/v1/invoices/upcoming?subscription=${subscription}`);
  const feature = id(await post('/v1/features', { name: 'Traffic', kind: 'metered', meter }));
  const entitled = `/v1/customers/${customer}/entitlements/${feature}`;
  await api.send('put', entitled, { key: api.key, body: { limit: null } });
  const used = async () => new Decimal(String((await get(entitled))['used']));
  let asked = 0;
  while (isFlowing || asked < 3) {
    const before = await queried();
    const between = new Decimal(String(lineOf(await upcoming())['quantity']));
    const known = await used();
    const after = await queried();
    expect(between.gte(before) && known.gte(between) && known.lte(after)).toBe(true);
    asked += 1;
    await sleep(Math.random() * 30);
  }
  await flow;
  expect(await queried()).toEqual(total);
  expect(await used()).toEqual(total);
  const coming = await upcoming();
  expect(lineOf(coming)).toMatchObject({ quantity: total.toFixed(), usage: { meter, events: 210 } });

  await advance('2027-02-01T00:00:01Z');
  const { data } = await get(`/v1/invoices?subscription=${subscription}`);
  const closed = await get(`/v1/invoices/${id((data as Json[])[0] ?? {})}`);
  const line = lineOf(closed);
  const { explanation: _explanation, key: _key, ...foretold } = lineOf(coming);
  expect(line).toMatchObject(foretold);
  expect(closed['total']).toEqual(coming['total']);
  const listed = await get(`/v1/invoices/${id(closed)}/lines/${id(line)}/events`);
  const events = listed['data'] as Json[];
  expect(events).toHaveLength(210);
  expect(events.reduce((sum, { value }) => sum.plus(String(value)), new Decimal(0))).toEqual(total);
});

test('the events behind a line are its own, and those of a late line the late ones', async () => {
  const { customer, subscription, advance } = await subscribe();
  await advance('2027-01-20T00:00:00Z');
  await post('/v1/events', { events: [event(customer, '2027-01-02T00:00:00Z', '5', '=1')] }, 200);
  await advance('2027-02-02T00:00:00Z');
  await post('/v1/events', { events: [event(customer, '2027-01-03T00:00:00Z', '4')] }, 200);
  await advance('2027-03-02T00:00:00Z');
  const { data } = await get(`/v1/invoices?subscription=${subscription}`);
  const [march, february] = await Promise.all((data as Json[]).map((one) => get(`/v1/invoices/${id(one)}`)));
  const first = lineOf(february);
  const late = linesOf(march).find(({ description }) => String(description).includes('late'));
  expect(late).toMatchObject({
    description: 'Traffic (late, 1 Jan – 31 Jan)',
    quantity: '9',
    amount: { amount: '0.04', currency: 'USD' },
    usage: { events: 2 },
  });
  const behind = (invoice: Json | undefined, line: Json | undefined) =>
    `/v1/invoices/${id(invoice ?? {})}/lines/${id(line ?? {})}/events`;
  expect((await get(behind(march, late)))['data']).toMatchObject([{ effect: 'added', value: '4' }]);
  const csv = await api.send('get', `${behind(february, first)}?format=csv`, { key: api.key });
  expect(csv.text.split('\r\n')).toEqual([
    'effect,idempotency_key,revision,event_name,timestamp,value,properties',
    `added,'=cmd ${sent - 1},0,request,2027-01-02T00:00:00.000Z,5,"{""bytes"":""5"",""region"":""=1""}"`,
    '',
  ]);
  const fee = linesOf(february).find(({ usage }) => usage === null);
  const none = await api.send('get', behind(february, fee), { key: api.key });
  expect([none.status, none.body['detail']]).toEqual([404, expect.stringContaining('no meter counted')]);
});

test('a subscription that rests or has ended has no upcoming invoice', async () => {
  const { subscription } = await subscribe();
  await post(`/v1/subscriptions/${subscription}/cancel`, { mode: 'now' }, 200);
  const reply = await api.send('get', `/v1/invoices/upcoming?subscription=${subscription}`, { key: api.key });
  expect([reply.status, reply.body['code']]).toEqual([404, 'not_found']);
});

test('a second subscription on the meter is refused with the name of the first', async () => {
  const { customer, subscription } = await subscribe();
  const reply = await api.send('post', '/v1/subscriptions', { key: api.key, body: { customer, plan } });
  expect(reply.status).toBe(409);
  expect(reply.body).toMatchObject({ code: 'meter_claimed', details: { subscription, item: 'traffic' } });
  const own = await post('/v1/subscriptions', { customer, plan, usage_scope: 'subscription' });
  expect(own['usage_scope']).toBe('subscription');
});
