import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { ingestedOut } from '../../src/contract/usage-events.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;
let tenantId: string;
let owner: pg.Client;
let customer: string;

beforeAll(async () => {
  api = await startTestApi();
  ({ key, tenantId } = await api.tenant());
  owner = new pg.Client({ connectionString: api.ownerUrl });
  await owner.connect();
  const made = await api.send('post', '/v1/customers', { key, body: { name: 'Ada', external_id: 'ada' } });
  customer = String(made.body['id']);
});
afterAll(async () => {
  await owner?.end();
  await api?.[Symbol.asyncDispose]();
});

let count = 0;
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const fresh = (more: object = {}) => {
  count += 1;
  const event = {
    idempotency_key: `event-${count}`,
    event_name: 'call',
    customer_id: customer,
    timestamp: ago(1),
  };
  return { ...event, properties: { n: 1 }, ...more };
};

async function send(body: unknown, path = '/v1/events') {
  const reply = await api.send('post', path, { key, body });
  if (reply.status === 200) ingestedOut.parse(reply.body);
  const data = (reply.body['data'] ?? []) as { status: string; code?: string; path?: string }[];
  return { ...reply, data, tallied: data.map(({ status, code }) => code ?? status) };
}

const stored = async (where = 'true') =>
  (
    await owner.query<Record<string, unknown>>(
      `select * from usage_events where tenant_id = $1 and ${where} order by ingest_xid, key`,
      [tenantId],
    )
  ).rows;

describe('events of use', () => {
  test('are stored when they are acknowledged, once, in one request or in many', async () => {
    const [one, two, three] = [fresh(), fresh(), fresh()];
    expect((await send({ events: [one, two, one] })).tallied).toEqual(['accepted', 'accepted', 'duplicate']);
    expect((await send([two, three])).tallied).toEqual(['duplicate', 'accepted']);
    expect((await send(three)).body).toEqual({
      object: 'list',
      data: [{ idempotency_key: three.idempotency_key, status: 'duplicate' }],
      accepted: 0,
      duplicates: 1,
      rejected: 0,
    });
    const keys = [one, two, three].map(({ idempotency_key }) => idempotency_key);
    const kept = (await stored()).map(({ key }) => key);
    expect(kept).toHaveLength(keys.length);
    expect(new Set(kept)).toEqual(new Set(keys));
  });

  test('say the same again in whatever order, and nothing else under the same key', async () => {
    const event = fresh({ properties: { a: 1, b: 'x' } });
    await send(event);
    const turned = {
      properties: { b: 'x', a: 1.0 },
      ...Object.fromEntries(Object.entries(event).slice(0, 4).reverse()),
    };
    expect((await send(turned)).tallied).toEqual(['duplicate']);
    const others = [{ event_name: 'other' }, { properties: { a: 2, b: 'x' } }, { timestamp: ago(2) }];
    for (const other of others)
      expect((await send({ ...event, ...other })).tallied).toEqual(['idempotency_key_reused']);
    const pair = [fresh(), { ...event, idempotency_key: `event-${count}`, event_name: 'other' }];
    expect((await send(pair)).tallied).toEqual(['accepted', 'idempotency_key_reused']);
  });

  test('are refused one by one, with the field and the reason, and their keys stay free', async () => {
    const unknown = `cus_${'0'.repeat(26)}`;
    const wrong = [
      [fresh({ customer_id: unknown }), 'customer_not_found', 'customer_id'],
      [fresh({ timestamp: ago(36 * 24 * 60) }), 'too_old', 'timestamp'],
      [fresh({ timestamp: ago(-6) }), 'in_future', 'timestamp'],
      [fresh({ subscription_id: `sub_${'0'.repeat(26)}` }), 'subscription_not_found', 'subscription_id'],
    ] as const;
    const good = fresh();
    const { data } = await send({ events: [...wrong.map(([event]) => event), good] });
    expect(data.slice(0, -1)).toEqual(
      wrong.map(([event, code, path]) =>
        expect.objectContaining({ idempotency_key: event.idempotency_key, status: 'rejected', code, path }),
      ),
    );
    expect(data.at(-1)?.status).toBe('accepted');
    const mended = wrong.map(([event]) => ({ ...good, idempotency_key: event.idempotency_key }));
    expect((await send(mended)).body['accepted']).toBe(mended.length);
    // The first with a key is refused, so the second is the event.
    const late = fresh({ timestamp: ago(-6) });
    expect((await send([late, { ...late, timestamp: ago(0) }])).tallied).toEqual(['in_future', 'accepted']);
  });

  test('of customers that are not there yet are kept', async () => {
    const event = { ...fresh({ external_customer_id: 'later' }), customer_id: undefined };
    expect((await send(event)).tallied).toEqual(['accepted']);
    expect(
      (await send({ ...fresh({ external_customer_id: 'ada' }), customer_id: undefined })).tallied,
    ).toEqual(['accepted']);
    expect((await stored(`external_customer_id is not null`)).map(({ customer_id }) => customer_id)).toEqual([
      null,
      customer,
    ]);
  });

  test('are rehearsed without a trace', async () => {
    const event = fresh();
    const rehearsed = await send([event, event, { ...event, event_name: 'x' }, 1], '/v1/events?dry_run=true');
    expect(rehearsed.tallied).toEqual(['accepted', 'duplicate', 'idempotency_key_reused', 'type_invalid']);
    expect(await stored(`key = '${event.idempotency_key}'`)).toEqual([]);
    expect((await send(event)).tallied).toEqual(['accepted']);
  });

  test('of a test clock are old or early by the time of that clock', async () => {
    const clock = await api.send('post', '/v1/test_clocks', { key, body: { now: '2031-05-01T00:00:00Z' } });
    const body = { name: 'Clock', external_id: 'clock', test_clock: clock.body['id'] };
    await api.send('post', '/v1/customers', { key, body });
    const at = (timestamp: string) => ({
      ...fresh({ external_customer_id: 'clock', timestamp }),
      customer_id: undefined,
    });
    const sent = await send([at('2031-05-01T00:00:00Z'), at('2031-05-01T00:06:00Z'), at(ago(1))]);
    expect(sent.tallied).toEqual(['accepted', 'in_future', 'too_old']);
  });

  test('keep their values to the digit', async () => {
    const properties = {
      a: 0.1,
      b: 123456789012.345,
      c: '1.000000000001',
      d: 1e-7,
      e: true,
      f: '',
      g: 999999999999999,
    };
    const event = fresh({ properties });
    await send(event);
    const [row] = await stored(`key = '${event.idempotency_key}'`);
    expect(row?.['properties']).toEqual(properties);
    const { rows } = await owner.query(`select properties ->> 'd' as d from usage_events where key = $1`, [
      event.idempotency_key,
    ]);
    expect(rows).toEqual([{ d: '0.0000001' }]);
  });
});

describe('poison', () => {
  const text = (properties: string, more = '') =>
    `{"idempotency_key":"NEXT","event_name":"call","customer_id":"OWNER","timestamp":"${ago(1)}","properties":${properties}${more}}`;
  const named = (body: string) =>
    body.replaceAll('NEXT', () => String(fresh().idempotency_key)).replaceAll('OWNER', customer);
  const poison: [what: string, event: string, code: string, path: string][] = [
    ['1e400', text('{"n":1e400}'), 'too_big', 'properties.n'],
    ['u64 overflow', text('{"n":18446744073709551616}'), 'too_big', 'properties.n'],
    ['more digits than a double holds', text('{"n":9007199254740993}'), 'number_inexact', 'properties.n'],
    ['many decimals', text('{"n":0.12345678901234567}'), 'too_big', 'properties.n'],
    ['__proto__', text('{"__proto__":{"x":1}}'), 'key_invalid', 'properties.__proto__'],
    ['half a surrogate pair', text('{"n":"\\ud800"}'), 'character_invalid', 'properties.n'],
    ['NUL', text('{"n":"\\u0000"}'), 'character_invalid', 'properties.n'],
    ['a name twice', text('{"n":1,"n":2}'), 'name_twice', 'properties.n'],
    ['a field twice', text('{}', ',"event_name":"other"'), 'name_twice', 'event_name'],
    ['depth', text(`{"n":${'['.repeat(10_000)}${']'.repeat(10_000)}}`), 'type_invalid', 'properties.n'],
    ['null', text('{"n":null}'), 'type_invalid', 'properties.n'],
    ['an unknown field', text('{}', ',"amount":1'), 'unknown_field', 'amount'],
  ];

  test('is refused, and its neighbours are accepted', async () => {
    const events = poison.flatMap(([, event]) => [event, text('{"n":1}')]);
    const reply = await send(named(`{"events":[${events.join(',')}]}`));
    expect(reply.status).toBe(200);
    expect(reply.data.filter((_item, index) => index % 2 === 1).map(({ status }) => status)).toEqual(
      poison.map(() => 'accepted'),
    );
    expect(
      reply.data.filter((_item, index) => index % 2 === 0).map(({ code, path }) => [code, path]),
    ).toEqual(poison.map(([, , code, path]) => [code, path]));
  });

  test.each(poison)('%s alone', async (_what, event, code) => {
    expect((await send(named(event))).tallied).toEqual([code]);
  });

  test('that is no list of events is a problem', async () => {
    const bodies: [unknown, number][] = [
      ['{"events":[NaN]}', 400],
      ['', 400],
      [{ events: [] }, 422],
      [{ events: Array.from({ length: 1_001 }, () => 1) }, 422],
      [{ events: [fresh()], other: 1 }, 422],
      [`{"events":[${text('{}')}],"events":[]}`, 422],
      [`{"events":[],"events":[${text('{}')}]}`, 400],
      [`"${'x'.repeat(1_100_000)}"`, 413],
      [new Uint8Array([0x22, 0xff, 0x22]), 400],
    ];
    for (const [body, status] of bodies) expect((await send(body)).status).toBe(status);
  });
});
