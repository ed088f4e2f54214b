import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { childVariables } from '../../src/platform/config.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { codeBlocksUnder } from './code-blocks.ts';

/** What the guide tells people to type about limits and alerts is typed here, and does what it says. */
const PAGE = 'docs/guides/usage.md';
const [meter = ''] = codeBlocksUnder(PAGE, 'Meters', 'sh');
const [sendEvents = ''] = codeBlocksUnder(PAGE, 'Events', 'sh');
const [make = '', sell = '', give = '', ask = ''] = codeBlocksUnder(
  PAGE,
  'Limits: features and entitlements',
  'sh',
);
const [watch = ''] = codeBlocksUnder(PAGE, 'Alerts', 'sh');

let api: TestApi;
let key: string;

beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
  await api.send('post', '/v1/customers', { key, body: { name: 'Acme', external_id: 'acme' } });
  await type(meter);
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

function type(commands: string): Promise<Record<string, unknown>> {
  const env = childVariables({ URL: api.url, KEY: key });
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', commands], { env }, (error, output, said) => {
      if (error) reject(new Error(`${error.message}\n${said}`));
      else resolve(JSON.parse(output));
    });
  });
}

test('a feature is made, sold, given to one customer, and asked about', async () => {
  const feature = await type(make);
  expect(feature).toMatchObject({ object: 'feature', kind: 'metered', reset: 'month' });
  expect(await type(sell)).toMatchObject({ features: [{ feature: feature['id'], limit: '10000' }] });
  expect(await type(give)).toMatchObject({ allowed: true, limit: '6000', sources: [{ type: 'override' }] });
  await type(sendEvents);
  expect(await type(ask)).toMatchObject({ allowed: false, used: '5121', remaining: '879' });
});

test('an alert is made', async () => {
  expect(await type(watch)).toMatchObject({ object: 'alert', thresholds: ['8000', '10000'], customer: null });
});
