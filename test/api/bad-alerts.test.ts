import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;

beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
  const calls = { name: 'Calls', event_name: 'call', aggregation: 'sum', property: 'n' };
  await api.send('post', '/v1/meters', { key, body: { ...calls, external_id: 'calls' } });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

test('an alert says by path what it cannot be', async () => {
  const usage = { name: 'Quota', kind: 'usage', meter: 'external:calls', thresholds: ['10'] };
  const cases: [object, string, string][] = [
    [{ kind: 'balance' }, 'kind', 'not_one_of'],
    [{ meter: undefined }, 'meter', 'required'],
    [{ meter: 'external:none' }, 'meter', 'not_found'],
    [{ currency: 'USD' }, 'currency', 'conflicting_fields'],
    [{ kind: 'cost' }, 'currency', 'required'],
    [{ kind: 'cost', currency: 'USD', reset: 'day' }, 'reset', 'conflicting_fields'],
    [{ customer: 'external:nobody' }, 'customer', 'not_found'],
    [{ subscription: 'external:nobody' }, 'subscription', 'not_found'],
    [{ thresholds: [] }, 'thresholds', 'too_small'],
    [{ thresholds: ['0'] }, 'thresholds[0]', 'amount_invalid'],
    [{ thresholds: ['2', '1'] }, 'thresholds[1]', 'not_ascending'],
  ];
  for (const [changes, path, code] of cases) {
    const reply = await api.send('post', '/v1/alerts', { key, body: { ...usage, ...changes } });
    expect([changes, reply.status, reply.body['errors']]).toMatchObject([changes, 422, [{ path, code }]]);
  }
});
