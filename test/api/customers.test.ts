import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

describe('customers', () => {
  test('are created, found by both ids, changed, listed and deleted', async () => {
    const made = await api.send('post', '/v1/customers', {
      key,
      body: { name: 'Ada', external_id: 'a/b c', metadata: { a: '1', b: '2' } },
    });
    expect([made.status, made.text]).toEqual([201, expect.stringContaining('"external_id":"a/b c"')]);
    const id = made.body['id'];
    const byExternal = await api.send('get', `/v1/customers/${encodeURIComponent('external:a/b c')}`, {
      key,
    });
    expect(byExternal.body['id']).toBe(id);
    const changed = await api.send('patch', `/v1/customers/${String(id)}`, {
      key,
      body: { email: 'ada@example.com', metadata: { a: null, c: '3' } },
    });
    expect(changed.body).toMatchObject({
      name: 'Ada',
      email: 'ada@example.com',
      metadata: { b: '2', c: '3' },
    });
    const list = await api.send('get', '/v1/customers?limit=1', { key });
    expect(list.body).toMatchObject({ object: 'list', has_more: false, next_cursor: null });
    const gone = await api.send('delete', `/v1/customers/${String(id)}`, { key });
    expect([gone.status, gone.body]).toEqual([200, { object: 'customer', id, deleted: true }]);
    expect((await api.send('delete', `/v1/customers/${String(id)}`, { key })).body['code']).toBe(
      'customer_deleted',
    );
    expect(
      (await api.send('post', '/v1/customers', { key, body: { name: 'Bea', external_id: 'a/b c' } })).status,
    ).toBe(201);
  });
});
