import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { codeBlocksUnder } from './code-blocks.ts';
import { openUsageGuide, type UsageReader } from './shell.ts';

/** What the guide tells people to type about meters is typed here, and does what it says. */
const [make = '', sell = '', ask = ''] = codeBlocksUnder('docs/guides/usage.md', 'Meters', 'sh');
const [sendEvents = ''] = codeBlocksUnder('docs/guides/usage.md', 'Events', 'sh');

let reader: UsageReader;
beforeAll(async () => {
  reader = await openUsageGuide();
});
afterAll(async () => {
  await reader?.[Symbol.asyncDispose]();
});

test('a meter is made, a plan is sold by it, and it is asked what it counted', async () => {
  const meter = await reader.type(make);
  expect(meter).toMatchObject({ object: 'meter', external_id: 'traffic' });
  expect(await reader.type(sell)).toMatchObject({ prices: [{ meter: meter['id'], billing: 'usage' }] });
  await reader.type(sendEvents);
  const { data } = await reader.type(ask);
  expect(data).toMatchObject([
    { group: { region: 'eu' }, counted: '5120', quantity: '5120', events: 1 },
    { group: { region: 'us' }, counted: '0.25', quantity: '1', events: 1 },
  ]);
});
