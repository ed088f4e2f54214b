import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { aDayLater, eventually, stage, T0 } from './stage.ts';

let s: Awaited<ReturnType<typeof stage>>;
beforeAll(async () => {
  s = await stage();
});
afterAll(async () => {
  await s[Symbol.asyncDispose]();
});

async function charge(methodRef: string) {
  const ref = await s.prepared(s.request(methodRef));
  return { ref, outcome: await s.gateway.confirm(ref, { asOf: T0 }) };
}

const kindsOf = async (methodRef: string, times: number): Promise<string[]> => {
  const kinds: string[] = [];
  for (let n = 0; n < times; n++) kinds.push((await charge(methodRef)).outcome.kind);
  return kinds;
};

describe('test tokens', () => {
  test('tok_succeeds settles at once, at the instant of the test clock, and sends no callback', async () => {
    const { ref, outcome } = await charge(await s.attach('tok_succeeds'));
    expect(outcome).toEqual({ kind: 'settled', ref });
    const { body } = await s.get(`/v1/charges/${ref}`);
    expect(body).toMatchObject({
      status: 'settled',
      amount: '19.90',
      settled_at: T0.toISOString(),
      callbacks: [],
    });
  });

  test('tok_insufficient_funds is declined softly, every time', async () => {
    const method = await s.attach('tok_insufficient_funds');
    const { ref, outcome } = await charge(method);
    expect(outcome).toEqual({
      kind: 'declined',
      ref,
      hard: false,
      code: 'insufficient_funds',
      message: expect.stringMatching(/\.$/),
    });
    expect(await kindsOf(method, 3)).toEqual(['declined', 'declined', 'declined']);
  });

  test('tok_insufficient_funds_first_2 is declined twice and then settles, counted for each attached method', async () => {
    const method = await s.attach('tok_insufficient_funds_first_2');
    const other = await s.attach('tok_insufficient_funds_first_2');
    expect(other).not.toBe(method);
    expect(await kindsOf(method, 2)).toEqual(['declined', 'declined']);
    expect(await kindsOf(other, 3)).toEqual(['declined', 'declined', 'settled']);
    expect(await kindsOf(method, 2)).toEqual(['settled', 'settled']);
  });

  test('confirming a declined charge again does not use up a decline', async () => {
    const method = await s.attach('tok_insufficient_funds_first_2');
    const { ref } = await charge(method);
    expect((await s.gateway.confirm(ref, { asOf: T0 })).kind).toBe('declined');
    expect(await kindsOf(method, 2)).toEqual(['declined', 'settled']);
  });

  test.each([
    ['tok_stolen', 'stolen_card'],
    ['tok_expired', 'expired_card'],
  ])('%s is declined hard with %s', async (token, code) => {
    expect((await charge(await s.attach(token))).outcome).toMatchObject({
      kind: 'declined',
      hard: true,
      code,
    });
  });

  test('a payment method the gateway does not know is a hard decline, not an error', async () => {
    expect((await charge('pmt_nobody')).outcome).toMatchObject({
      kind: 'declined',
      hard: true,
      code: 'no_such_payment_method',
    });
  });

  test.each([
    ['tok_pending_succeeds', 'settled'],
    ['tok_pending_fails', 'declined'],
  ])('%s on a test clock stays pending for a day of it and then is %s', async (token, end) => {
    const { ref, outcome } = await charge(await s.attach(token));
    expect(outcome).toEqual({ kind: 'pending', ref });
    const almost = new Date(aDayLater(T0).getTime() - 1);
    expect((await s.gateway.retrieve(ref, { asOf: almost })).kind).toBe('pending');
    expect((await s.gateway.retrieve(ref, { asOf: aDayLater(T0) })).kind).toBe(end);
    await eventually('the callback', () => s.receiver.received.some(({ body }) => body.data['ref'] === ref));
    expect(
      s.receiver.received.filter(({ body }) => body.data['ref'] === ref).map(({ body }) => body.type),
    ).toEqual([`charge.${end}`]);
  });

  test('a second confirm a day later ends a pending charge as a retrieve would', async () => {
    const { ref } = await charge(await s.attach('tok_pending_succeeds'));
    expect((await s.gateway.confirm(ref, { asOf: aDayLater(T0) })).kind).toBe('settled');
  });

  test.each([
    ['tok_pending_succeeds', 'charge.settled'],
    ['tok_pending_fails', 'charge.declined'],
  ])('%s on the real clock ends by itself and says %s', async (token, type) => {
    const ref = await s.prepared(s.request(await s.attach(token), { clock: 'real', asOf: new Date() }));
    expect((await s.gateway.confirm(ref, { asOf: new Date() })).kind).toBe('pending');
    await eventually('the callback', () => s.receiver.received.some(({ body }) => body.data['ref'] === ref));
    expect(s.receiver.received.find(({ body }) => body.data['ref'] === ref)?.body.type).toBe(type);
  });

  test.each([
    ['succeed', 'settled', 'charge.settled'],
    ['fail', 'declined', 'charge.declined'],
  ])('tok_requires_action waits for the customer; %s makes it %s', async (result, end, type) => {
    const { ref, outcome } = await charge(await s.attach('tok_requires_action'));
    expect(outcome).toEqual({ kind: 'requires_action', ref, url: `${s.url}/actions/${ref}` });
    expect(await s.gateway.retrieve(ref, { asOf: aDayLater(T0) })).toEqual(outcome);

    expect((await s.post(`/v1/charges/${ref}/action`, { result })).status).toBe(200);
    expect((await s.gateway.retrieve(ref, { asOf: T0 })).kind).toBe(end);
    const again = await s.post(`/v1/charges/${ref}/action`, { result: 'succeed' });
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'no_action_required' } } });

    const mine = () =>
      s.receiver.received.filter(({ body }) => body.data['ref'] === ref).map(({ body }) => body.type);
    await eventually('both callbacks', () => mine().length === 2);
    expect(mine().sort()).toEqual(['charge.requires_action', type].sort());
  });

  test('the page of a required action has two buttons that work and escapes what it shows', async () => {
    const method = await s.attach('tok_requires_action');
    const ref = await s.prepared(s.request(method, { description: '<script>alert(1)</script>' }));
    const outcome = await s.gateway.confirm(ref, { asOf: T0 });
    const url = outcome.kind === 'requires_action' ? outcome.url : '';
    const html = await (await fetch(url)).text();
    expect(html).toContain('19.90 USD');
    expect(html).not.toContain('<script>');
    expect(html.match(/<button name="result" value="(succeed|fail)">/g)).toHaveLength(2);

    const pressed = await fetch(`${s.url}/v1/charges/${ref}/action`, {
      method: 'POST',
      body: new URLSearchParams({ result: 'succeed' }),
    });
    expect(await pressed.text()).toContain('<strong>settled</strong>');
    expect((await s.gateway.retrieve(ref, { asOf: T0 })).kind).toBe('settled');
  });

  test('an unknown token is refused with a sentence that names the valid ones', async () => {
    expect(await s.gateway.attachMethod('tok_free_lunch')).toEqual({
      kind: 'refused',
      code: 'unknown_token',
      message: expect.stringMatching(/tok_succeeds.*tok_insufficient_funds_first_1 … .*tok_rate_limited/),
    });
    for (const token of [
      'tok_stolen_first_1',
      'tok_insufficient_funds_first_0',
      'tok_insufficient_funds_first_10',
      '',
    ]) {
      expect((await s.gateway.attachMethod(token)).kind).toBe('refused');
    }
  });

  test('an attached method shows brand, last four and expiry', async () => {
    expect(await s.gateway.attachMethod('tok_succeeds')).toEqual({
      kind: 'attached',
      methodRef: expect.stringMatching(/^pmt_/),
      brand: 'visa',
      last4: '4242',
      expMonth: 12,
      expYear: 2040,
    });
  });
});
