import { type Dice, type Json, mutate } from '../mutations/mutate.ts';
import { HOSTILE_TEXTS, POISON_VALUES, STAINS } from '../mutations/poison.ts';

/** One poisoned event, as bytes of a body. `number`: what is written as the property `bytes`, where that is all that is odd. */
export type Round = { how: string; bytes: Buffer; number: string | null };

export type GoodEvent = Record<string, Json>;

/** Numbers whose value is easily lost on the way: to a double, to 64 bits, to a text and back. */
const NUMBERS: readonly string[] = [
  '18446744073709551615',
  '18446744073709551616',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775809',
  '12345678901234567890',
  '99999999999999999999',
  '9007199254740993',
  '999999999999999999',
  '123456789012345678.123456789012',
  '0.1234567890123',
  '0.1e1',
  '1E+2',
  '1e15',
  '1e-12',
  '1e-13',
  '1e-400',
  '1e400',
  '-1e400',
  '-0',
  '-0.0',
  '0e99999',
  '1.10',
  '100000000000000000000000e-20',
  `0.${'0'.repeat(400)}1`,
  `1${'0'.repeat(400)}`,
];

/** What JSON readers disagree on, beyond what is tried at every place. */
const ODD_EVENTS: readonly (readonly [string, (good: string) => string])[] = [
  ['constructor as a property', (good) => withProperty(good, '"constructor":1')],
  ['toString as a property', (good) => withProperty(good, '"toString":"x"')],
  ['hasOwnProperty as a property', (good) => withProperty(good, '"hasOwnProperty":true')],
  ['__proto__ as a property', (good) => withProperty(good, '"__proto__":{"bytes":1}')],
  ['__proto__ in escapes as a property', (good) => withProperty(good, '"\\u005f_proto__":1')],
  ['an empty property name', (good) => withProperty(good, '"":1')],
  ['a property name with NUL', (good) => withProperty(good, '"a\\u0000":1')],
  ['a property name of half a pair', (good) => withProperty(good, '"\\ud800":1')],
  ['a property twice', (good) => withProperty(good, '"bytes":1')],
  ['a property twice, once in escapes', (good) => withProperty(good, '"\\u0062ytes":1')],
  ['51 properties', (good) => withProperty(good, Array.from({ length: 51 }, (_, n) => `"p${n}":1`).join())],
  ['a long text and a long number', (good) => withProperty(good, `"t":"${'x'.repeat(400_000)}","n":1e400`)],
  [
    '400,000 escapes and a long number',
    (good) => withProperty(good, `"t":"${'\\\\'.repeat(200_000)}","n":1e400`),
  ],
  ['NaN', (good) => withProperty(good, '"n":NaN')],
  ['Infinity', (good) => withProperty(good, '"n":-Infinity')],
  ['a list around it', (good) => `[${good}]`],
  ['events within it', (good) => `{"events":[${good}]}`],
  ['nothing', () => 'null'],
  ['a text', () => '"event"'],
];

function withProperty(good: string, member: string): string {
  return good.replace('"properties":{', () => `"properties":{${member},`);
}

/** The names that are replaced by each poison in turn; the last two are properties. */
const PLACES: readonly (readonly string[])[] = [
  ['idempotency_key'],
  ['event_name'],
  ['customer_id'],
  ['timestamp'],
  ['properties'],
  ['properties', 'bytes'],
  ['properties', 'region'],
];
const MARK = 'a-place-to-be-filled';

/**
 * So many poisoned events: every known poison at every place of an event first, by turns, then random mutations.
 * `goodOf` makes an event that is accepted as it is, under a key of its own.
 */
export function* roundsOf(count: number, dice: Dice, goodOf: (n: number) => GoodEvent): Generator<Round> {
  let n = 0;
  for (const [how, textOf] of shuffled(systematic(), dice)) {
    if (n >= count) return;
    yield { how, bytes: Buffer.from(textOf(JSON.stringify(goodOf(n)))), number: numberIn(how) };
    n += 1;
  }
  for (; n < count; n += 1) yield { ...mutate(goodOf(n), dice), number: null };
}

type Poison = readonly [how: string, textOf: (good: string) => string];

function systematic(): Poison[] {
  const texts: readonly (readonly [string, () => string])[] = [
    ...POISON_VALUES.map(([name, value]) => [name, () => JSON.stringify(value)] as const),
    ...HOSTILE_TEXTS,
    ...STAINS.map((stain) => [`a ${stain.slice(0, 12)}`, () => `"${stain}"`] as const),
  ];
  return [
    ...NUMBERS.map((number): Poison => [`${NUMBER}${number}`, (good) => replaced(good, BYTES, number)]),
    ...ODD_EVENTS,
    ...PLACES.flatMap((place) =>
      texts.map(
        ([name, textOf]): Poison => [
          `${place.join('.')} becomes ${name}`,
          (good) => replaced(good, place, textOf()),
        ],
      ),
    ),
  ];
}

const NUMBER = 'properties.bytes becomes the number ';
const BYTES = ['properties', 'bytes'];

const numberIn = (how: string): string | null => (how.startsWith(NUMBER) ? how.slice(NUMBER.length) : null);

/** The text of an event with another text in the place of one value. */
function replaced(good: string, place: readonly string[], text: string): string {
  return JSON.stringify(marked(JSON.parse(good) as Json, place)).replace(`"${MARK}"`, () => text);
}

function marked(value: Json, [first, ...rest]: readonly string[]): Json {
  if (first === undefined) return MARK;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return { ...value, [first]: marked(value[first] ?? null, rest) };
}

function shuffled<T>(list: readonly T[], dice: Dice): T[] {
  return list
    .map((item) => ({ item, place: dice.below(1_000_000) }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
