import { afterAll, describe, expect, test } from '@jest/globals';
import { gateways } from '../../src/gateways/registry.ts';
import { signCallback } from '../../src/gateways/sandbox/signature.ts';
import { SECRET, T0 } from './stage.ts';

const registry = gateways({ sandboxUrl: 'http://127.0.0.1:1' });
const gateway = registry.get('sandbox');
afterAll(async () => await registry[Symbol.asyncDispose]());

const BODY = Buffer.from(
  JSON.stringify({ id: 'gevt_1', type: 'charge.settled', created_at: T0, data: { ref: 'ch_1' } }),
);
const secondsFromNow = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
const parse = (
  header: string | string[] | undefined,
  {
    rawBody = BODY,
    secrets = [SECRET],
    name = 'sandbox-signature',
  }: { rawBody?: Buffer; secrets?: string[]; name?: string } = {},
) => gateway.parseCallback({ rawBody, headers: { host: 'x', [name]: header }, secrets, now: T0 });
const good = signCallback(BODY, [SECRET], T0);
const VERIFIED = { kind: 'verified', eventId: 'gevt_1', ref: 'ch_1', type: 'charge.settled' };

describe('a callback', () => {
  test('with a good signature is verified and read', () => {
    expect(parse(good)).toEqual(VERIFIED);
    expect(parse(good, { name: 'Sandbox-Signature' })).toEqual(VERIFIED);
    expect(parse([good])).toEqual(VERIFIED);
  });

  test('has the signature the documentation describes', () => {
    expect(signCallback('{"test":1}', ['secret'], new Date('2027-01-01T00:00:00.999Z'))).toMatch(
      /^t=1798761600,v1=[0-9a-f]{64}$/,
    );
  });

  test('is verified with any of the secrets that are valid during a rotation', () => {
    expect(parse(good, { secrets: ['the new one', SECRET] })).toEqual(VERIFIED);
    expect(parse(signCallback(BODY, ['the new one', SECRET], T0), { secrets: [SECRET] })).toEqual(VERIFIED);
    expect(parse(good, { secrets: ['the new one'] }).kind).toBe('invalid');
  });

  test.each([-300, 300])('%i seconds away from now is verified, one more is not', (seconds) => {
    expect(parse(signCallback(BODY, [SECRET], secondsFromNow(seconds)))).toEqual(VERIFIED);
    expect(parse(signCallback(BODY, [SECRET], secondsFromNow(seconds + Math.sign(seconds))))).toEqual({
      kind: 'invalid',
      reason: 'The signature is more than 300 seconds away from now.',
    });
  });

  test.each([
    ['no header', undefined],
    ['an empty header', ''],
    ['two headers', [good, good]],
    ['no time', good.replace(/t=\d+,/, '')],
    ['two times', `${good},t=1`],
    ['a time that is no number', good.replace(/t=\d+/, 't=NaN')],
    ['another time than the signed one', good.replace(/t=\d+/, `t=${T0.getTime() / 1000 + 1}`)],
    ['a short signature', good.slice(0, -2)],
    ['an unknown scheme', good.replace('v1', 'v0')],
    ['a flipped bit', good.slice(0, -1) + (good.endsWith('0') ? '1' : '0')],
    ['the signature of another secret', signCallback(BODY, ['another'], T0)],
    ['a header of 2 KB', `${good}${',v1=00'.repeat(400)}`],
  ])('with %s is invalid', (_, header) => {
    expect(parse(header)).toEqual({ kind: 'invalid', reason: expect.any(String) });
  });

  test('whose bytes changed is invalid, even when it is the same JSON', () => {
    expect(parse(good, { rawBody: Buffer.from(`${BODY.toString()} `) }).kind).toBe('invalid');
  });

  test('is never verified with an empty secret', () => {
    expect(parse(signCallback(BODY, [''], T0), { secrets: [''] }).kind).toBe('invalid');
    expect(parse(good, { secrets: [] }).kind).toBe('invalid');
  });

  test.each([
    ['no JSON', 'hello'],
    ['a list', '[]'],
    ['no event id', '{"type":"charge.settled","data":{"ref":"ch_1"}}'],
    ['a reference that is no text', '{"id":"gevt_1","type":"charge.settled","data":{"ref":{"$ne":1}}}'],
    ['a very deep list', '['.repeat(30_000)],
    ['more than 64 KB', `{"id":"${'x'.repeat(70_000)}"}`],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
  ])('that is signed but says %s is invalid', (_, content) => {
    const rawBody = Buffer.from(content);
    expect(parse(signCallback(rawBody, [SECRET], T0), { rawBody }).kind).toBe('invalid');
  });
});
