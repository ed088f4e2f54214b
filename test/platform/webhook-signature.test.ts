import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { VERSION } from '../../src/platform/version.ts';
import { newWebhookSecret, signWebhook } from '../../src/platform/webhook-signature.ts';

describe('signing a webhook', () => {
  test('gives the test vector of Standard Webhooks 1.0', () => {
    const body = '{"test": 2432232314}';
    const at = new Date(1_614_265_330_000);
    expect(
      signWebhook('msg_p5jXN8AQM9LWM0D4loKWxJek', at, body, ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']),
    ).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('with two secrets satisfies a receiver that knows either, and no other', () => {
    const [current, former, foreign] = [newWebhookSecret(), newWebhookSecret(), newWebhookSecret()];
    const headers = signWebhook('evt_1', new Date(), '{"a":"ü"}', [current, former]);
    for (const secret of [current, former]) {
      expect(new Webhook(secret).verify('{"a":"ü"}', headers)).toEqual({ a: 'ü' });
    }
    expect(() => new Webhook(foreign).verify('{"a":"ü"}', headers)).toThrow('No matching signature');
    expect(() => new Webhook(current).verify('{"a":"u"}', headers)).toThrow('No matching signature');
  });

  test('a new secret has 32 random bytes', () => {
    const secret = newWebhookSecret();
    expect(Buffer.from(secret.replace('whsec_', ''), 'base64')).toHaveLength(32);
    expect(newWebhookSecret()).not.toBe(secret);
  });
});

test('the version we send is that of the package', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(VERSION).toBe(version);
});
