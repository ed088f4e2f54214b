import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { askRows } from '../../src/persistence/invariants.ts';
import { forgetOldKeys } from '../../src/persistence/usage-months.ts';
import { ago, amended, type CorrectionsApi, event, openCorrectionsApi } from '../support/corrections.ts';

let api: CorrectionsApi;
beforeAll(async () => {
  api = await openCorrectionsApi();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

describe('an event', () => {
  test('is amended: another revision counts, the former stays, and counts made before see it as it was', async () => {
    const customer = await api.newCustomer();
    await api.send(event('a-1', { n: 5, customer }), event('a-2', { n: 1, customer }));
    const before = await api.total(customer);
    expect(before.n).toBe('6');
    const reply = await api.put('/v1/events/a-1', amended({ n: 7, customer }, 'counted wrong'));
    expect(reply).toMatchObject({
      status: 200,
      body: { revision: 1, properties: { n: 7 }, voided: null },
    });
    expect(await api.n(customer)).toBe('8');
    expect((await api.total(customer, before.snapshot)).n).toBe('6');
    const shown = await api.get('/v1/events/a-1');
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
    const customer = await api.newCustomer();
    const sent = event('again', { n: 1, customer });
    await api.send(sent);
    for (const _ of [1, 2])
      expect((await api.put('/v1/events/again', amended({ n: 2, customer, at: ago(1) }))).status).toBe(200);
    const at = ago(1);
    const [one, two] = [
      await api.put('/v1/events/again', amended({ n: 3, customer, at })),
      await api.put('/v1/events/again', amended({ n: 3, customer, at })),
    ];
    expect(two.body['revision']).toBe(one.body['revision']);
    expect((await api.post('/v1/events', { events: [sent] })).body).toMatchObject({ duplicates: 1 });
    expect(await api.n(customer)).toBe('3');
  });

  test('amended by many at once counts once', async () => {
    const customer = await api.newCustomer();
    await api.send(event('race', { n: 1, customer }));
    const replies = await Promise.all(
      [2, 3, 4, 5, 6].map((value) => api.put('/v1/events/race', amended({ n: value, customer }))),
    );
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const last = replies.find(({ body }) => body['revision'] === 5);
    expect(last?.body['properties']).toEqual({ n: Number(await api.n(customer)) });
  });

  test('finds its customer anew, also by the id that the tenant has for him', async () => {
    const [one, other] = [await api.newCustomer(), await api.newCustomer()];
    const third = String((await api.post('/v1/customers', { name: 'Eve', external_id: 'eve' })).body['id']);
    await api.send(event('moved', { n: 4, customer: one }));
    await api.put('/v1/events/moved', amended({ n: 4, customer: other }));
    expect([await api.n(one), await api.n(other)]).toEqual(['0', '4']);
    const { customer_id: _id, ...said } = amended({ n: 5, customer: other });
    for (const _ of [1, 2]) {
      const reply = await api.put('/v1/events/moved', { ...said, external_customer_id: 'eve' });
      expect(reply.body).toMatchObject({ customer_id: third, revision: 2 });
    }
    expect([await api.n(other), await api.n(third)]).toEqual(['0', '5']);
  });

  test('is deprecated: it stays and counts no more, until it is amended', async () => {
    const customer = await api.newCustomer();
    const sent = event('d/1 ä', { n: 9, customer });
    await api.send(sent);
    const path = `/v1/events/${encodeURIComponent('d/1 ä')}`;
    for (const _ of [1, 2]) {
      const reply = await api.post(`${path}/deprecate`, { note: 'a test call' });
      expect(reply.body).toMatchObject({ voided: { reason: 'deprecated', note: 'a test call' } });
    }
    expect(await api.n(customer)).toBe('0');
    expect((await api.post('/v1/events', { events: [sent] })).body).toMatchObject({ duplicates: 1 });
    expect(await api.n(customer)).toBe('0');
    await api.put(path, amended({ n: 2, customer }));
    expect(await api.n(customer)).toBe('2');
  });

  test('that nobody sent, or that is too old, is not corrected, and neither is one corrected to nonsense', async () => {
    const customer = await api.newCustomer();
    expect((await api.put('/v1/events/nobody', amended({ n: 1, customer }))).status).toBe(404);
    expect((await api.post('/v1/events/nobody/deprecate')).status).toBe(404);
    const at = ago(24 * 34);
    await api.send(event('old', { n: 1, customer, at }), event('young', { n: 1, customer }));
    await api.lateWindow(7);
    const closed = [
      await api.put('/v1/events/old', amended({ n: 2, customer })),
      await api.post('/v1/events/old/deprecate'),
    ];
    for (const { status, body } of closed)
      expect({ status, code: body['code'] }).toEqual({ status: 409, code: 'usage_event_closed' });
    await api.lateWindow(35);
    const far = await api.put('/v1/events/young', amended({ n: 1, customer, at: ago(24 * 36) }));
    expect(far).toMatchObject({ status: 422, body: { errors: [{ path: 'timestamp', code: 'too_old' }] } });
    const bad: [object, string][] = [
      [{ ...amended({ n: 1, customer }), colour: 'red' }, 'colour'],
      [{ ...amended({ n: 1, customer }), idempotency_key: 'x' }, 'idempotency_key'],
      [{ ...amended({ n: 1, customer }), note: 7 }, 'note'],
      [{ event_name: 'call' }, 'customer_id'],
    ];
    for (const [body, path] of bad)
      expect(await api.put('/v1/events/young', body)).toMatchObject({
        status: 422,
        body: { errors: [{ path }] },
      });
    const exact = `{"event_name":"call","customer_id":"${customer}","timestamp":"${ago(1)}","properties":{"n":12345678901234567.5}}`;
    expect((await api.put('/v1/events/young', exact)).status).toBe(422);
    expect(await api.n(customer)).toBe('2');
  });
});

describe('a key', () => {
  test('names another event once the first would be too old, and what is said of the one is not said of the other', async () => {
    const customer = await api.newCustomer();
    const long = { customer, at: ago(24 * 20) };
    await api.send(event('reused', { n: 1, ...long }), event('mended', { n: 2, ...long }));
    await api.post('/v1/events/mended/deprecate');
    await api.lateWindow(7);
    await api.database.asSystem('test', (tx) => forgetOldKeys(tx, new Date(), 1_000));
    const again = [event('reused', { n: 4, customer }), event('mended', { n: 8, customer })];
    const sent = await api.post('/v1/events', { events: again });
    // What was corrected keeps its key for good.
    expect(sent.body['data']).toMatchObject([
      { status: 'accepted' },
      { status: 'rejected', code: 'idempotency_key_reused' },
    ]);
    expect(await api.n(customer)).toBe('5');
    const shown = await api.get('/v1/events/reused');
    expect(shown.body).toMatchObject({ revision: 0, properties: { n: 4 } });
    expect(shown.body['revisions']).toHaveLength(1);
    await api.post('/v1/events/reused/deprecate', { note: 'never happened' });
    expect(await api.n(customer)).toBe('1');
    const found = await api.get(`/v1/events?customer=${customer}&limit=10`);
    expect(found.body['data']).toMatchObject([
      { idempotency_key: 'reused', properties: { n: 4 }, voided: { reason: 'deprecated' } },
      { idempotency_key: 'reused', properties: { n: 1 }, voided: null },
      { idempotency_key: 'mended', properties: { n: 2 }, voided: { reason: 'deprecated' } },
    ]);
    await api.put('/v1/events/reused', amended({ n: 16, customer }));
    expect(await api.n(customer)).toBe('17');
    expect(await askRows(api.database, new Date())).toEqual([]);
    await api.lateWindow(35);
  });
});
