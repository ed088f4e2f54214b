import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { usageEventOut, usageVolumeOut } from '../../src/contract/usage-search.ts';
import { attributeStrangers } from '../../src/persistence/attribute-usage.ts';
import { placeEvents } from '../../src/persistence/relay.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;
let tenantId: string;
let owner: pg.Client;
const HOUR_MS = 3_600_000;
const base = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 24 * HOUR_MS;
const at = (minutes: number) => new Date(base + minutes * 60_000).toISOString();

beforeAll(async () => {
  api = await startTestApi();
  ({ key, tenantId } = await api.tenant());
  owner = new pg.Client({ connectionString: api.ownerUrl });
  await owner.connect();
  await api.send('post', '/v1/customers', { key, body: { name: 'Ada', external_id: 'ada' } });
  const event = (n: number, owner: string, name: string, properties: object) => ({
    idempotency_key: `e${n}`,
    event_name: name,
    external_customer_id: owner,
    timestamp: at(n * 20),
    properties,
  });
  const events = [
    ...Array.from({ length: 7 }, (_, n) =>
      event(n, 'ada', 'call', { region: n % 2 === 0 ? 'eu' : 'us', ms: n }),
    ),
    event(7, 'bob', 'call', {}),
    event(8, 'ada', 'store', { 'odd [name]': 'x' }),
  ];
  const sent = await api.send('post', '/v1/events', { key, body: { events } });
  expect(sent.body['accepted']).toBe(9);
  await owner.query(
    `insert into usage_voids (tenant_id, key, revision, event_name, event_at, reason, note, voided_at)
     select tenant_id, key, revision, event_name, event_at, 'deprecated', 'a mistake', now() from usage_events where key = 'e2'`,
  );
});
afterAll(async () => {
  await owner?.end();
  await api?.[Symbol.asyncDispose]();
});

async function search(query: string) {
  const reply = await api.send('get', `/v1/events?${query}`, { key });
  if (reply.status !== 200) throw new Error(reply.text);
  const events = (reply.body['data'] as unknown[]).map((event) => usageEventOut.parse(event));
  return {
    keys: events.map(({ idempotency_key }) => idempotency_key).join(' '),
    events,
    next: reply.body['next_cursor'] as string | null,
  };
}

test('are found by customer, name, time, property and whether they count, newest first', async () => {
  expect((await search('')).keys).toBe('e8 e7 e6 e5 e4 e3 e2 e1 e0');
  expect((await search('customer=external:ada&event_name=call')).keys).toBe('e6 e5 e4 e3 e2 e1 e0');
  expect((await search('external_customer_id=bob')).keys).toBe('e7');
  expect((await search(`timestamp[gte]=${at(40)}&timestamp[lt]=${at(100)}`)).keys).toBe('e4 e3 e2');
  expect((await search('property[region]=us&property[ms]=3')).keys).toBe('e3');
  expect((await search('property[odd%20[name]]=x')).keys).toBe('e8');
  expect((await search('voided=true')).events).toMatchObject([
    { idempotency_key: 'e2', revision: 0, voided: { reason: 'deprecated', note: 'a mistake' } },
  ]);
  expect((await search('voided=false&property[region]=eu')).keys).toBe('e6 e4 e0');
  const pages: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await search(`limit=4${cursor}`);
    pages.push(page.keys);
    if (page.next === null) break;
    cursor = `&cursor=${page.next}`;
  }
  expect(pages).toEqual(['e8 e7 e6 e5', 'e4 e3 e2 e1', 'e0']);
});

test('what cannot be asked is refused by name', async () => {
  const refusals: [string, string][] = [
    ['propert[x]=1', 'propert[x]'],
    ['property[x]=1&property[x]=2', 'property[x]'],
    ['timestamp[gte]=2020-01-01T00:00:00Z&timestamp[lt]=2021-01-01T00:00:00Z', 'timestamp[gte]'],
    ['cursor=nonsense', 'cursor'],
  ];
  for (const [query, path] of refusals) {
    const { status, body } = await api.send('get', `/v1/events?${query}`, { key });
    expect([status, body['errors']]).toEqual([422, [expect.objectContaining({ path })]]);
  }
  expect((await api.send('get', '/v1/events?customer=external:nobody', { key })).status).toBe(404);
});

test('are counted by hour and by day of a zone, with the hours in which there were none', async () => {
  const count = async (query: string) => {
    const reply = await api.send('get', `/v1/events/volume?${query}`, { key });
    return usageVolumeOut.parse(reply.body);
  };
  const hours = await count(`granularity=hour&from=${at(0)}&to=${at(240)}`);
  expect(hours.data).toEqual([
    { start: at(0), events: 3, counting: 2 },
    { start: at(60), events: 3, counting: 3 },
    { start: at(120), events: 3, counting: 3 },
    { start: at(180), events: 0, counting: 0 },
  ]);
  const half = await count(
    `granularity=hour&from=${at(0)}&to=${at(60)}&time_zone=Asia/Kolkata&event_name=call`,
  );
  expect(half.data.map(({ start }) => start)).toEqual([at(-30), at(30)]);
  const days = await count(`from=${at(0)}&to=${at(240)}&time_zone=Asia/Kathmandu`);
  expect(days.data.reduce((sum, { events }) => sum + events, 0)).toBe(9);
  expect((await api.send('get', `/v1/events/volume?from=${at(0)}&to=${at(0)}`, { key })).status).toBe(422);
});

test('volume is by the hours and days that clocks show, also where they are set by half an hour or at midnight', async () => {
  const starts = async (query: string) =>
    usageVolumeOut
      .parse((await api.send('get', `/v1/events/volume?${query}`, { key })).body)
      .data.map(({ start }) => start.slice(5, 16));
  expect(
    await starts(
      'granularity=hour&from=2027-10-02T14:00:00Z&to=2027-10-02T18:00:00Z&time_zone=Australia/Lord_Howe',
    ),
  ).toEqual(['10-02T13:30', '10-02T14:30', '10-02T16:00', '10-02T17:00']);
  // On 5 September Santiago has no midnight, and the days behind it have theirs again.
  expect(
    await starts('from=2027-09-04T12:00:00Z&to=2027-09-07T12:00:00Z&time_zone=America/Santiago'),
  ).toEqual(['09-04T04:00', '09-05T04:00', '09-06T03:00', '09-07T03:00']);
});

test('the feed that was here goes on answering who asks for it', async () => {
  const feed = (path: string) => api.send('get', path, { key });
  await api.database.asSystem('test', (tx) => placeEvents(tx, 100));
  const [event] = (await feed('/v1/webhook_events')).body['data'] as { id: string; type: string }[];
  for (const query of ['type=customer.created', 'after=0', `object_id=none`])
    expect((await feed(`/v1/events?${query}`)).body).toEqual(
      (await feed(`/v1/webhook_events?${query}`)).body,
    );
  expect((await feed(`/v1/events/${event?.id}`)).body).toEqual(
    (await feed(`/v1/webhook_events/${event?.id}`)).body,
  );
});

describe('a customer that comes later', () => {
  const owners = async (external: string) =>
    (
      await owner.query<{ owner: string | null; moved: boolean }>(
        `select customer_id as owner, ingest_xid::text::bigint > (select min(ingest_xid::text::bigint) from usage_events) as moved
       from usage_events where external_customer_id = $1 and tenant_id = $2`,
        [external, tenantId],
      )
    ).rows;

  test('has the events that named it, from the moment it is there', async () => {
    expect(await owners('bob')).toEqual([{ owner: null, moved: false }]);
    const bob = await api.send('post', '/v1/customers', { key, body: { name: 'Bob', external_id: 'bob' } });
    expect(await owners('bob')).toEqual([{ owner: bob.body['id'], moved: true }]);
    expect((await search('customer=external:bob')).keys).toBe('e7');
  });

  test('also when it gets its external id later, or came while they were on their way', async () => {
    const event = { event_name: 'call', timestamp: at(200) };
    const named = (owner: string) => ({
      ...event,
      idempotency_key: `for ${owner}`,
      external_customer_id: owner,
    });
    await api.send('post', '/v1/events', { key, body: [named('cid'), named('dan')] });
    const cid = await api.send('post', '/v1/customers', { key, body: { name: 'Cid' } });
    await api.send('patch', `/v1/customers/${String(cid.body['id'])}`, { key, body: { external_id: 'cid' } });
    expect(await owners('cid')).toMatchObject([{ owner: cid.body['id'] }]);

    const dan = await api.send('post', '/v1/customers', { key, body: { name: 'Dan' } });
    await owner.query(`update customers set external_id = 'dan' where id = $1`, [dan.body['id']]);
    expect(await api.database.asSystem('test', attributeStrangers)).toBe(1);
    expect(await owners('dan')).toMatchObject([{ owner: dan.body['id'] }]);
    expect(await api.database.asSystem('test', attributeStrangers)).toBe(0);
  });
});
