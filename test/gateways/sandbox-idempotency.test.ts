import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Decimal } from '../../src/domain/money.ts';
import { stage, T0 } from './stage.ts';

/** Short enough to wait for, and long enough for ten requests at once on a machine that is busy with something else. */
const TIMEOUT_MS = 4_000;

let s: Awaited<ReturnType<typeof stage>>;
beforeAll(async () => {
  s = await stage({ timeoutMs: TIMEOUT_MS });
});
afterAll(async () => {
  await s[Symbol.asyncDispose]();
});

const logOf = async (methodRef: string) => (await s.get(`/v1/charges?method_ref=${methodRef}`)).body.data;

describe('never charging twice', () => {
  test('prepare with the same key answers the same charge, also when both arrive together', async () => {
    const request = s.request(await s.attach('tok_succeeds'));
    const answers = await Promise.all([
      s.gateway.prepare(request),
      s.gateway.prepare(request),
      s.gateway.prepare(request),
    ]);
    expect(new Set(answers.map((answer) => answer.kind === 'prepared' && answer.ref)).size).toBe(1);
    expect(await logOf(request.methodRef)).toHaveLength(1);
  });

  test('the same key with another amount is refused as the fault of the caller it is', async () => {
    const request = s.request(await s.attach('tok_succeeds'));
    await s.prepared(request);
    await expect(s.gateway.prepare({ ...request, amount: new Decimal('1') })).rejects.toMatchObject({
      code: 'gateway_refused',
      details: { gateway_code: 'idempotency_key_reused' },
    });
  });

  test('an amount of zero is refused', async () => {
    const request = s.request(await s.attach('tok_succeeds'), { amount: new Decimal(0) });
    await expect(s.gateway.prepare(request)).rejects.toMatchObject({ code: 'gateway_refused' });
  });

  test('a prepared charge that was not confirmed says so', async () => {
    const ref = await s.prepared(s.request(await s.attach('tok_succeeds')));
    expect(await s.gateway.retrieve(ref, { asOf: T0 })).toEqual({ kind: 'not_confirmed', ref });
  });

  test('ten confirms at once are one charge', async () => {
    const method = await s.attach('tok_insufficient_funds_first_1');
    const declined = await s.prepared(s.request(method));
    const settled = await s.prepared(s.request(method));
    const confirmTen = (ref: string) =>
      Promise.all(Array.from({ length: 10 }, () => s.gateway.confirm(ref, { asOf: T0 })));
    expect(new Set((await confirmTen(declined)).map(({ kind }) => kind))).toEqual(new Set(['declined']));
    expect(new Set((await confirmTen(settled)).map(({ kind }) => kind))).toEqual(new Set(['settled']));
    expect(await logOf(method)).toMatchObject([
      { ref: declined, status: 'declined', confirm_count: 10 },
      { ref: settled, status: 'settled', confirm_count: 10 },
    ]);
  });

  test('a charge whose answer was lost is found by retrieve, and a second confirm does not charge again', async () => {
    const method = await s.attach('tok_times_out_after_charging');
    const ref = await s.prepared(s.request(method));
    expect(await s.gateway.confirm(ref, { asOf: T0 })).toEqual({
      kind: 'unknown',
      ref,
      reason: `The gateway did not answer within ${TIMEOUT_MS} ms.`,
    });
    expect(await s.gateway.retrieve(ref, { asOf: T0 })).toEqual({ kind: 'settled', ref });
    expect(await s.gateway.confirm(ref, { asOf: T0 })).toEqual({ kind: 'settled', ref });
    expect(await logOf(method)).toMatchObject([{ status: 'settled', confirm_count: 2 }]);
    expect(s.receiver.types()).toEqual(['charge.settled']);
  });

  test('a prepare whose answer was lost is found by preparing again with the same key', async () => {
    const request = s.request(await s.attach('tok_prepare_answer_lost'));
    expect(await s.gateway.prepare(request)).toMatchObject({ kind: 'unknown' });
    const ref = await s.prepared(request);
    expect(await logOf(request.methodRef)).toMatchObject([{ ref, status: 'prepared' }]);
    expect((await s.gateway.confirm(ref, { asOf: T0 })).kind).toBe('settled');
  });

  test.each([
    ['tok_hangs', { reason: `The gateway did not answer within ${TIMEOUT_MS} ms.` }],
    ['tok_server_error', { reason: 'The gateway answered 500.' }],
    ['tok_garbage', { reason: 'The gateway answered 200 with a body that is not JSON.' }],
    ['tok_rate_limited', { reason: 'The gateway answered 429.', retryAfterMs: 1_000 }],
  ])('%s leaves the outcome unknown and charges nothing, ever', async (token, known) => {
    const ref = await s.prepared(s.request(await s.attach(token)));
    for (let n = 0; n < 2; n++) {
      expect(await s.gateway.confirm(ref, { asOf: T0 })).toEqual({ kind: 'unknown', ref, ...known });
      expect(await s.gateway.retrieve(ref, { asOf: T0 })).toEqual({ kind: 'not_confirmed', ref });
    }
  });

  test.each(['tok_hangs', 'tok_server_error', 'tok_garbage', 'tok_rate_limited'])(
    '%s_first_1 heals: the confirm after it settles',
    async (token) => {
      const ref = await s.prepared(s.request(await s.attach(`${token}_first_1`)));
      expect((await s.gateway.confirm(ref, { asOf: T0 })).kind).toBe('unknown');
      expect((await s.gateway.confirm(ref, { asOf: T0 })).kind).toBe('settled');
    },
  );
});

describe('refunds', () => {
  const refund = (ref: string, amount: string, idempotencyKey: string) =>
    s.gateway.refund({ idempotencyKey, ref, amount: new Decimal(amount), currency: 'USD', asOf: T0 });

  test('never give back more than was charged, and once per key', async () => {
    const ref = await s.prepared(s.request(await s.attach('tok_succeeds')));
    expect(await refund(ref, '1.00', `${ref}-0`)).toMatchObject({
      kind: 'refused',
      code: 'charge_not_settled',
    });
    await s.gateway.confirm(ref, { asOf: T0 });

    const first = await refund(ref, '10.00', `${ref}-1`);
    expect(first).toMatchObject({ kind: 'refunded' });
    expect(await refund(ref, '10.00', `${ref}-1`)).toEqual(first);
    expect(await refund(ref, '9.91', `${ref}-2`)).toMatchObject({
      kind: 'refused',
      code: 'refund_too_large',
      message: 'At most 9.9 USD can be refunded.',
    });
    expect(await refund(ref, '9.90', `${ref}-3`)).toMatchObject({ kind: 'refunded' });
    expect((await s.get(`/v1/charges/${ref}`)).body.amount_refunded).toBe('19.9');
  });

  test('of an unknown charge are refused', async () => {
    expect(await refund('ch_nothing', '1.00', 'k')).toMatchObject({
      kind: 'refused',
      code: 'charge_not_found',
    });
  });
});
