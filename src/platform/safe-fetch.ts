import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { type AddressFilter, createAddressFilter } from './address-filter.ts';

/**
 * Sends to URLs that tenants chose, without becoming their hand inside our network: the name is resolved and the
 * connection made through one filtered lookup at every attempt. Redirects are not followed.
 */
export interface SafeSender extends AsyncDisposable {
  /** Posts a JSON body. Never rejects: whatever goes wrong is an `error`. */
  post(url: string, headers: Record<string, string>, body: string, signal?: AbortSignal): Promise<Answer>;
}

/** What came back. `status` without `error` is a complete answer; an `error` may come with a status. */
export type Answer = {
  status: number | null;
  error: string | null;
  retryAfter: string | null;
  /** The first 1 KB of the body as text. */
  excerpt: string | null;
};

export type SafeSenderOptions = {
  /** CIDR ranges where plain http and private addresses are fine (development). */
  allow: readonly string[];
  /** For everything together, from the look-up of the name to the last byte. */
  timeoutMs?: number;
  /** How names become addresses; tests bring their own. */
  resolve?: (hostname: string) => Promise<string[]>;
};

/** Longer answers are cut off; nobody needs them. */
export const ANSWER_BYTES_MAX = 64 * 1024;
export const EXCERPT_BYTES = 1024;
const URL_LENGTH_MAX = 2048;

/**
 * Whether a URL may be registered; resolves its name, with the same filter that later attempts pass through.
 *
 * @returns a `reason` in words for the person who wrote the URL.
 */
export async function checkUrl(
  text: string,
  options: SafeSenderOptions,
): Promise<{ allowed: true } | { allowed: false; reason: string }> {
  const { allow, timeoutMs = 5_000, resolve = resolveBySystem } = options;
  try {
    const url = parseTarget(text);
    await within(timeoutMs, addressesFor(hostOf(url), url.protocol, createAddressFilter(allow), resolve));
    return { allowed: true };
  } catch (error) {
    return { allowed: false, reason: sentence(error, timeoutMs) };
  }
}

export function createSafeSender(options: SafeSenderOptions): SafeSender {
  const { timeoutMs = 15_000, resolve = resolveBySystem } = options;
  const filter = createAddressFilter(options.allow);
  const agents = {
    'https:': agent((host) => addressesFor(host, 'https:', filter, resolve), timeoutMs),
    'http:': agent((host) => addressesFor(host, 'http:', filter, resolve), timeoutMs),
  };
  return {
    async post(text, headers, body, signal) {
      const answer: Answer = { status: null, error: null, retryAfter: null, excerpt: null };
      try {
        const url = parseTarget(text);
        // Node.js connects to a literal address without asking any lookup, so those are judged here.
        if (isIP(hostOf(url))) await addressesFor(hostOf(url), url.protocol, filter, resolve);
        const timeout = AbortSignal.timeout(timeoutMs);
        await exchange(agents[url.protocol], url, headers, body, {
          signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
          answer,
        });
      } catch (error) {
        answer.error = signal?.aborted ? 'The attempt was interrupted.' : sentence(error, timeoutMs);
      }
      return answer;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(agents).map((one) => one.destroy()));
    },
  };
}

/** A refusal that is ours, with a sentence that may be shown. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

type Target = URL & { protocol: 'https:' | 'http:' };

function parseTarget(text: string): Target {
  if (text.length > URL_LENGTH_MAX) throw new Refusal(`The URL is longer than ${URL_LENGTH_MAX} characters.`);
  if (!URL.canParse(text)) throw new Refusal('This is not a URL.');
  const url = new URL(text);
  if (!isTarget(url)) throw new Refusal('The URL has to begin with https://.');
  if (url.username !== '' || url.password !== '')
    throw new Refusal('The URL must not contain a user name or password.');
  return url;
}

function isTarget(url: URL): url is Target {
  return url.protocol === 'https:' || url.protocol === 'http:';
}

/** The host without the brackets of an IPv6 address. `new URL` has already turned 0x7f.1 into 127.0.0.1. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/** Where a host may be reached. One refused address refuses the host: which one is used would be chance. */
async function addressesFor(
  host: string,
  protocol: Target['protocol'],
  filter: AddressFilter,
  resolve: (hostname: string) => Promise<string[]>,
): Promise<string[]> {
  const addresses = isIP(host) ? [host] : await resolve(host);
  if (addresses.length === 0) throw new Refusal(`The name ${host} has no address.`);
  if (protocol === 'http:' && !addresses.every(filter.isListed))
    throw new Refusal('The URL has to begin with https://.');
  if (!addresses.every(filter.isReachable)) {
    throw new Refusal(
      `${host} is or resolves to an address that is not public; use a host on the public internet.`,
    );
  }
  return addresses;
}

async function resolveBySystem(hostname: string): Promise<string[]> {
  try {
    return (await systemLookup(hostname, { all: true })).map(({ address }) => address);
  } catch {
    throw new Refusal(`The name ${hostname} cannot be resolved.`);
  }
}

function agent(addresses: (host: string) => Promise<string[]>, timeoutMs: number): Agent {
  const lookup: LookupFunction = (hostname, options, callback) => {
    addresses(hostname).then(
      (found) => {
        const all = found.map((address) => ({ address, family: isIP(address) }));
        if (options.all) callback(null, all);
        else callback(null, all[0]?.address ?? '', all[0]?.family ?? 0);
      },
      (error: NodeJS.ErrnoException) => callback(error, options.all ? [] : ''),
    );
  };
  return new Agent({
    connect: { lookup, timeout: timeoutMs },
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4_000,
    pipelining: 1,
  });
}

/** One request; fills `answer` as it goes, so that an error later still leaves the status that was seen. */
async function exchange(
  dispatcher: Agent,
  url: URL,
  headers: Record<string, string>,
  body: string,
  { signal, answer }: { signal: AbortSignal; answer: Answer },
): Promise<void> {
  const response = await dispatcher.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method: 'POST',
    headers,
    body,
    signal,
  });
  answer.status = response.statusCode;
  answer.retryAfter = first(response.headers['retry-after']);
  await readExcerpt(response.body, answer);
}

async function readExcerpt(body: Dispatcher.ResponseData['body'], answer: Answer): Promise<void> {
  const kept: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (bytes < EXCERPT_BYTES) kept.push(chunk.subarray(0, EXCERPT_BYTES - bytes));
      bytes += chunk.length;
      if (bytes >= ANSWER_BYTES_MAX) break;
    }
  } finally {
    // PostgreSQL has no place for NUL in a text.
    const text = new TextDecoder().decode(Buffer.concat(kept)).replaceAll('\0', '\uFFFD');
    answer.excerpt = text === '' ? null : text;
  }
}

function first(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null;
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Refusal(`No answer within ${timeoutMs / 1_000} s.`)), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The connection's own limits are as long as ours, so either may come first. */
const TIMEOUT_CODES = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** What went wrong, in words that tell a tenant nothing about our network. */
function sentence(error: unknown, timeoutMs: number): string {
  const { name, code, message } = error as Partial<NodeJS.ErrnoException>;
  if (name === 'Refusal' && message) return message;
  if (name === 'TimeoutError' || (code !== undefined && TIMEOUT_CODES.has(code)))
    return `No complete answer within ${timeoutMs / 1_000} s.`;
  if (code === 'ECONNREFUSED') return 'The connection was refused.';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET')
    return 'The connection was closed before the answer was complete.';
  if (code?.includes('CERT') || code?.startsWith('ERR_TLS') || code?.startsWith('ERR_SSL'))
    return `The TLS connection failed (${code}).`;
  return `The request failed${code ? ` (${code})` : ''}.`;
}
