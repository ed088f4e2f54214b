import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';

/** Items, add-ons and questions about prices, over HTTP. */
let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const send = (method: string, path: string, body?: unknown) =>
  api.send(method, path, { key, ...(body === undefined ? {} : { body }) });
const calls = (changes: object = {}) => ({
  key: 'calls',
  model: 'graduated',
  billing: 'usage',
  tiers: [
    { up_to: 1000, unit_amount: '0' },
    { up_to: null, unit_amount: '0.004' },
  ],
  currency: 'USD',
  interval: { unit: 'month' },
  ...changes,
});

describe('an item', () => {
  test('is named by prices of plans, renamed, listed, and archived; then no new price can name it', async () => {
    const made = await send('post', '/v1/items', { name: 'API calls', external_id: 'api-calls' });
    expect([made.status, made.body]).toMatchObject([201, { object: 'item', external_id: 'api-calls' }]);
    expect((await send('post', '/v1/items', { name: 'Again', external_id: 'api-calls' })).body).toMatchObject(
      {
        code: 'external_id_taken',
      },
    );
    const prices = [calls({ item: 'external:api-calls' })];
    const plan = await send('post', '/v1/plans', { name: 'Pro', prices });
    expect(plan.body['prices']).toMatchObject([
      { item: made.body['id'], model: 'graduated', billing: 'usage' },
    ]);
    const changed = { name: 'Calls', description: 'of the API', metadata: { a: 'b' } };
    expect((await send('patch', '/v1/items/external:api-calls', changed)).body).toMatchObject(changed);
    const path = `/v1/items/${String(made.body['id'])}`;
    expect((await send('post', `${path}/archive`)).body).toMatchObject({ archived_at: expect.any(String) });
    expect((await send('get', '/v1/items')).body['data']).toEqual([]);
    expect((await send('get', '/v1/items?archived=true')).body['data']).toHaveLength(1);
    const unknown = calls({ key: 'other', item: 'external:nothing' });
    const refused = await send('post', '/v1/plans', {
      name: 'Pro',
      prices: [calls({ item: made.body['id'] }), unknown],
    });
    expect([refused.status, refused.body['errors']]).toMatchObject([
      422,
      [
        { path: 'prices[0].item', code: 'not_found' },
        { path: 'prices[1].item', code: 'not_found' },
      ],
    ]);
  });
});

describe('an add-on', () => {
  test('has versions like a plan, and is none', async () => {
    const setup = { key: 'setup', model: 'flat', unit_amount: '490.00', currency: 'USD', interval: null };
    const made = await send('post', '/v1/add_ons', { name: 'Setup', external_id: 'setup', prices: [setup] });
    expect([made.status, made.body]).toMatchObject([
      201,
      { object: 'add_on', version: 1, trial_days: null, prices: [{ ...setup, unit_amount: '490' }] },
    ]);
    const path = `/v1/add_ons/${String(made.body['id'])}`;
    const prices = [{ ...setup, unit_amount: '590.00' }];
    expect((await send('post', `${path}/versions`, { prices })).body).toMatchObject({ version: 2 });
    expect((await send('get', `${path}?version=1`)).body['prices']).toMatchObject([{ unit_amount: '490' }]);
    expect((await send('get', '/v1/add_ons')).body['data']).toHaveLength(1);
    expect((await send('get', `/v1/plans/${String(made.body['id'])}`)).status).toBe(404);
    const ids = (await send('get', '/v1/plans')).body['data'] as { id: string }[];
    expect(ids.map(({ id }) => id)).not.toContain(made.body['id']);
    const { body: ada } = await send('post', '/v1/customers', { name: 'Ada', currency: 'USD' });
    const asPlan = await send('post', '/v1/subscriptions', { customer: ada['id'], plan: 'external:setup' });
    expect(asPlan.body['errors']).toMatchObject([{ path: 'plan', code: 'not_found' }]);
    expect((await send('post', `${path}/archive`)).body).toMatchObject({ archived_at: expect.any(String) });
  });
});

describe('a question about a price', () => {
  test('is answered by its id, or for one that is written out', async () => {
    const plan = await send('post', '/v1/plans', { name: 'Metered', prices: [calls()] });
    const [price] = plan.body['prices'] as { id: string }[];
    const stored = await send('post', '/v1/prices/evaluate', { price: price?.id, quantity: '6500' });
    expect([stored.status, stored.body]).toMatchObject([
      200,
      {
        object: 'evaluation',
        price: price?.id,
        amount: { amount: '22.00', currency: 'USD' },
        exact: '22',
        trace: { model: 'graduated', tiers: [{ quantity: '1000' }, { quantity: '5500', amount: '22' }] },
      },
    ]);
    const written = await send('post', '/v1/prices/evaluate', { price: calls(), quantity: 6500 });
    expect(written.body).toEqual({ ...stored.body, price: null });
    const nothing = await send('post', '/v1/prices/evaluate', {
      price: 'price_01kaj3n6xve9ytv0w4s5h7m2pq',
      quantity: 1,
    });
    expect(nothing.body['errors']).toMatchObject([{ path: 'price', code: 'not_found' }]);
  });
});
