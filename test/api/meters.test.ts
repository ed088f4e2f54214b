import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';

/** Meters and the prices they count for, over HTTP. */
let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant());
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const send = (method: string, path: string, body?: unknown, as = key) =>
  api.send(method, path, { key: as, ...(body === undefined ? {} : { body }) });
const traffic = (changes: object = {}) => ({
  name: 'Traffic',
  event_name: 'request',
  aggregation: 'sum',
  property: 'bytes',
  group_by: ['region'],
  ...changes,
});
const price = (changes: object = {}) => ({
  key: 'traffic',
  model: 'per_unit',
  unit_amount: '0.01',
  currency: 'USD',
  interval: { unit: 'month' },
  ...changes,
});
const make = async (changes: object = {}) =>
  String((await send('post', '/v1/meters', traffic(changes))).body['id']);
const problems = async (method: string, path: string, body: unknown) => {
  const { status, body: answer } = await send(method, path, body);
  return [status, answer['errors']];
};

describe('a meter', () => {
  test('is made, found, renamed, listed and archived; then no new price can name it', async () => {
    const made = await send('post', '/v1/meters', traffic({ external_id: 'traffic' }));
    expect([made.status, made.body]).toMatchObject([
      201,
      {
        object: 'meter',
        event_name: 'request',
        versions: [
          { version: 1, aggregation: 'sum', property: 'bytes', factor_property: null, group_by: ['region'] },
        ],
      },
    ]);
    const again = await send('post', '/v1/meters', traffic({ external_id: 'traffic' }));
    expect([again.status, again.body]).toMatchObject([409, { code: 'external_id_taken' }]);
    expect((await send('get', '/v1/meters/external:traffic')).body).toEqual(made.body);
    const changed = { name: 'Bytes', metadata: { a: 'b' } };
    expect((await send('patch', '/v1/meters/external:traffic', changed)).body).toMatchObject(changed);
    expect((await send('get', '/v1/meters')).body['data']).toMatchObject([{ id: made.body['id'] }]);
    const path = `/v1/meters/${String(made.body['id'])}`;
    expect((await send('post', `${path}/archive`)).body).toMatchObject({ archived_at: expect.any(String) });
    expect((await send('get', '/v1/meters')).body['data']).toEqual([]);
    expect(await problems('post', `${path}/versions`, { aggregation: 'count' })).toMatchObject([
      422,
      [{ code: 'meter_archived' }],
    ]);
    const prices = [price({ meter: made.body['id'] })];
    expect(await problems('post', '/v1/plans', { name: 'Late', prices })).toMatchObject([
      422,
      [{ path: 'prices[0].meter', code: 'meter_archived' }],
    ]);
  });

  test('gives its external id free when it is archived, to one meter at a time', async () => {
    const first = await send('post', '/v1/meters', traffic({ external_id: 'moved' }));
    await send('post', `/v1/meters/${String(first.body['id'])}/archive`);
    const second = await send('post', '/v1/meters', traffic({ external_id: 'moved' }));
    expect([second.status, second.body]).toMatchObject([201, { external_id: 'moved' }]);
    expect((await send('get', '/v1/meters/external:moved')).body).toEqual(second.body);
    const third = await send('post', '/v1/meters', traffic({ external_id: 'moved' }));
    expect([third.status, third.body['code']]).toEqual([409, 'external_id_taken']);
    expect((await send('get', `/v1/meters/${String(first.body['id'])}`)).body).toMatchObject({
      external_id: 'moved',
      archived_at: expect.any(String),
    });
    await send('post', `/v1/meters/${String(second.body['id'])}/archive`);
  });

  test('says by path what it cannot count', async () => {
    const cases: [object, string, string][] = [
      [{ aggregation: 'median' }, 'aggregation', 'not_one_of'],
      [{ property: undefined }, 'property', 'required'],
      [{ aggregation: 'count' }, 'property', 'conflicting_fields'],
      [{ aggregation: 'sum_product' }, 'factor_property', 'required'],
      [{ factor_property: 'price' }, 'factor_property', 'conflicting_fields'],
      [{ filters: [{ property: 'tier', values: [] }] }, 'filters[0].values', 'too_small'],
      [{ group_by: ['a', 'b', 'c', 'd'] }, 'group_by', 'too_big'],
      [{ group_by: ['a', 'a'] }, 'group_by[1]', 'duplicate'],
      [{ bucket: 'week' }, 'bucket', 'not_one_of'],
      [{ rounding: { mode: 'up' } }, 'rounding.mode', 'not_one_of'],
      [{ event_name: '' }, 'event_name', 'too_small'],
    ];
    for (const [changes, path, code] of cases) {
      const [status, errors] = await problems('post', '/v1/meters', traffic(changes));
      expect([changes, status, errors]).toMatchObject([changes, 422, [{ path, code: code }]]);
    }
  });

  test('counts otherwise from a boundary on, and keeps what its prices look at', async () => {
    const id = await make();
    const matrix = price({
      model: 'matrix',
      unit_amount: undefined,
      dimensions: ['region'],
      cells: [{ values: ['eu'], unit_amount: '0.01' }],
      meter: id,
    });
    expect((await send('post', '/v1/plans', { name: 'Matrix', prices: [matrix] })).status).toBe(201);
    const version = { aggregation: 'max', property: 'bytes', group_by: ['region', 'tier'] };
    const later = await send('post', `/v1/meters/${id}/versions`, {
      ...version,
      effective_at: '2027-03-01T00:00:00Z',
    });
    expect([later.status, later.body['versions']]).toMatchObject([
      201,
      [
        { version: 1, aggregation: 'sum' },
        { version: 2, aggregation: 'max', group_by: ['region', 'tier'] },
      ],
    ]);
    expect(
      await problems('post', `/v1/meters/${id}/versions`, {
        ...version,
        effective_at: '2027-02-01T00:00:00Z',
      }),
    ).toMatchObject([422, [{ path: 'effective_at', code: 'effective_at_too_early' }]]);
    expect(
      await problems('post', `/v1/meters/${id}/versions`, {
        ...version,
        group_by: ['tier'],
        effective_at: '2027-04-01T00:00:00Z',
      }),
    ).toMatchObject([422, [{ path: 'group_by', code: 'meter_groups_missing' }]]);
    const live = await api.tenant('live');
    const made = await send('post', '/v1/meters', traffic(), live.key);
    const past = await send(
      'post',
      `/v1/meters/${String(made.body['id'])}/versions`,
      { ...version, effective_at: '2026-01-01T00:00:00Z' },
      live.key,
    );
    expect([past.status, past.body['errors']]).toMatchObject([
      422,
      [{ path: 'effective_at', code: 'effective_at_in_past' }],
    ]);
  });
});

describe('a price', () => {
  test('that names a meter bills usage and shows the meter', async () => {
    const id = await make({ external_id: 'shown' });
    const plan = await send('post', '/v1/plans', {
      name: 'Shown',
      prices: [price({ meter: 'external:shown' })],
    });
    expect([plan.status, plan.body['prices']]).toMatchObject([
      201,
      [{ meter: id, billing: 'usage', timing: 'in_arrears' }],
    ]);
  });

  test('cannot name a meter that is not there, not its own, used twice, or not made for its model', async () => {
    const [id, other, hourly, largest] = [
      await make(),
      String((await send('post', '/v1/meters', traffic(), (await api.tenant()).key)).body['id']),
      await make({ bucket: 'hour', group_by: [] }),
      await make({ aggregation: 'max' }),
    ];
    const percentage = { model: 'percentage', unit_amount: undefined, rate: '2' };
    const matrix = {
      model: 'matrix',
      unit_amount: undefined,
      dimensions: ['tier'],
      cells: [{ values: ['a'], unit_amount: '1' }],
    };
    const cases: [object[], string, string][] = [
      [[{ meter: 'external:nothing' }], 'prices[0].meter', 'not_found'],
      [[{ meter: other }], 'prices[0].meter', 'not_found'],
      [[{ meter: id }, { meter: id, key: 'again' }], 'prices[1].meter', 'meter_used_twice'],
      [[{ meter: id, ...matrix }], 'prices[0].meter', 'meter_groups_missing'],
      [[{ meter: hourly, ...percentage }], 'prices[0].meter', 'meter_bucket_conflict'],
      [[{ meter: largest, ...percentage }], 'prices[0].meter', 'meter_aggregation_conflict'],
      [[{ meter: id, billing: 'licensed' }], 'prices[0].meter', 'conflicting_fields'],
      [[{ meter: id, model: 'flat' }], 'prices[0].meter', 'conflicting_fields'],
    ];
    for (const [changes, path, code] of cases) {
      const prices = changes.map((change) => price(change));
      const [status, errors] = await problems('post', '/v1/plans', { name: 'Refused', prices });
      expect([changes, status, errors]).toMatchObject([changes, 422, [{ path, code }]]);
    }
  });
});
