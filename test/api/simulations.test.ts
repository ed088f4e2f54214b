import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ key } = await api.tenant('live'));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const price = (unitAmount: string) => ({
  key: 'base',
  model: 'flat',
  unit_amount: unitAmount,
  currency: 'USD',
  interval: { unit: 'month' },
});
const post = (path: string, body: unknown, as = key) => api.send('POST', path, { key: as, body });
const simulate = (body: unknown, as = key) => post('/v1/simulations', body, as);

const begin = { at: '2027-01-31', action: 'subscribe', subscription: 'main', plan: 'pro' };
const inline = { catalogue: { plans: [{ id: 'pro', prices: [price('29.00')] }] } };

describe('POST /v1/simulations', () => {
  test('answers every invoice of plans that it brings along, in the time zone of the customer', async () => {
    const { status, body } = await simulate({
      ...inline,
      customer: { time_zone: 'America/New_York' },
      timeline: [begin],
      until: '2027-03-31',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'simulation',
      from: '2027-01-31T05:00:00.000Z',
      invoices: [
        { number: 'INV-000001', at: '2027-01-31T05:00:00.000Z' },
        { number: 'INV-000002', at: '2027-02-28T05:00:00.000Z' },
        { number: 'INV-000003', at: '2027-03-31T04:00:00.000Z' },
      ],
    });
  });

  test('knows the plans of its tenant by id and by reference, at the version that is meant', async () => {
    const plan = { name: 'Pro', external_id: 'sim-pro', prices: [price('10.00')] };
    const { body: stored } = await post('/v1/plans', plan);
    await post(`/v1/plans/${String(stored['id'])}/versions`, { prices: [price('12.00')] });
    const answers = await Promise.all(
      [
        { plan: stored['id'] },
        { plan: 'external:sim-pro' },
        { plan: 'external:sim-pro', plan_version: 1 },
      ].map((named) => simulate({ timeline: [{ ...begin, ...named }], until: '2027-02-01' })),
    );
    const totals = answers.map(
      ({ body }) => (body['invoices'] as { total: { amount: string } }[])[0]?.total.amount,
    );
    expect(totals).toEqual(['12.00', '12.00', '10.00']);
  });

  test('does not know the plans of another tenant', async () => {
    const plan = { name: 'Pro', external_id: 'mine', prices: [price('10.00')] };
    const { body: stored } = await post('/v1/plans', plan);
    const other = await api.tenant('live');
    for (const named of [stored['id'], 'external:mine']) {
      const answer = await simulate(
        { timeline: [{ ...begin, plan: named }], until: '2027-02-01' },
        other.key,
      );
      expect(answer.status).toBe(422);
      expect(answer.body).toMatchObject({ errors: [{ path: 'timeline[0].plan', code: 'not_found' }] });
    }
  });

  test('stores nothing', async () => {
    await simulate({ ...inline, timeline: [begin], until: '2028-01-01' });
    for (const path of ['/v1/invoices', '/v1/subscriptions', '/v1/customers'])
      expect((await api.send('GET', path, { key })).body).toMatchObject({ data: [] });
  });

  test('takes ten thousand actions', async () => {
    const uses = Array.from({ length: 9_999 }, (_, n) => ({
      at: new Date(Date.UTC(2027, 1, 1) + n * 60_000).toISOString(),
      action: 'use',
      subscription: 'main',
      key: 'calls',
      quantity: 1,
    }));
    const calls = { ...price('0.01'), key: 'calls', model: 'per_unit', billing: 'usage' };
    const { status, body } = await simulate({
      catalogue: { plans: [{ id: 'pro', prices: [price('29.00'), calls] }] },
      timeline: [begin, ...uses],
      until: '2027-03-01',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ refused: [] });
    const lines = (body['invoices'] as { lines: { quantity: string }[] }[]).at(-1)?.lines;
    expect(lines?.at(-1)?.quantity).toBe('9999');
  });

  const refusals: [string, unknown, string][] = [
    [
      'an action before its subscription is there',
      {
        timeline: [{ at: '2027-01-01', action: 'cancel', subscription: 'main' }, begin],
        until: '2027-12-31',
      },
      'timeline[0].subscription',
    ],
    ['an end before the last action', { timeline: [begin], until: '2026-12-31' }, 'until'],
    ['more than ten years', { timeline: [begin], until: '2040-01-01' }, 'until'],
    [
      'a date that no calendar has',
      { timeline: [{ ...begin, at: '2027-02-30' }], until: '2027-12-31' },
      'timeline[0].at',
    ],
    [
      'an action that nobody knows',
      { timeline: [{ at: '2027-01-31', action: 'dance' }], until: '2027-12-31' },
      'timeline[0].action',
    ],
    [
      'a field that nobody knows',
      { timeline: [{ ...begin, colour: 'red' }], until: '2027-12-31' },
      'timeline[0].colour',
    ],
    [
      'a price with tiers that overlap',
      {
        catalogue: {
          plans: [
            {
              id: 'pro',
              prices: [
                {
                  ...price('1'),
                  unit_amount: undefined,
                  model: 'graduated',
                  tiers: [
                    { up_to: '10', unit_amount: '1' },
                    { up_to: '5', unit_amount: '1' },
                    { up_to: null, unit_amount: '1' },
                  ],
                },
              ],
            },
          ],
        },
        timeline: [begin],
        until: '2027-12-31',
      },
      'catalogue.plans[0].prices[0].tiers[1].up_to',
    ],
    ['nothing at all', { timeline: [], until: '2027-12-31' }, 'timeline'],
  ];
  test.each(refusals)('names the field and the remedy of %s', async (_sentence, body, path) => {
    const answer = await simulate({ ...inline, ...(body as object) });
    expect(answer.status).toBe(422);
    const errors = answer.body['errors'] as { path: string; message: string }[];
    expect(errors.map((error) => error.path)).toContain(path);
    for (const { message } of errors) expect(message).toMatch(/\w{3}/);
  });

  test('with strict a refusal of the engine is the answer', async () => {
    const timeline = [begin, { at: '2027-02-10', action: 'resume', subscription: 'main' }];
    const { status, body } = await simulate({ ...inline, timeline, until: '2027-12-31', strict: true });
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'resume_not_allowed', details: { action: 1 } });
  });
});
