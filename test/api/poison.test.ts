import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { Route } from '../../api/route.ts';
import { ROUTES } from '../../api/routes/index.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

/**
 * Every body that the reference gives as an example, with every field of it replaced by what nobody expects there. The
 * answer may be yes or no, but it is never a 500, and a no names what is wrong.
 */
const POISON: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  '0',
  '-1',
  '1e400',
  'NaN',
  'x'.repeat(5_000),
  '😀'.repeat(300),
  "'; drop table customers; --",
  '../../etc/passwd',
  '{{7*7}}',
  '\u202e\u0007',
  '2027-02-30T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  'external:',
  'external:x',
  [],
  [[]],
  [null],
  {},
  { a: { b: { c: {} } } },
  { toString: 'x', constructor: 'y', hasOwnProperty: 'z' },
  Array.from({ length: 500 }, () => 'x'),
];

let api: TestApi;
let key: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  api = await startTestApi({ overrides: { commandDeadlineMs: 20 } });
  ({ key } = await api.tenant());
  const make = async (noun: string, body: object) => {
    ids[noun] = String((await api.send('post', `/v1/${noun}`, { key, body })).body['id']);
  };
  await make('customers', { name: 'Ada', external_id: 'acme-42' });
  await make('plans', {
    name: 'Pro',
    external_id: 'pro',
    prices: [{ key: 'base', model: 'flat', unit_amount: '1', currency: 'USD', interval: { unit: 'month' } }],
  });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const targets = ROUTES.flatMap((route) => {
  const { examples = [] } = route.body ? (z.globalRegistry.get(route.body) ?? {}) : {};
  const [example] = examples as Record<string, unknown>[];
  return example && Object.keys(example).length > 0 ? [[route.operationId, route, example] as const] : [];
});

test.each(targets)('%s', async (_id, route, example) => {
  const wrong: string[] = [];
  for (const body of mutations(example)) {
    const reply = await send(route, body);
    const isRefused = reply.status >= 400 && typeof reply.body['detail'] === 'string';
    // Commands reach for a Temporal that is not there.
    const isFine =
      reply.status < 300 || (isRefused && reply.status < 500) || reply.body['code'] === 'engine_busy';
    if (!isFine) wrong.push(`${reply.status} ${JSON.stringify(body).slice(0, 300)}`);
  }
  expect(wrong).toEqual([]);
});

function send(route: Route, body: unknown) {
  const noun = route.path.split('/')[2] ?? '';
  const path = route.path.replace('{id}', ids[noun] ?? 'external:none');
  return api.send(route.method, path, { key: route.auth === 'operator' ? api.operatorKey : key, body });
}

/** One change at a time, at every place of the example, and the whole replaced. */
function* mutations(value: unknown): Generator<unknown> {
  yield* POISON;
  if (Array.isArray(value)) {
    for (const [index, inner] of value.entries())
      for (const changed of mutations(inner)) yield value.with(index, changed);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value))
      for (const changed of mutations(inner)) yield { ...value, [name]: changed };
    yield { ...value, [Object.keys(value)[0] ?? 'x']: undefined };
  }
}
