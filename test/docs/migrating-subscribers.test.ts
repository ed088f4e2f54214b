import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runApi } from '../../src/main/run-api.ts';
import { childVariables } from '../../src/platform/config.ts';
import { freePort } from '../../src/platform/port.ts';
import { sender } from '../support/api.ts';
import { eventually } from '../support/stories.ts';
import { createWorld, type World } from '../support/world.ts';
import { codeBlocks } from './code-blocks.ts';

/** What the guide tells people to type is typed here, and does what it says. */
const [publish = '', tryDry = '', migrate = '', follow = ''] = codeBlocks(
  'docs/guides/migrating-subscribers.md',
  'sh',
);

let world: World;
let api: AsyncDisposable & { url: string };
let key: string;

beforeAll(async () => {
  world = await createWorld({ env: { PORT: String(await freePort()) } });
  api = await runApi(world.config, world.logger);
  const send = sender(api.url);
  const asOperator = { key: 'operator-key-of-this-test', body: { name: 'all' } };
  key = String((await send('post', `/v1/tenants/${world.tenantId}/keys`, asOperator)).body['key']);
  const post = async (path: string, body: object) =>
    String((await send('post', path, { key, body })).body['id']);
  const price = {
    key: 'base',
    model: 'flat',
    unit_amount: '29.00',
    currency: 'USD',
    interval: { unit: 'month' },
  };
  const plan = await post('/v1/plans', { name: 'Pro', external_id: 'pro', prices: [price] });
  for (const name of ['Ada', 'Grace']) {
    const customer = await post('/v1/customers', { name });
    await post(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
    await post('/v1/subscriptions', { customer, plan });
  }
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
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
