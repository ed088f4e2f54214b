import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { childVariables } from '../../src/platform/config.ts';
import { startTestApi, type TestApi } from '../support/api.ts';
import { codeBlocksUnder } from './code-blocks.ts';

/** What the guide tells people to type about events is typed here, and does what it says. */
const [send = '', search = '', volume = ''] = codeBlocksUnder('docs/guides/usage.md', 'Events', 'sh');

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

test('events are sent, each is answered, and sent again none counts again', async () => {
  const answered = (...statuses: string[]) => ({ data: statuses.map((status) => ({ status })) });
  expect(await type(send)).toMatchObject(answered('accepted', 'accepted', 'duplicate', 'rejected'));
  // The instant of another second is another event.
  const again = await type(send);
  expect(again).toMatchObject({ accepted: 0 });
});

test('they are found, and counted by day', async () => {
  expect(await type(search)).toMatchObject({
    data: [{ idempotency_key: 'run-81', properties: { bytes: 5120 } }],
  });
  expect(await type(volume)).toMatchObject({ granularity: 'day', data: [{ events: expect.any(Number) }] });
});
