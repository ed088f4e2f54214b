import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { query } from '../../src/persistence/rows.ts';
import type { Reply } from '../support/api.ts';
import { ago, amended, type CorrectionsApi, event, openCorrectionsApi } from '../support/corrections.ts';

let api: CorrectionsApi;
beforeAll(async () => {
  api = await openCorrectionsApi();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

/** Events that count 1 each: two of three at the same moment, the others one after the other. */
async function plant(customer: string, start: string, count: number): Promise<void> {
  await api.database.withTenant(api.tenantId, (tx) =>
    query(
      tx,
      sql`with sent as (
          select 'old-' || i as key, ${start}::timestamptz + (i % 3) / 2 * i * interval '10 milliseconds' as at
          from generate_series(0, ${count - 1}::int) i
        ), keyed as (
          insert into usage_event_keys (tenant_id, key, digest, event_at) select ${api.tenantId}, key, '', at from sent
        ) insert into usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
          select ${api.tenantId}, key, 'call', ${customer}, at, '{"n":1}', now() from sent`,
    ),
  );
}

describe('a backfill', () => {
  const opened = async (customer: string, more: object = {}): Promise<Reply> => {
    const timeframe = { timeframe_start: ago(5), timeframe_end: ago(1) };
    const made = await api.post('/v1/backfills', { customer, ...timeframe, ...more });
    expect(made).toMatchObject({ status: 201, body: { status: 'open' } });
    return made;
  };
  const pathOf = (made: Reply) => `/v1/backfills/${String(made.body['id'])}`;
  const close = (made: Reply) => api.post(`${pathOf(made)}/close`);
  const revert = (made: Reply) => api.post(`${pathOf(made)}/revert`);

  test('takes the place of a time at once when it is closed, and gives it back when it is reverted', async () => {
    const customer = await api.newCustomer();
    await api.send(
      event('b-1', { n: 10, customer }),
      event('b-2', { n: 20, customer, at: ago(4) }),
      event('b-3', { n: 100, customer, at: ago(0.5) }),
    );
    const made = await opened(customer, { note: 'counted twice' });
    const events = [event('b-1', { n: 1, customer }), event('b-9', { n: 2, customer })];
    const sent = await api.post(`${pathOf(made)}/events`, { events });
    expect(sent.body).toMatchObject({ accepted: 2, rejected: 0 });
    expect((await api.post(`${pathOf(made)}/events`, { events })).body).toMatchObject({ duplicates: 2 });
    const during = await api.total(customer);
    expect(during.n).toBe('130');
    const closed = await close(made);
    expect(closed.body).toMatchObject({
      status: 'closed',
      counts: { staged: 0, voided: 2, inserted: 2, duplicates: 0 },
    });
    const after = await api.total(customer);
    expect(after.n).toBe('103');
    expect((await close(made)).body['code']).toBe('backfill_not_open');
    expect((await revert(made)).body).toMatchObject({ status: 'reverted' });
    expect(await api.n(customer)).toBe('130');
    expect((await api.total(customer, during.snapshot)).n).toBe('130');
    expect((await api.total(customer, after.snapshot)).n).toBe('103');
    expect((await revert(made)).body['code']).toBe('backfill_not_revertible');
    const history = await api.get('/v1/events/b-1');
    expect(history.body['revisions']).toMatchObject([
      { revision: 1, backfill: made.body['id'], corrections: [{ reason: 'reverted' }] },
      {
        revision: 0,
        corrections: [{ reason: 'backfilled', note: 'counted twice', restored_at: expect.any(String) }],
      },
    ]);
  });

  test('that only adds leaves what is there, and leaves out what counts already', async () => {
    const customer = await api.newCustomer();
    await api.send(event('s-1', { n: 10, customer }));
    const made = await opened(customer, { replace: false });
    const events = [event('s-1', { n: 1, customer }), event('s-2', { n: 2, customer })];
    await api.post(`${pathOf(made)}/events`, { events });
    expect((await close(made)).body).toMatchObject({ counts: { voided: 0, inserted: 1, duplicates: 1 } });
    expect(await api.n(customer)).toBe('12');
    await revert(made);
    expect(await api.n(customer)).toBe('10');
  });

  test('for some names and one customer touches nobody else', async () => {
    const [customer, other] = [await api.newCustomer(), await api.newCustomer()];
    await api.send(
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
    const sent = await api.post(`${pathOf(made)}/events`, { events });
    const data = sent.body['data'] as { code?: string }[];
    expect(data.map(({ code }) => code)).toEqual([
      undefined,
      'other_customer',
      'other_event_name',
      'outside_timeframe',
      'too_old',
    ]);
    expect((await close(made)).body).toMatchObject({ counts: { voided: 1, inserted: 1 } });
    expect([await api.n(customer), await api.n(other)]).toEqual(['8', '4']);
    const volume = await api.get(`/v1/events?customer=${customer}&event_name=other`);
    expect(volume.body['data']).toMatchObject([{ idempotency_key: 'o-2', voided: null }]);
  });

  test('is atomic to counts and to whoever sends into its time meanwhile', async () => {
    const customer = await api.newCustomer();
    const old = Array.from({ length: 300 }, (_, i) => event(`at-${i}`, { n: 1, customer }));
    await api.send(...old);
    const made = await opened(customer);
    const instead = Array.from({ length: 200 }, (_, i) => event(`new-${i}`, { n: 1, customer }));
    await api.post(`${pathOf(made)}/events`, { events: instead });
    let isOver = false;
    const seen = new Set<string>();
    let late = 0;
    const watch = async () => {
      while (!isOver) seen.add(await api.n(customer));
    };
    const sending = async () => {
      while (!isOver) {
        late += 1;
        // A thousand tells late ones from those that are replaced.
        await api.send(event(`late-${late}`, { n: 1_000, customer }));
      }
    };
    const closing = Promise.all([close(made), close(made)]).finally(() => {
      isOver = true;
    });
    await Promise.all([watch(), sending(), closing]);
    const statuses = (await closing).map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, 409]);
    seen.add(await api.n(customer));
    for (const count of seen) expect([200, 300]).toContain(Number(count) % 1_000);
    // Whoever came before the close gave way, whoever came after it counts.
    const shown = await api.get(pathOf(made));
    const { voided } = shown.body['counts'] as { voided: number };
    expect(Number(await api.n(customer))).toBe(200 + 1_000 * (late - (voided - 300)));
    await revert(made);
    expect(Number(await api.n(customer))).toBe(300 + 1_000 * late);
  }, 120_000);

  test('brought events that are amended go away with it, and what was amended since is not doubled', async () => {
    const customer = await api.newCustomer();
    await api.send(event('r-1', { n: 1, customer }), event('r-2', { n: 2, customer }));
    const made = await opened(customer);
    await api.post(`${pathOf(made)}/events`, { events: [event('r-3', { n: 4, customer })] });
    await close(made);
    await api.put('/v1/events/r-3', amended({ n: 5, customer }));
    await api.put('/v1/events/r-1', amended({ n: 8, customer }));
    expect(await api.n(customer)).toBe('13');
    await revert(made);
    expect(await api.n(customer)).toBe('10');
  });

  test('of tens of thousands is closed and reverted at once, whether they are of one moment or of many', async () => {
    const customer = await api.newCustomer();
    const start = ago(4);
    await plant(customer, start, 21_000);
    const made = await opened(customer);
    for (let from = 0; from < 11_000; from += 1_000) {
      // Of each two one has the key of an event that gives way.
      const keyOf = (at: number) => (at % 2 === 0 ? `old-${at}` : `instead-${at}`);
      const events = Array.from({ length: 1_000 }, (_, i) => event(keyOf(from + i), { n: 3, customer }));
      expect((await api.post(`${pathOf(made)}/events`, { events })).body).toMatchObject({ accepted: 1_000 });
    }
    expect((await close(made)).body).toMatchObject({
      status: 'closed',
      counts: { staged: 0, voided: 21_000, inserted: 11_000, duplicates: 0 },
    });
    expect(await api.n(customer)).toBe('33000');
    expect((await revert(made)).body).toMatchObject({ status: 'reverted' });
    expect(await api.n(customer)).toBe('21000');
  }, 300_000);

  test('whose time is over is neither closed nor reverted', async () => {
    const customer = await api.newCustomer();
    const timeframe = { timeframe_start: ago(24 * 9), timeframe_end: ago(24 * 8) };
    const [open, done] = [await opened(customer, timeframe), await opened(customer, timeframe)];
    await close(done);
    await api.lateWindow(7);
    expect((await close(open)).body['code']).toBe('usage_event_closed');
    expect((await revert(done)).body['code']).toBe('backfill_not_revertible');
    await api.lateWindow(35);
    expect((await revert(done)).status).toBe(200);
  });

  test('is reverted after those that were closed later', async () => {
    const customer = await api.newCustomer();
    await api.send(event('l-1', { n: 1, customer }));
    const [first, second] = [await opened(customer), await opened(customer)];
    await api.post(`${pathOf(first)}/events`, { events: [event('l-2', { n: 2, customer })] });
    await api.post(`${pathOf(second)}/events`, { events: [event('l-2', { n: 4, customer })] });
    await close(first);
    await close(second);
    expect(await api.n(customer)).toBe('4');
    const early = await revert(first);
    expect(early).toMatchObject({
      status: 409,
      body: { code: 'backfill_not_revertible', details: { backfill: second.body['id'] } },
    });
    await revert(second);
    expect(await api.n(customer)).toBe('2');
    await revert(first);
    expect(await api.n(customer)).toBe('1');
  });

  test('is canceled with its events, and none is opened for what is too old or has not happened', async () => {
    const customer = await api.newCustomer();
    const made = await opened(customer);
    await api.post(`${pathOf(made)}/events`, { events: [event('c-1', { n: 1, customer })] });
    expect((await api.post(`${pathOf(made)}/cancel`)).body).toMatchObject({
      status: 'canceled',
      counts: { staged: 0 },
    });
    expect((await close(made)).status).toBe(409);
    expect(await api.n(customer)).toBe('0');
    const bad: [object, string][] = [
      [{ timeframe_start: ago(24 * 36), timeframe_end: ago(1) }, 'timeframe_start'],
      [{ timeframe_start: ago(1), timeframe_end: ago(-2) }, 'timeframe_end'],
      [{ timeframe_start: ago(1), timeframe_end: ago(2) }, 'timeframe_end'],
      [{ timeframe_start: ago(2), timeframe_end: ago(1), customer: 'external:nobody' }, 'customer'],
    ];
    for (const [body, path] of bad)
      expect(await api.post('/v1/backfills', body)).toMatchObject({
        status: 422,
        body: { errors: [{ path }] },
      });
    const listed = await api.get(`/v1/backfills?customer=${customer}&status=canceled`);
    expect(listed.body['data']).toHaveLength(1);
  });
});
