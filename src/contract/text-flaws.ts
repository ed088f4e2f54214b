/**
 * What `JSON.parse` does not tell: that a name stood twice in one object (receivers disagree on which one counts), and
 * that a number was written with more digits than a double holds. Both are found in the text. A first look that costs
 * little says whether there can be any; only then the text is walked token by token.
 */
export type TextFlaw = { path: string; code: string; message: string };
export type TextFlaws = {
  /** Outside of every item. */
  ofBody: TextFlaw | null;
  /** The first of each item, by its place. */
  ofItem: Map<number, TextFlaw>;
};

/**
 * @param text is valid JSON.
 * @param body is what it was parsed to: an array of items, an object whose `events` are the items, or one item.
 * @returns null where there are none.
 */
export function findTextFlaws(text: string, body: unknown): TextFlaws | null {
  if (!mayHaveFlaws(text, body)) return null;
  const flaws: TextFlaws = { ofBody: null, ofItem: new Map() };
  const depth = depthOfItems(body);
  walk(text, (path, flaw) => {
    const item = itemOf(path, depth);
    if (item === null) flaws.ofBody ??= { ...flaw, path: '' };
    else if (!flaws.ofItem.has(item)) flaws.ofItem.set(item, { ...flaw, path: within(path, depth) });
  });
  return flaws;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** So many digits a double always gives back as they were. */
const DIGITS_SAFE = 15;

/** Whether some number is long or has an exponent, or the text has more names than came out of it. */
function mayHaveFlaws(text: string, body: unknown): boolean {
  let names = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COLON) names += 1;
    else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const start = at;
      while (isNumberPart(text.charCodeAt(at + 1))) at += 1;
      // A sign and a point may be among them, so this asks a little too often and never too seldom.
      if (at - start >= DIGITS_SAFE || hasExponent(text, start, at)) return true;
    }
  }
  return names !== namesIn(body);
}

/** Names of the body, of its items and of their properties. Of anything deeper none are counted: it is looked at closely. */
function namesIn(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > 3) return 0;
  let names = 0;
  if (Array.isArray(value)) for (const inner of value) names += namesIn(inner, depth + 1);
  else
    for (const name of Object.keys(value)) {
      const inner = (value as Record<string, unknown>)[name];
      names += typeof inner === 'object' ? 1 + namesIn(inner, depth + 1) : 1;
    }
  return names;
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (text.charCodeAt(end - 1) === BACKSLASH && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

/** A digit, a sign, a point or an exponent. */
function isNumberPart(code: number): boolean {
  return (
    (code >= ZERO && code <= NINE) ||
    code === 0x2e ||
    code === MINUS ||
    code === 0x2b ||
    code === 0x65 ||
    code === 0x45
  );
}

function hasExponent(text: string, start: number, end: number): boolean {
  for (let at = start; at <= end; at += 1) if ((text.charCodeAt(at) | 0x20) === 0x65) return true;
  return false;
}

type Level = { names: Set<string> | null; name: string; index: number };
type Path = readonly Level[];

/** Visits every token without recursion, so depth costs nothing. */
function walk(text: string, tell: (path: Path, flaw: Omit<TextFlaw, 'path'>) => void): void {
  const levels: Level[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],]|-?\d[\d.eE+-]*/gs;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [token] = match;
    const level = levels.at(-1);
    if (token === '{' || token === '[')
      levels.push({ names: token === '{' ? new Set() : null, name: '', index: 0 });
    else if (token === '}' || token === ']') levels.pop();
    else if (token === ',') {
      if (level) level.index += 1;
    } else if (!token.startsWith('"')) {
      if (!isExact(token)) tell(levels, NOT_EXACT);
    } else if (level?.names && isName(text, tokens.lastIndex)) {
      level.name = String(JSON.parse(token));
      if (level.names.has(level.name)) tell(levels, TWICE);
      level.names.add(level.name);
    }
  }
}

const NOT_EXACT = {
  code: 'number_inexact',
  message: 'This number has more digits than JSON readers keep; send it as a string.',
};
const TWICE = { code: 'name_twice', message: 'This name stands twice in one object; keep one.' };

/** In JSON a string is the name of a member exactly when a colon follows. */
function isName(text: string, from: number): boolean {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return text[at] === ':';
}

function isExact(token: string): boolean {
  return plain(token) === plain(String(Number(token)));
}

/** Sign, digits without zeros around them, and the power of ten of the last digit: the same for the same number. */
function plain(token: string): string {
  const [, sign = '', whole = '', decimals = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  const digits = `${whole}${decimals}`.replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  if (short === '') return '0';
  return `${sign}${short}e${Number(exponent) - decimals.length + digits.length - short.length}`;
}

/** How many levels stand around an item. */
function depthOfItems(body: unknown): number {
  if (Array.isArray(body)) return 1;
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'events') ? 2 : 0;
}

/** Which item a place belongs to; null outside of all. */
function itemOf(path: Path, depth: number): number | null {
  if (depth === 0) return 0;
  return path[depth - 1]?.index ?? null;
}

/** A place within its item. A text may be nested a hundred thousand levels deep, so a few of them have to do. */
function within(path: Path, depth: number): string {
  return path
    .slice(depth, depth + 4)
    .map(({ names, name, index }) => (names ? `.${name.slice(0, 60).toWellFormed()}` : `[${index}]`))
    .join('')
    .replace(/^\./, '');
}
