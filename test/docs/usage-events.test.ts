import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { codeBlocksUnder } from './code-blocks.ts';
import { openUsageGuide, type UsageReader } from './shell.ts';

/** What the guide tells people to type about events is typed here, and does what it says. */
const [send = '', search = '', volume = ''] = codeBlocksUnder('docs/guides/usage.md', 'Events', 'sh');

let reader: UsageReader;
beforeAll(async () => {
  reader = await openUsageGuide();
});
afterAll(async () => {
  await reader?.[Symbol.asyncDispose]();
});

test('events are sent, each is answered, and sent again none counts again', async () => {
  const answered = (...statuses: string[]) => ({ data: statuses.map((status) => ({ status })) });
  expect(await reader.type(send)).toMatchObject(answered('accepted', 'accepted', 'duplicate', 'rejected'));
  // The instant of another second is another event.
  const again = await reader.type(send);
  expect(again).toMatchObject({ accepted: 0 });
});

test('they are found, and counted by day', async () => {
  expect(await reader.type(search)).toMatchObject({
    data: [{ idempotency_key: 'run-81', properties: { bytes: 5120 } }],
  });
  expect(await reader.type(volume)).toMatchObject({
    granularity: 'day',
    data: [{ events: expect.any(Number) }],
  });
});
