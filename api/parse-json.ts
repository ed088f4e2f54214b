import { DomainError } from '../src/domain/errors.ts';

const DEPTH_MAX = 32;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON as strictly as money deserves: valid UTF-8, no name twice in one object (receivers disagree on which one counts),
 * no `__proto__`, at most 32 levels, no NUL and no half of a surrogate pair (PostgreSQL can store neither). Throws
 * `malformed_request` with the reason.
 */
export function parseJson(bytes: Buffer): unknown {
  const text = decodeBody(bytes);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Node says where, and quotes what stands there; a body may hold secrets, so only the place goes on.
    const place = /position \d+/.exec(String(error))?.[0];
    throw malformed(`The body is not valid JSON${place ? `; look at ${place}` : ''}.`);
  }
  checkStructure(text);
  return value;
}

/** Throws `malformed_request` for what is not valid UTF-8. */
export function decodeBody(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed('The body is not valid UTF-8.');
  }
}

/** Throws `unsupported_media_type`. */
export function refuseOtherThanJson(contentType: string | undefined): void {
  if (/^application\/(json|[\w.-]+\+json)\s*(;\s*charset="?utf-8"?\s*)?$/i.test(contentType ?? '')) return;
  throw new DomainError('unsupported_media_type', 'Send the body as application/json in UTF-8.');
}

/** Throws `malformed_request` for text that cannot be stored. */
export function checkText(text: string, where: string): void {
  if (text.includes('\0')) throw malformed(`${where} contains the character NUL; take it out.`);
  if (!text.isWellFormed()) throw malformed(`${where} contains half of a surrogate pair; take it out.`);
}

type Level = { names: Set<string> | null };

/** Walks over text that is known to be JSON; without recursion, so depth costs nothing. */
function checkStructure(text: string): void {
  const levels: Level[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [token] = match;
    if (token === '{' || token === '[') {
      levels.push({ names: token === '{' ? new Set() : null });
      if (levels.length > DEPTH_MAX) throw malformed(`The body is nested deeper than ${DEPTH_MAX} levels.`);
    } else if (token === '}' || token === ']') {
      levels.pop();
    } else {
      const content = String(JSON.parse(token));
      checkText(content, 'A text in the body');
      const names = levels.at(-1)?.names;
      if (names && isName(text, tokens.lastIndex)) checkName(names, content);
    }
  }
}

/** In JSON a string is the name of a member exactly when a colon follows. */
function isName(text: string, from: number): boolean {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return text[at] === ':';
}

function checkName(names: Set<string>, name: string): void {
  const shown = JSON.stringify(name.slice(0, 60));
  if (name === '__proto__') throw malformed('The name "__proto__" is not accepted.');
  if (names.has(name)) throw malformed(`The name ${shown} stands twice in one object; keep one.`);
  names.add(name);
}

function malformed(message: string): DomainError {
  return new DomainError('malformed_request', message);
}
