import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/stories.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';
import { codeBlocks } from './code-blocks.ts';
import { answered } from './shell.ts';

/** What the guide tells people to type is typed here, and does what it says. */
const [publish = '', tryDry = '', migrate = '', follow = ''] = codeBlocks(
  'docs/guides/migrating-subscribers.md',
  'sh',
);

let api: WorldApi;
beforeAll(async () => {
  api = await openWorldApi();
  const price = {
    key: 'base',
    model: 'flat',
    unit_amount: '29.00',
    currency: 'USD',
    interval: { unit: 'month' },
  };
  const plan = await api.make('/v1/plans', { name: 'Pro', external_id: 'pro', prices: [price] });
  for (const name of ['Ada', 'Grace']) {
    const customer = await api.make('/v1/customers', { name });
    await api.make(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
    await api.make('/v1/subscriptions', { customer, plan });
  }
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

const type = (commands: string) => answered(commands, { URL: api.url, KEY: api.key });

test('a version is published, its migration tried dry and then made', async () => {
  expect(await type(publish)).toMatchObject({ version: 2 });
  expect(await type(tryDry)).toMatchObject({ total: 2, outcomes: { applied: 2, refused: 0 } });
  const [started, again] = [await type(migrate), await type(migrate)];
  expect(again).toEqual(started);
  const followed = await eventually(
    () => type(follow),
    ({ data }) => Array.isArray(data) && data[0]?.status === 'completed',
  );
  expect(followed).toMatchObject({ data: [{ id: started['id'], counts: { total: 2, applied: 2 } }] });
});
