import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { startSandboxGateway } from '../../src/gateways/sandbox/server.ts';
import { aDayLater, eventually, SECRET, stage, T0 } from './stage.ts';

describe('callbacks', () => {
  test('are signed so that the adapter verifies them', async () => {
    await using s = await stage();
    const ref = await s.prepared(s.request(await s.attach('tok_requires_action')));
    await s.gateway.confirm(ref, { asOf: T0 });
    await eventually('the callback', () => s.receiver.received.length === 1);
    const [callback] = s.receiver.received;
    if (callback === undefined) throw new Error('unreachable');
    const { rawBody, headers, body } = callback;
    expect(s.gateway.parseCallback({ rawBody, headers, secrets: [SECRET], now: new Date() })).toEqual({
      kind: 'verified',
      eventId: body.id,
      ref,
      type: 'charge.requires_action',
    });
    expect(body.id).toMatch(/^gevt_/);
    expect(Object.keys(body.data)).toEqual(['ref', 'idempotency_key', 'status']);
  });

  test('are repeated with the same id and bytes until the receiver takes them', async () => {
    await using s = await stage();
    s.receiver.statuses.push(500, 302, 404);
    const ref = await s.prepared(s.request(await s.attach('tok_requires_action')));
    await s.gateway.confirm(ref, { asOf: T0 });
    await eventually('four attempts', () => s.receiver.received.length === 4);
    expect(new Set(s.receiver.received.map(({ rawBody }) => rawBody.toString())).size).toBe(1);
    await eventually('the delivery is recorded', async () => {
      const [callback] = (await s.get(`/v1/charges/${ref}`)).body.callbacks;
      return callback?.state === 'delivered' && callback.attempts === 4;
    });
  });

  test('are given up after the last attempt, and can be sent again', async () => {
    await using s = await stage({ callbackDelaysMs: [0, 10] });
    s.receiver.statuses.push(500, 500);
    const ref = await s.prepared(s.request(await s.attach('tok_requires_action')));
    await s.gateway.confirm(ref, { asOf: T0 });
    const state = async () => (await s.get(`/v1/charges/${ref}`)).body.callbacks[0]?.state;
    await eventually('giving up', async () => (await state()) === 'given_up');
    expect(s.receiver.received).toHaveLength(2);

    expect((await s.post(`/v1/charges/${ref}/repeat_callback`, {})).status).toBe(202);
    await eventually('the repetition', async () => (await state()) === 'delivered');
    expect(new Set(s.receiver.received.map(({ body }) => body.id)).size).toBe(1);
  });

  test('can arrive before the answer to the confirm', async () => {
    await using s = await stage();
    const ref = await s.prepared(s.request(await s.attach('tok_callback_before_answer')));
    const outcome = await s.gateway.confirm(ref, { asOf: T0 });
    expect(s.receiver.types()).toEqual(['charge.settled']);
    expect(outcome).toEqual({ kind: 'settled', ref });
  });
});

describe('a restart', () => {
  test('keeps charges, methods, counts, keys and refunds', async () => {
    await using s = await stage();
    const method = await s.attach('tok_insufficient_funds_first_2');
    const request = s.request(method);
    const first = await s.prepared(request);
    await s.gateway.confirm(first, { asOf: T0 });
    const pending = await s.prepared(s.request(await s.attach('tok_pending_succeeds')));
    await s.gateway.confirm(pending, { asOf: T0 });
    const before = (await s.get('/v1/charges')).body;

    await s.stop();
    expect((await s.gateway.retrieve(first, { asOf: T0 })).kind).toBe('unknown');
    await s.start();

    expect((await s.get('/v1/charges')).body).toEqual(before);
    expect(await s.prepared(request)).toBe(first);
    const kinds: string[] = [];
    for (let n = 0; n < 2; n++) {
      const ref = await s.prepared(s.request(method));
      kinds.push((await s.gateway.confirm(ref, { asOf: T0 })).kind);
    }
    expect(kinds).toEqual(['declined', 'settled']);
    expect((await s.gateway.retrieve(pending, { asOf: aDayLater(T0) })).kind).toBe('settled');
  });

  test('goes on with pending charges and undelivered callbacks', async () => {
    await using s = await stage({ settleAfterMs: 300, callbackDelaysMs: [0, 60_000, 0] });
    s.receiver.statuses.push(500);
    const undelivered = await s.prepared(s.request(await s.attach('tok_requires_action')));
    await s.gateway.confirm(undelivered, { asOf: T0 });
    await eventually('the failed attempt', async () => {
      const [callback] = (await s.get(`/v1/charges/${undelivered}`)).body.callbacks;
      return callback?.attempts === 1;
    });
    const pending = await s.prepared(s.request(await s.attach('tok_pending_succeeds'), { clock: 'real' }));
    await s.gateway.confirm(pending, { asOf: new Date() });
    await s.stop();

    // A server with shorter waits over the same log delivers at once what this one would in a minute.
    const next = await startSandboxGateway({ dataDir: s.dataDir, port: 0, callbackDelaysMs: [0, 0, 0] });
    await eventually('both callbacks', () => s.receiver.received.length === 3);
    expect(s.receiver.types().slice(1).sort()).toEqual(['charge.requires_action', 'charge.settled']);
    await next[Symbol.asyncDispose]();
    await s.start();
  });

  test('drops the half line of a process killed while writing, and refuses a log damaged elsewhere', async () => {
    await using s = await stage();
    const ref = await s.prepared(s.request(await s.attach('tok_succeeds')));
    await s.stop();
    const path = join(s.dataDir, 'charges.jsonl');
    await appendFile(path, '{"record":"charge","value":{"ref":"ch_hälf');
    await s.start();
    await s.gateway.confirm(ref, { asOf: T0 });
    await s.stop();
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).record)).toEqual(['method', 'charge', 'charge']);

    await appendFile(path, 'not json\n{"record":"method","value":{}}\n');
    await expect(s.start()).rejects.toThrow(/charges\.jsonl:4/);
  });
});

describe('over HTTP', () => {
  test('the log of charges is listed oldest first, in pages, and filtered', async () => {
    await using s = await stage();
    const good = await s.attach('tok_succeeds');
    const bad = await s.attach('tok_stolen');
    const refs: string[] = [];
    for (const method of [good, bad, good, bad, good]) {
      const ref = await s.prepared(s.request(method));
      await s.gateway.confirm(ref, { asOf: T0 });
      refs.push(ref);
    }
    const paged: string[] = [];
    let cursor = '';
    do {
      const { body } = await s.get(`/v1/charges?limit=2${cursor && `&cursor=${cursor}`}`);
      paged.push(...body.data.map((charge: { ref: string }) => charge.ref));
      expect(body.has_more).toBe(body.next_cursor !== null);
      cursor = body.next_cursor ?? '';
    } while (cursor);
    expect(paged).toEqual(refs);
    expect((await s.get('/v1/charges?status=settled&limit=3')).body).toMatchObject({
      data: { length: 3 },
      has_more: false,
    });
    expect((await s.get('/v1/charges?status=declined')).body.data[0]?.decline).toMatchObject({
      code: 'stolen_card',
      hard: true,
    });
    expect(JSON.stringify((await s.get('/v1/charges')).body)).not.toContain(SECRET);
  });

  test('bad requests get a status and a sentence, and change nothing', async () => {
    await using s = await stage();
    const good = {
      idempotency_key: 'k',
      amount: '1.00',
      currency: 'USD',
      method_ref: 'pmt_1',
      callback_url: 'http://127.0.0.1:1/',
      callback_secret: 'x',
      clock: 'real',
      description: 'd',
    };
    const cases: [object, number, string][] = [
      [{ ...good, amount: 1 }, 422, 'validation_failed'],
      [{ ...good, amount: '0.00' }, 422, 'validation_failed'],
      [{ ...good, amount: '-1.00' }, 422, 'validation_failed'],
      [{ ...good, amount: '1.001' }, 422, 'amount_invalid'],
      [{ ...good, amount: '1e3' }, 422, 'amount_invalid'],
      [{ ...good, currency: 'ZZZ' }, 422, 'currency_unknown'],
      [{ ...good, callback_url: 'file:///etc/passwd' }, 422, 'validation_failed'],
      [{ ...good, clock: 'sundial' }, 422, 'validation_failed'],
      [{ ...good, as_of: 'soon' }, 422, 'validation_failed'],
      [{ ...good, idempotency_key: undefined }, 422, 'validation_failed'],
      [{ ...good, description: 'x'.repeat(20_000) }, 413, 'body_too_large'],
      [[], 400, 'malformed_request'],
    ];
    for (const [body, status, code] of cases) {
      expect(await s.post('/v1/charges', body)).toMatchObject({
        status,
        body: { error: { code, message: expect.stringMatching(/\.$/) } },
      });
    }
    expect(await s.get('/v1/charges/ch_nothing')).toMatchObject({ status: 404 });
    expect(await s.get('/v1/nothing')).toMatchObject({ status: 404 });
    expect(await s.get('/v1/refunds')).toMatchObject({ status: 405 });
    expect(await s.get('/v1/charges?limit=0')).toMatchObject({ status: 422 });
    expect(await s.get('/v1/charges?cursor=ch_nothing')).toMatchObject({ status: 422 });
    const typeless = await fetch(`${s.url}/v1/charges`, { method: 'POST', body: '{}' });
    expect(typeless.status).toBe(415);
    expect(await s.get('/health')).toEqual({
      status: 200,
      body: { status: 'ok', name: 'sandbox', charges: 0 },
    });
  });
});
