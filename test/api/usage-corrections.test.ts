import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { CountingRule } from '../../src/domain/meter.ts';
import { countUsage } from '../../src/persistence/count-usage.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { query } from '../../src/persistence/rows.ts';
import { forgetOldKeys } from '../../src/persistence/usage-months.ts';
import { type Reply, startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let tenantId: string;
let key: string;

beforeAll(async () => {
  api = await startTestApi();
  ({ tenantId, key } = await api.tenant());
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown = {}) => api.send('post', path, { key, body });
const put = (path: string, body: unknown) => api.send('put', path, { key, body });
const get = (path: string) => api.send('get', path, { key });
const HOUR_MS = 3_600_000;
const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();
const newCustomer = async () => String((await post('/v1/customers', { name: 'Ada' })).body['id']);

type Sent = { n: number; customer: string; at?: string; name?: string };
const event = (idempotencyKey: string, { n, customer, at = ago(2), name = 'call' }: Sent) => ({
  idempotency_key: idempotencyKey,
  event_name: name,
  customer_id: customer,
  timestamp: at,
  properties: { n },
});
const amended = (sent: Sent, note?: string) => {
  const { idempotency_key: _key, ...said } = event('', sent);
  return { ...said, ...(note ? { note } : {}) };
};
async function send(...events: object[]): Promise<void> {
  const reply = await post('/v1/events', { events });
  expect(reply.body).toMatchObject({ accepted: events.length });
}

async function lateWindow(days: number): Promise<void> {
  await api.database.asSystem('another window', (tx) =>
    query(tx, sql`update tenants set late_window_days = ${days} where id = ${tenantId}`),
  );
}

/** What a meter that adds up `n` counts for a customer, now or as it was seen then. */
async function total(customer: string, snapshot?: string): Promise<{ n: string; snapshot: string }> {
  const rule: CountingRule = {
    tenantId,
    meterId: 'mtr',
    version: 1,
    groupBy: [],
    rounding: null,
    eventName: 'call',
    aggregation: 'sum',
    property: 'n',
    factorProperty: null,
    filters: [],
    bucket: null,
  };
  return api.database.withTenant(tenantId, async (tx) => {
    const counted = await countUsage(tx, rule, {
      customerId: customer,
      subscription: null,
      start: new Date(ago(24 * 60)),
      end: new Date(ago(-1)),
      timeZone: 'UTC',
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    return { n: counted.quantity.toFixed(), snapshot: counted.snapshot };
  });
}
const n = async (customer: string) => (await total(customer)).n;

describe('an event', () => {
  test('is amended: another revision counts, the former stays, and counts made before see it as it was', async () => {
    const customer = await newCustomer();
    await send(event('a-1', { n: 5, customer }), event('a-2', { n: 1, customer }));
    const before = await total(customer);
    expect(before.n).toBe('6');
    const reply = await put('/v1/events/a-1', amended({ n: 7, customer }, 'counted wrong'));
    expect(reply).toMatchObject({
      status: 200,
      body: { revision: 1, properties: { n: 7 }, voided: null },
    });
    expect(await n(customer)).toBe('8');
    expect((await total(customer, before.snapshot)).n).toBe('6');
    const shown = await get('/v1/events/a-1');
    const { revisions } = shown.body as { revisions: Record<string, unknown>[] };
    expect(revisions).toMatchObject([
      { revision: 1, corrections: [] },
      {
        revision: 0,
        properties: { n: 5 },
        voided: { reason: 'amended' },
        corrections: [
          { reason: 'amended', note: 'counted wrong', by: expect.stringMatching(/^key_/), restored_at: null },
        ],
      },
    ]);
    expect(JSON.stringify(revisions)).not.toContain('undefined');
  });

  test('amended twice the same way is amended once, and its first sender may repeat himself', async () => {
    const customer = await newCustomer();
    const sent = event('again', { n: 1, customer });
    await send(sent);
    for (const _ of [1, 2])
      expect((await put('/v1/events/again', amended({ n: 2, customer, at: ago(1) }))).status).toBe(200);
    const at = ago(1);
    const [one, two] = [
      await put('/v1/events/again', amended({ n: 3, customer, at })),
      await put('/v1/events/again', amended({ n: 3, customer, at })),
    ];
    expect(two.body['revision']).toBe(one.body['revision']);
    expect((await post('/v1/events', { events: [sent] })).body).toMatchObject({ duplicates: 1 });
    expect(await n(customer)).toBe('3');
  });

  test('amended by many at once counts once', async () => {
    const customer = await newCustomer();
    await send(event('race', { n: 1, customer }));
    const replies = await Promise.all(
      [2, 3, 4, 5, 6].map((value) => put('/v1/events/race', amended({ n: value, customer }))),
    );
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const last = replies.find(({ body }) => body['revision'] === 5);
    expect(last?.body['properties']).toEqual({ n: Number(await n(customer)) });
  });

  test('finds its customer anew, also by the id that the tenant has for him', async () => {
    const [one, other] = [await newCustomer(), await newCustomer()];
    const third = String((await post('/v1/customers', { name: 'Eve', external_id: 'eve' })).body['id']);
    await send(event('moved', { n: 4, customer: one }));
    await put('/v1/events/moved', amended({ n: 4, customer: other }));
    expect([await n(one), await n(other)]).toEqual(['0', '4']);
    const { customer_id: _id, ...said } = amended({ n: 5, customer: other });
    for (const _ of [1, 2]) {
      const reply = await put('/v1/events/moved', { ...said, external_customer_id: 'eve' });
      expect(reply.body).toMatchObject({ customer_id: third, revision: 2 });
    }
    expect([await n(other), await n(third)]).toEqual(['0', '5']);
  });

  test('is deprecated: it stays and counts no more, until it is amended', async () => {
    const customer = await newCustomer();
    const sent = event('d/1 ä', { n: 9, customer });
    await send(sent);
    const path = `/v1/events/${encodeURIComponent('d/1 ä')}`;
    for (const _ of [1, 2]) {
      const reply = await post(`${path}/deprecate`, { note: 'a test call' });
      expect(reply.body).toMatchObject({ voided: { reason: 'deprecated', note: 'a test call' } });
    }
    expect(await n(customer)).toBe('0');
    expect((await post('/v1/events', { events: [sent] })).body).toMatchObject({ duplicates: 1 });
    expect(await n(customer)).toBe('0');
    await put(path, amended({ n: 2, customer }));
    expect(await n(customer)).toBe('2');
  });

  test('that nobody sent, or that is too old, is not corrected, and neither is one corrected to nonsense', async () => {
    const customer = await newCustomer();
    expect((await put('/v1/events/nobody', amended({ n: 1, customer }))).status).toBe(404);
    expect((await post('/v1/events/nobody/deprecate')).status).toBe(404);
    const at = ago(24 * 34);
    await send(event('old', { n: 1, customer, at }), event('young', { n: 1, customer }));
    await lateWindow(7);
    const closed = [
      await put('/v1/events/old', amended({ n: 2, customer })),
      await post('/v1/events/old/deprecate'),
    ];
    for (const { status, body } of closed)
      expect({ status, code: body['code'] }).toEqual({ status: 409, code: 'usage_event_closed' });
    await lateWindow(35);
    const far = await put('/v1/events/young', amended({ n: 1, customer, at: ago(24 * 36) }));
    expect(far).toMatchObject({ status: 422, body: { errors: [{ path: 'timestamp', code: 'too_old' }] } });
    const bad: [object, string][] = [
      [{ ...amended({ n: 1, customer }), colour: 'red' }, 'colour'],
      [{ ...amended({ n: 1, customer }), idempotency_key: 'x' }, 'idempotency_key'],
      [{ ...amended({ n: 1, customer }), note: 7 }, 'note'],
      [{ event_name: 'call' }, 'customer_id'],
    ];
    for (const [body, path] of bad)
      expect(await put('/v1/events/young', body)).toMatchObject({
        status: 422,
        body: { errors: [{ path }] },
      });
    const exact = `{"event_name":"call","customer_id":"${customer}","timestamp":"${ago(1)}","properties":{"n":12345678901234567.5}}`;
    expect((await put('/v1/events/young', exact)).status).toBe(422);
    expect(await n(customer)).toBe('2');
  });
});

describe('a key', () => {
  test('names another event once the first would be too old, and what is said of the one is not said of the other', async () => {
    const customer = await newCustomer();
    const long = { customer, at: ago(24 * 20) };
    await send(event('reused', { n: 1, ...long }), event('mended', { n: 2, ...long }));
    await post('/v1/events/mended/deprecate');
    await lateWindow(7);
    await api.database.asSystem('test', (tx) => forgetOldKeys(tx, new Date(), 1_000));
    const again = [event('reused', { n: 4, customer }), event('mended', { n: 8, customer })];
    const sent = await post('/v1/events', { events: again });
    // What was corrected keeps its key for good.
    expect(sent.body['data']).toMatchObject([
      { status: 'accepted' },
      { status: 'rejected', code: 'idempotency_key_reused' },
    ]);
    expect(await n(customer)).toBe('5');
    const shown = await get('/v1/events/reused');
    expect(shown.body).toMatchObject({ revision: 0, properties: { n: 4 } });
    expect(shown.body['revisions']).toHaveLength(1);
    await post('/v1/events/reused/deprecate', { note: 'never happened' });
    expect(await n(customer)).toBe('1');
    const found = await get(`/v1/events?customer=${customer}&limit=10`);
    expect(found.body['data']).toMatchObject([
      { idempotency_key: 'reused', properties: { n: 4 }, voided: { reason: 'deprecated' } },
      { idempotency_key: 'reused', properties: { n: 1 }, voided: null },
      { idempotency_key: 'mended', properties: { n: 2 }, voided: { reason: 'deprecated' } },
    ]);
    await put('/v1/events/reused', amended({ n: 16, customer }));
    expect(await n(customer)).toBe('17');
    expect(await askRows(api.database, new Date())).toEqual([]);
    await lateWindow(35);
  });
});

/** Events that count 1 each: two of three at the same moment, the others one after the other. */
async function plant(customer: string, start: string, count: number): Promise<void> {
  await api.database.withTenant(tenantId, (tx) =>
    query(
      tx,
      sql`with sent as (
          select 'old-' || i as key, ${start}::timestamptz + (i % 3) / 2 * i * interval '10 milliseconds' as at
          from generate_series(0, ${count - 1}::int) i
        ), keyed as (
          insert into usage_event_keys (tenant_id, key, digest, event_at) select ${tenantId}, key, '', at from sent
        ) insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
          select ${tenantId}, key, 'call', ${customer}, at, '{"n":1}', now() from sent`,
    ),
  );
}

describe('a backfill', () => {
  const opened = async (customer: string, more: object = {}): Promise<Reply> => {
    const timeframe = { timeframe_start: ago(5), timeframe_end: ago(1) };
    const made = await post('/v1/backfills', { customer, ...timeframe, ...more });
    expect(made).toMatchObject({ status: 201, body: { status: 'open' } });
    return made;
  };
  const pathOf = (made: Reply) => `/v1/backfills/${String(made.body['id'])}`;
  const close = (made: Reply) => post(`${pathOf(made)}/close`);
  const revert = (made: Reply) => post(`${pathOf(made)}/revert`);

  test('takes the place of a time at once when it is closed, and gives it back when it is reverted', async () => {
    const customer = await newCustomer();
    await send(
      event('b-1', { n: 10, customer }),
      event('b-2', { n: 20, customer, at: ago(4) }),
      event('b-3', { n: 100, customer, at: ago(0.5) }),
    );
    const made = await opened(customer, { note: 'counted twice' });
    const events = [event('b-1', { n: 1, customer }), event('b-9', { n: 2, customer })];
    const sent = await post(`${pathOf(made)}/events`, { events });
    expect(sent.body).toMatchObject({ accepted: 2, rejected: 0 });
    expect((await post(`${pathOf(made)}/events`, { events })).body).toMatchObject({ duplicates: 2 });
    const during = await total(customer);
    expect(during.n).toBe('130');
    const closed = await close(made);
    expect(closed.body).toMatchObject({
      status: 'closed',
      counts: { staged: 0, voided: 2, inserted: 2, duplicates: 0 },
    });
    const after = await total(customer);
    expect(after.n).toBe('103');
    expect((await close(made)).body['code']).toBe('backfill_not_open');
    expect((await revert(made)).body).toMatchObject({ status: 'reverted' });
    expect(await n(customer)).toBe('130');
    expect((await total(customer, during.snapshot)).n).toBe('130');
    expect((await total(customer, after.snapshot)).n).toBe('103');
    expect((await revert(made)).body['code']).toBe('backfill_not_revertible');
    const history = await get('/v1/events/b-1');
    expect(history.body['revisions']).toMatchObject([
      { revision: 1, backfill: made.body['id'], corrections: [{ reason: 'reverted' }] },
      {
        revision: 0,
        corrections: [{ reason: 'backfilled', note: 'counted twice', restored_at: expect.any(String) }],
      },
    ]);
  });

  test('that only adds leaves what is there, and leaves out what counts already', async () => {
    const customer = await newCustomer();
    await send(event('s-1', { n: 10, customer }));
    const made = await opened(customer, { replace: false });
    const events = [event('s-1', { n: 1, customer }), event('s-2', { n: 2, customer })];
    await post(`${pathOf(made)}/events`, { events });
    expect((await close(made)).body).toMatchObject({ counts: { voided: 0, inserted: 1, duplicates: 1 } });
    expect(await n(customer)).toBe('12');
    await revert(made);
    expect(await n(customer)).toBe('10');
  });

  test('for some names and one customer touches nobody else', async () => {
    const [customer, other] = [await newCustomer(), await newCustomer()];
    await send(
      event('o-1', { n: 1, customer }),
      event('o-2', { n: 2, customer, name: 'other' }),
      event('o-3', { n: 4, customer: other }),
    );
    const made = await opened(customer, { event_names: ['call'] });
    const events = [
      event('o-4', { n: 8, customer }),
      event('o-5', { n: 8, customer: other }),
      event('o-6', { n: 8, customer, name: 'other' }),
      event('o-7', { n: 8, customer, at: ago(0.5) }),
      event('o-8', { n: 8, customer, at: ago(24 * 400) }),
    ];
    const sent = await post(`${pathOf(made)}/events`, { events });
    const data = sent.body['data'] as { code?: string }[];
    expect(data.map(({ code }) => code)).toEqual([
      undefined,
      'other_customer',
      'other_event_name',
      'outside_timeframe',
      'too_old',
    ]);
    expect((await close(made)).body).toMatchObject({ counts: { voided: 1, inserted: 1 } });
    expect([await n(customer), await n(other)]).toEqual(['8', '4']);
    const volume = await get(`/v1/events?customer=${customer}&event_name=other`);
    expect(volume.body['data']).toMatchObject([{ idempotency_key: 'o-2', voided: null }]);
  });

  test('is atomic to counts and to whoever sends into its time meanwhile', async () => {
    const customer = await newCustomer();
    const old = Array.from({ length: 300 }, (_, i) => event(`at-${i}`, { n: 1, customer }));
    await send(...old);
    const made = await opened(customer);
    const instead = Array.from({ length: 200 }, (_, i) => event(`new-${i}`, { n: 1, customer }));
    await post(`${pathOf(made)}/events`, { events: instead });
    let isOver = false;
    const seen = new Set<string>();
    let late = 0;
    const watch = async () => {
      while (!isOver) seen.add(await n(customer));
    };
    const sending = async () => {
      while (!isOver) {
        late += 1;
        // A thousand tells late ones from those that are replaced.
        await send(event(`late-${late}`, { n: 1_000, customer }));
      }
    };
    const closing = Promise.all([close(made), close(made)]).finally(() => {
      isOver = true;
    });
    await Promise.all([watch(), sending(), closing]);
    const statuses = (await closing).map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, 409]);
    seen.add(await n(customer));
    for (const count of seen) expect([200, 300]).toContain(Number(count) % 1_000);
    // Whoever came before the close gave way, whoever came after it counts.
    const shown = await get(pathOf(made));
    const { voided } = shown.body['counts'] as { voided: number };
    expect(Number(await n(customer))).toBe(200 + 1_000 * (late - (voided - 300)));
    await revert(made);
    expect(Number(await n(customer))).toBe(300 + 1_000 * late);
  }, 120_000);

  test('brought events that are amended go away with it, and what was amended since is not doubled', async () => {
    const customer = await newCustomer();
    await send(event('r-1', { n: 1, customer }), event('r-2', { n: 2, customer }));
    const made = await opened(customer);
    await post(`${pathOf(made)}/events`, { events: [event('r-3', { n: 4, customer })] });
    await close(made);
    await put('/v1/events/r-3', amended({ n: 5, customer }));
    await put('/v1/events/r-1', amended({ n: 8, customer }));
    expect(await n(customer)).toBe('13');
    await revert(made);
    expect(await n(customer)).toBe('10');
  });

  test('of tens of thousands is closed and reverted at once, whether they are of one moment or of many', async () => {
    const customer = await newCustomer();
    const start = ago(4);
    await plant(customer, start, 21_000);
    const made = await opened(customer);
    for (let from = 0; from < 11_000; from += 1_000) {
      // Of each two one has the key of an event that gives way.
      const keyOf = (at: number) => (at % 2 === 0 ? `old-${at}` : `instead-${at}`);
      const events = Array.from({ length: 1_000 }, (_, i) => event(keyOf(from + i), { n: 3, customer }));
      expect((await post(`${pathOf(made)}/events`, { events })).body).toMatchObject({ accepted: 1_000 });
    }
    expect((await close(made)).body).toMatchObject({
      status: 'closed',
      counts: { staged: 0, voided: 21_000, inserted: 11_000, duplicates: 0 },
    });
    expect(await n(customer)).toBe('33000');
    expect((await revert(made)).body).toMatchObject({ status: 'reverted' });
    expect(await n(customer)).toBe('21000');
  }, 300_000);

  test('whose time is over is neither closed nor reverted', async () => {
    const customer = await newCustomer();
    const timeframe = { timeframe_start: ago(24 * 9), timeframe_end: ago(24 * 8) };
    const [open, done] = [await opened(customer, timeframe), await opened(customer, timeframe)];
    await close(done);
    await lateWindow(7);
    expect((await close(open)).body['code']).toBe('usage_event_closed');
    expect((await revert(done)).body['code']).toBe('backfill_not_revertible');
    await lateWindow(35);
    expect((await revert(done)).status).toBe(200);
  });

  test('is reverted after those that were closed later', async () => {
    const customer = await newCustomer();
    await send(event('l-1', { n: 1, customer }));
    const [first, second] = [await opened(customer), await opened(customer)];
    await post(`${pathOf(first)}/events`, { events: [event('l-2', { n: 2, customer })] });
    await post(`${pathOf(second)}/events`, { events: [event('l-2', { n: 4, customer })] });
    await close(first);
    await close(second);
    expect(await n(customer)).toBe('4');
    const early = await revert(first);
    expect(early).toMatchObject({
      status: 409,
      body: { code: 'backfill_not_revertible', details: { backfill: second.body['id'] } },
    });
    await revert(second);
    expect(await n(customer)).toBe('2');
    await revert(first);
    expect(await n(customer)).toBe('1');
  });

  test('is canceled with its events, and none is opened for what is too old or has not happened', async () => {
    const customer = await newCustomer();
    const made = await opened(customer);
    await post(`${pathOf(made)}/events`, { events: [event('c-1', { n: 1, customer })] });
    expect((await post(`${pathOf(made)}/cancel`)).body).toMatchObject({
      status: 'canceled',
      counts: { staged: 0 },
    });
    expect((await close(made)).status).toBe(409);
    expect(await n(customer)).toBe('0');
    const bad: [object, string][] = [
      [{ timeframe_start: ago(24 * 36), timeframe_end: ago(1) }, 'timeframe_start'],
      [{ timeframe_start: ago(1), timeframe_end: ago(-2) }, 'timeframe_end'],
      [{ timeframe_start: ago(1), timeframe_end: ago(2) }, 'timeframe_end'],
      [{ timeframe_start: ago(2), timeframe_end: ago(1), customer: 'external:nobody' }, 'customer'],
    ];
    for (const [body, path] of bad)
      expect(await post('/v1/backfills', body)).toMatchObject({ status: 422, body: { errors: [{ path }] } });
    const listed = await get(`/v1/backfills?customer=${customer}&status=canceled`);
    expect(listed.body['data']).toHaveLength(1);
  });
});
