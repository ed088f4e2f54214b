import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { childVariables } from '../../src/platform/config.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { codeBlocksUnder } from './code-blocks.ts';

/** What the guide tells people to type about meters is typed here, and does what it says. */
const [make = '', sell = '', ask = ''] = codeBlocksUnder('docs/guides/usage.md', 'Meters', 'sh');
const [sendEvents = ''] = codeBlocksUnder('docs/guides/usage.md', 'Events', 'sh');

let api: TestApi;
let key: string;

beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
  await api.send('post', '/v1/customers', { key, body: { name: 'Acme', external_id: 'acme' } });
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

test('a meter is made, a plan is sold by it, and it is asked what it counted', async () => {
  const meter = await type(make);
  expect(meter).toMatchObject({ object: 'meter', external_id: 'traffic' });
  expect(await type(sell)).toMatchObject({ prices: [{ meter: meter['id'], billing: 'usage' }] });
  await type(sendEvents);
  const { data } = await type(ask);
  expect(data).toMatchObject([
    { group: { region: 'eu' }, counted: '5120', quantity: '5120', events: 1 },
    { group: { region: 'us' }, counted: '0.25', quantity: '1', events: 1 },
  ]);
});
