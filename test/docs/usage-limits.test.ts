import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { codeBlocksUnder } from './code-blocks.ts';
import { openUsageGuide, type UsageReader } from './shell.ts';

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

let reader: UsageReader;
beforeAll(async () => {
  reader = await openUsageGuide();
  await reader.type(meter);
});
afterAll(async () => {
  await reader?.[Symbol.asyncDispose]();
});

test('a feature is made, sold, given to one customer, and asked about', async () => {
  const feature = await reader.type(make);
  expect(feature).toMatchObject({ object: 'feature', kind: 'metered', reset: 'month' });
  expect(await reader.type(sell)).toMatchObject({ features: [{ feature: feature['id'], limit: '10000' }] });
  expect(await reader.type(give)).toMatchObject({
    allowed: true,
    limit: '6000',
    sources: [{ type: 'override' }],
  });
  await reader.type(sendEvents);
  expect(await reader.type(ask)).toMatchObject({ allowed: false, used: '5121', remaining: '879' });
});

test('an alert is made', async () => {
  expect(await reader.type(watch)).toMatchObject({
    object: 'alert',
    thresholds: ['8000', '10000'],
    customer: null,
  });
});
