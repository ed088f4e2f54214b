import { HOSTILE_TEXTS, POISON_VALUES, STAINS } from './poison.ts';

/** Random choices that the same seed makes again. */
export type Dice = { below(n: number): number; pick<T>(from: readonly T[]): T };

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
/** A body as it goes over the wire, and what was done to it. */
export type Mutant = { how: string; bytes: Buffer; headers: Record<string, string> };

/** mulberry32: small, and good enough to choose mischief. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    pick<T>(from: readonly T[]): T {
      const chosen = from[below(from.length)];
      if (chosen === undefined) throw new RangeError('there is nothing to choose from');
      return chosen;
    },
  };
}

const WAYS: readonly ((body: Json, dice: Dice) => Mutant)[] = [
  // Values of a wrong kind come thrice as often: they are what gets past the reader.
  replaceByValue,
  replaceByValue,
  replaceByValue,
  replaceByText,
  replaceByText,
  stainText,
  stainText,
  addMember,
  repeatMember,
  dropMember,
  breakText,
  breakBytes,
  lieAboutIt,
];

export function mutate(body: Json, dice: Dice): Mutant {
  return dice.pick(WAYS)(body, dice);
}

function replaceByValue(body: Json, dice: Dice): Mutant {
  const [name, value] = dice.pick(POISON_VALUES);
  const path = dice.pick(pathsOf(body));
  return asJson(`${shown(path)} becomes ${name}`, JSON.stringify(changed(body, path, value)));
}

/** Texts that no JSON writer would write, in the place of one value. */
function replaceByText(body: Json, dice: Dice): Mutant {
  const [name, text] = dice.pick(HOSTILE_TEXTS);
  const path = dice.pick(pathsOf(body));
  const marker = 'a-place-to-be-filled';
  const written = JSON.stringify(changed(body, path, marker));
  return asJson(
    `${shown(path)} becomes ${name}`,
    written.replace(`"${marker}"`, () => text()),
  );
}

/** A text that stays what it was but for a stain: what is refused for its shape elsewhere gets far here. */
function stainText(body: Json, dice: Dice): Mutant {
  const texts = pathsOf(body).flatMap((path) => {
    const value = at(body, path);
    return typeof value === 'string' ? [{ path, value }] : [];
  });
  const { path, value } = texts.length > 0 ? dice.pick(texts) : { path: [], value: '' };
  const stain = dice.pick(STAINS);
  const marker = 'a-place-to-be-filled';
  const written = JSON.stringify(changed(body, path, value + marker));
  return asJson(
    `${shown(path)} gets a ${stain.slice(0, 12)}`,
    written.replace(marker, () => stain),
  );
}

function addMember(body: Json, dice: Dice): Mutant {
  const member = dice.pick([
    '"__proto__":{"admin":true}',
    '"constructor":{"prototype":{"admin":true}}',
    '"toString":null',
    '"":""',
    `"${'n'.repeat(50_000)}":1`,
    '"id":"sub_0"',
    '"tenant_id":"ten_0"',
    '"\\u0000":1',
    '"\\ud800":1',
    '"metadata":{"__proto__":"x"}',
  ]);
  const text = JSON.stringify(body);
  return asJson(
    `gets ${member.slice(0, 40)}`,
    text === '{}' ? `{${member}}` : text.replace('{', () => `{${member},`),
  );
}

function repeatMember(body: Json, dice: Dice): Mutant {
  const text = JSON.stringify(body);
  const member = /"\w+":("[^"]*"|\d+|true|null)/.exec(text)?.[0] ?? '"x":1';
  const times = dice.pick([1, 2, 1_000]);
  return asJson(
    `has ${member.slice(0, 40)} ${times + 1} times`,
    text.replace('{', () => `{${`${member},`.repeat(times)}${text === '{}' ? member : ''}`),
  );
}

function dropMember(body: Json, dice: Dice): Mutant {
  const path = dice.pick(pathsOf(body));
  return asJson(`lacks ${shown(path)}`, JSON.stringify(changed(body, path, undefined)) ?? '');
}

function breakText(body: Json, dice: Dice): Mutant {
  const text = JSON.stringify(body);
  const [how, broken] = dice.pick<readonly [string, string]>([
    ['ends early', text.slice(0, dice.below(text.length))],
    ['comes twice', text + text],
    ['has something after its end', `${text}}]`],
    ['has a comma too many', text.replace(/\}$/, ',}')],
    ['has a comment', `/* a */${text}`],
    ['has single quotes', text.replaceAll('"', "'")],
    ['begins with a byte order mark', `\ufeff${text}`],
    ['is a text in JSON', JSON.stringify(text)],
    ['is in a list', `[${text}]`],
    ['is only spaces', ' '.repeat(10_000)],
    ['has 90 KB of spaces', text + ' '.repeat(90_000)],
    ['is empty', ''],
    ['is null', 'null'],
    ['is a number', '7'],
  ]);
  return asJson(how, broken);
}

function breakBytes(body: Json, dice: Dice): Mutant {
  const bytes = Buffer.from(JSON.stringify(body));
  const at = dice.below(bytes.length);
  const [how, broken] = dice.pick<readonly [string, Buffer]>([
    ['has a byte that is not UTF-8', spliced(bytes, at, [0xff])],
    ['has half a character', spliced(bytes, at, [0xe2, 0x82])],
    ['has an overlong slash', spliced(bytes, at, [0xc0, 0xaf])],
    ['has a NUL', spliced(bytes, at, [0])],
    ['has a flipped bit', flipped(bytes, at, dice.below(8))],
    ['is UTF-16', Buffer.from(bytes.toString('utf8'), 'utf16le')],
    ['is noise', Buffer.from(Array.from({ length: 1 + dice.below(2_000) }, () => dice.below(256)))],
  ]);
  return { how, bytes: broken, headers: { 'content-type': 'application/json' } };
}

/** Headers that say something else than what comes. */
function lieAboutIt(body: Json, dice: Dice): Mutant {
  const bytes = Buffer.from(JSON.stringify(body));
  const json = { 'content-type': 'application/json' };
  const headers = dice.pick<Record<string, string>>([
    {},
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'multipart/form-data; boundary=x' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': 'application/xml' },
    { 'content-type': ';;;=' },
    { ...json, 'content-encoding': 'gzip' },
    { ...json, 'content-encoding': 'br, br, br' },
    { ...json, 'if-match': '"99999999999999999999"' },
    { ...json, 'if-match': 'W/"x"' },
    { ...json, 'idempotency-key': '"'.repeat(300) },
    { ...json, 'idempotency-key': '../../x' },
    { ...json, 'x-request-id': `${'x'.repeat(5_000)}` },
    { ...json, accept: 'image/png' },
    { ...json, 'accept-encoding': 'nonsense;q=9' },
  ]);
  return { how: `with headers ${JSON.stringify(headers).slice(0, 80)}`, bytes, headers };
}

function asJson(how: string, text: string): Mutant {
  return { how, bytes: Buffer.from(text), headers: { 'content-type': 'application/json' } };
}

type Path = readonly (string | number)[];

const shown = (path: Path) => (path.length === 0 ? 'the body' : path.join('.'));

/** Every place in a body, its root included. */
function pathsOf(value: Json, here: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [here];
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [here, ...inner.flatMap(([name, child]) => pathsOf(child, [...here, name]))];
}

function at(value: Json, path: Path): Json | undefined {
  return path.reduce<Json | undefined>(
    (inner, name) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, name) : undefined),
    value,
  );
}

/** The body with the value at this place replaced; undefined takes it out. */
function changed(value: Json, [first, ...rest]: Path, to: unknown): unknown {
  if (first === undefined) return to;
  if (Array.isArray(value))
    return value.map((child, index) => (index === first ? changed(child, rest, to) : child));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, child]) => [name, name === first ? changed(child, rest, to) : child]),
  );
}

function spliced(bytes: Buffer, at: number, inserted: number[]): Buffer {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(inserted), bytes.subarray(at)]);
}

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}
