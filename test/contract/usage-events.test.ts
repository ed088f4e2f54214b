import { describe, expect, test } from '@jest/globals';
import { instantIn } from '../../src/contract/common.ts';
import { readInstant } from '../../src/contract/read-instant.ts';
import { isUsageProblem, readUsageEvent } from '../../src/contract/read-usage-event.ts';
import { readUsageEvents } from '../../src/contract/usage-body.ts';
import { usageEventIn } from '../../src/contract/usage-events.ts';

const good = {
  idempotency_key: 'a',
  event_name: 'call',
  customer_id: 'cus_01kaj3n6xve9ytv0w4s5h7m2pq',
  timestamp: '2027-03-15T10:00:00Z',
};
const { customer_id, ...ownerless } = good;
const subscription_id = 'sub_01kaj3n6xve9ytv0w4s5h7m2pq';
const properties = (value: unknown) => ({ ...good, properties: value });
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n]));

describe('events are read by hand as the reference says they are', () => {
  const events: unknown[] = [
    good,
    { ...ownerless, external_customer_id: 'acme' },
    { ...good, subscription_id },
    properties({}),
    properties({ a: 1, b: 'x', c: true, d: '' }),
    properties({ a: 1e17, b: -0.000000000001, c: 999999999999999 }),
    properties(many(50)),
    properties(many(51)),
    properties({ ['x'.repeat(100)]: 'y'.repeat(500) }),
    properties({ ['x'.repeat(101)]: 1 }),
    properties({ a: 'y'.repeat(501) }),
    properties({ '': 1 }),
    properties({ a: '\ud800' }),
    properties({ a: null }),
    properties({ a: [] }),
    properties({ a: {} }),
    properties({ a: 1e18 }),
    properties({ a: -1e18 }),
    properties({ a: Number.POSITIVE_INFINITY }),
    properties([]),
    properties(null),
    properties('x'),
    null,
    [],
    'x',
    1,
    {},
    ...Object.keys(good).map((name) => ({ ...good, [name]: undefined })),
    ...Object.keys(good).flatMap((name) =>
      [null, 1, '', 'x', 'x'.repeat(256), '\0', {}].map((value) => ({ ...good, [name]: value })),
    ),
    { ...good, subscription_id: 'sub_x' },
    { ...ownerless, external_customer_id: '' },
    { ...ownerless, external_customer_id: 'x'.repeat(256) },
    { ...good, amount: 1 },
  ];

  test.each(events.map((event, n) => [`${n}: ${JSON.stringify(event).slice(0, 200)}`, event]))(
    '%s',
    (_shown, event) => {
      // Which of the two it names, the schema of one field cannot say.
      const owners = typeof event === 'object' && event !== null ? Object.entries(event) : [];
      const owner = owners.filter(([name, value]) => name.endsWith('customer_id') && value !== undefined);
      const isGood = usageEventIn.safeParse(event).success && owner.length === 1;
      expect(!isUsageProblem(readUsageEvent(event))).toBe(isGood);
    },
  );

  test('an owner is named once', () => {
    expect(readUsageEvent({ ...good, external_customer_id: 'x' })).toMatchObject({
      problem: true,
      code: 'one_of',
    });
    expect(readUsageEvent(ownerless)).toMatchObject({ problem: true, code: 'required', path: 'customer_id' });
    expect(customer_id).toBeDefined();
  });
});

test.each([
  '2027-03-15T10:00:00Z',
  '2027-03-15T10:00:00.1Z',
  '2027-03-15T10:00:00.123456789+05:45',
  '2028-02-29T23:59:59-12:00',
  '1970-01-01T00:00:00+01:00',
  '2199-12-31T23:59:59Z',
  '2200-01-01T00:00:00+02:00',
  '2027-02-29T00:00:00Z',
  '2027-02-30T00:00:00Z',
  '2027-13-01T00:00:00Z',
  '2027-00-10T00:00:00Z',
  '2027-01-32T00:00:00Z',
  '2027-01-01T24:00:00Z',
  '2027-01-01T10:60:00Z',
  '2027-01-01T10:00:60Z',
  '2027-01-01T10:00:00',
  '2027-01-01T10:00:00z',
  '2027-01-01 10:00:00Z',
  '2027-01-01T10:00Z',
  '2027-01-01T10:00:00.1234567890Z',
  '0070-01-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '2027-01-01T10:00:00+1:00',
  ' 2027-01-01T10:00:00Z',
  '',
])('the instant "%s" is read as everywhere else', (text) => {
  const parsed = instantIn.safeParse(text);
  expect(readInstant(text)?.toISOString() ?? null).toBe(parsed.success ? parsed.data : null);
});

describe('what JSON.parse keeps quiet about', () => {
  const body = (properties: string) =>
    JSON.stringify({ events: [good, good] }).replace('"}]}', `","properties":${properties}}]}`);
  const second = (properties: string) => readUsageEvents(body(properties))[1];

  test.each([
    '0',
    '-0',
    '1.0',
    '1.50',
    '0.1',
    '1e3',
    '1E-5',
    '1.5e+2',
    '100000000000000000',
    '9007199254740992',
    '123456789012.345',
    '0.000000000001',
    '0.000000000000000',
    '"12345678901234567890"',
    '"a\\"b: 1e400, {"',
  ])('%s is a value', (value) => {
    expect(second(`{"a":${value},"b":"1"}`)).toMatchObject({ key: 'a' });
  });

  test.each(['9007199254740993', '123456789012345678', '1234567.12345678912', '100000000000000001'])(
    '%s has digits that a double does not hold',
    (value) => {
      const [first, refused] = readUsageEvents(body(`{"a":${value}}`));
      expect(first).toMatchObject({ key: 'a', properties: {} });
      expect(refused).toMatchObject({ code: 'number_inexact', path: 'properties.a', key: 'a' });
    },
  );

  test('a name that stands twice is found wherever it stands, and however it is written', () => {
    expect(second('{"a":1,"\\u0061":2}')).toMatchObject({ code: 'name_twice', path: 'properties.a' });
    expect(second('{"a":"b\\\\","c":1}')).toMatchObject({ key: 'a' });
    expect(() => readUsageEvents('{"events":[],"events":[{}]}')).toThrow('stands twice');
    const single = JSON.stringify(good).replace('}', ',"event_name":"other"}');
    expect(readUsageEvents(single)).toEqual([
      expect.objectContaining({ code: 'name_twice', path: 'event_name' }),
    ]);
    expect(readUsageEvents(`[${single}]`)).toEqual([expect.objectContaining({ code: 'name_twice' })]);
  });

  test('depth and number of flaws cost no more than the text is long', () => {
    const deep = `{"a":${'['.repeat(200_000)}${'1e400,'.repeat(50_000)}1${']'.repeat(200_000)}}`;
    const [first, refused] = readUsageEvents(body(deep));
    expect(first).toMatchObject({ key: 'a' });
    expect(refused).toMatchObject({ code: 'type_invalid', path: 'properties.a' });
  });
});
