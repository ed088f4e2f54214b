import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { brokenPromises } from '../support/stories.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';
import { codeBlocksUnder } from './code-blocks.ts';
import { typed } from './shell.ts';

/** What the guide tells people to type about usage on invoices is typed here, and does what it says. */
const [begin = '', upcoming = '', late = '', behind = '', ...others] = codeBlocksUnder(
  'docs/guides/usage.md',
  'Into the invoice',
  'sh',
);

let api: WorldApi;
beforeAll(async () => {
  api = await openWorldApi();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const type = async (commands: string) => (await typed(commands, { URL: api.url, KEY: api.key })).output;

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
  expect(await brokenPromises(api.world)).toEqual([]);
}, 240_000);
