import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { brokenPromises } from '../support/stories.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';
import { codeBlocksUnder } from './code-blocks.ts';
import { typed } from './shell.ts';

/** What the README tells people to type about usage is typed here, and does what it says. */
const [sell = '', send = '', ask = '', end = '', ...others] = codeBlocksUnder(
  'README.md',
  'Bill by usage',
  'sh',
);

let api: WorldApi;
beforeAll(async () => {
  api = await openWorldApi();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const type = async (commands: string) => (await typed(commands, { API: api.url, KEY: api.key })).output;

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
  expect(await brokenPromises(api.world)).toEqual([]);
}, 240_000);
