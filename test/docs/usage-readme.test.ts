import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runApi } from '../../src/main/run-api.ts';
import { childVariables } from '../../src/platform/config.ts';
import { freePort } from '../../src/platform/port.ts';
import { sender } from '../support/api.ts';
import { brokenPromises } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';
import { codeBlocksUnder } from './code-blocks.ts';

/** What the README tells people to type about usage is typed here, and does what it says. */
const [sell = '', send = '', ask = '', end = '', ...others] = codeBlocksUnder(
  'README.md',
  'Bill by usage',
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
  const env = childVariables({ API: api.url, KEY: key });
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', commands], { env }, (error, output, said) => {
      if (error) reject(new Error(`${error.message}\n${said}`));
      else resolve(output);
    });
  });
}

test('events become a cost and an invoice, and its line names them', async () => {
  expect(others).toEqual([]);
  const made = (await type(sell)).trim().split('\n');
  expect(made.map((line) => String((JSON.parse(line) as { object?: string }).object))).toEqual([
    'meter',
    'plan',
    'customer',
    'payment_method',
    'subscription',
  ]);
  expect(JSON.parse(await type(send))).toMatchObject({ accepted: 2 });
  expect(JSON.parse(await type(ask))).toMatchObject({ totals: [{ amount: '2.50', currency: 'USD' }] });
  const told = await type(end);
  expect(told).toContain('1250 tokens × 0.002');
  expect(told).toMatch(/^added,answer-1,0,completion,.*,812,/m);
  expect(told).toMatch(/^added,answer-2,0,completion,.*,438,/m);
  expect(await brokenPromises(world)).toEqual([]);
}, 240_000);
