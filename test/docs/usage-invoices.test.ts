import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runApi } from '../../src/main/run-api.ts';
import { childVariables } from '../../src/platform/config.ts';
import { freePort } from '../../src/platform/port.ts';
import { sender } from '../support/api.ts';
import { brokenPromises } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';
import { codeBlocksUnder } from './code-blocks.ts';

/** What the guide tells people to type about usage on invoices is typed here, and does what it says. */
const [begin = '', upcoming = '', late = '', behind = '', ...others] = codeBlocksUnder(
  'docs/guides/usage.md',
  'Into the invoice',
  'sh',
);

let world: World;
let api: AsyncDisposable & { url: string };
let key: string;

beforeAll(async () => {
  world = await createWorld({ env: { PORT: String(await freePort()) } });
  api = await runApi(world.config, world.logger);
  const asOperator = { key: 'operator-key-of-this-test', body: { name: 'all' } };
  key = String((await sender(api.url)('post', `/v1/tenants/${world.tenantId}/keys`, asOperator)).body['key']);
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

function type(commands: string): Promise<string> {
  const env = childVariables({ URL: api.url, KEY: key });
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', commands], { env }, (error, output, said) => {
      if (error) reject(new Error(`${error.message}\n${said}`));
      else resolve(output);
    });
  });
}

test('what was used is on the next invoice, what came late on the one after it, and both name their events', async () => {
  expect(others).toEqual([]);
  expect(await type(begin)).toContain('"accepted":2');
  expect(JSON.parse(await type(upcoming))).toMatchObject({
    lines: [{ quantity: '2', amount: { amount: '0.02' } }],
    total: { amount: '0.02' },
  });
  const { data } = JSON.parse(await type(late)) as { data: { total: { amount: string } }[] };
  expect(data.map(({ total }) => total.amount)).toEqual(['0.01', '0.02']);
  const events = await type(behind);
  expect(events).toContain('added,run-3,0,run,2027-01-31T23:00:00.000Z');
  expect(events).not.toContain('run-1');
  expect(await brokenPromises(world)).toEqual([]);
}, 240_000);
