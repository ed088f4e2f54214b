import { Agent, request } from 'undici';
import { clock } from '../../platform/clock.ts';

/** Larger answers are cut off and count as garbage. */
const RESPONSE_BYTES_MAX = 64 * 1024;

export type Answer =
  | { kind: 'answer'; status: number; body: unknown }
  /** `retryAfterMs`: how long the gateway asks to be left alone; absent when it does not say. */
  | { kind: 'none'; reason: string; retryAfterMs?: number };

export type Exchange = AsyncDisposable & {
  /** One request and its whole answer within the time limit. Never throws: no usable answer is `none`, with a reason fit for a log. */
  send(method: 'GET' | 'POST', path: string, body?: Record<string, unknown>): Promise<Answer>;
};

/** An HTTP conversation with one gateway: JSON both ways, bounded in time and size, redirects not followed. */
export function exchange(baseUrl: string, timeoutMs: number): Exchange {
  const agent = new Agent({
    maxResponseSize: RESPONSE_BYTES_MAX,
    connections: 64,
    connect: { timeout: timeoutMs },
  });
  const base = baseUrl.replace(/\/+$/, '');
  return {
    async send(method, path, body) {
      try {
        const response = await request(`${base}${path}`, {
          method,
          dispatcher: agent,
          signal: AbortSignal.timeout(timeoutMs),
          headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) },
          ...(body && { body: JSON.stringify(body) }),
        });
        const text = await response.body.text();
        return understood(response.statusCode, text, pauseAsked(response.headers['retry-after']));
      } catch (error) {
        return { kind: 'none', reason: reasonOf(error, timeoutMs) };
      }
    },
    async [Symbol.asyncDispose]() {
      await agent.destroy();
    },
  };
}

/** Answers that say nothing about the charge (5xx, 429, redirects, no JSON) are no answers. */
function understood(status: number, text: string, pause: { retryAfterMs?: number }): Answer {
  if (status >= 500 || status === 429 || status < 200 || (status >= 300 && status < 400)) {
    return { kind: 'none', reason: `The gateway answered ${status}.`, ...pause };
  }
  try {
    return { kind: 'answer', status, body: JSON.parse(text) };
  } catch {
    return { kind: 'none', reason: `The gateway answered ${status} with a body that is not JSON.` };
  }
}

/** `Retry-After`, as seconds or as an HTTP date; what cannot be read or lies in the past asks for nothing. */
function pauseAsked(header: string | string[] | undefined): { retryAfterMs?: number } {
  const text = typeof header === 'string' ? header.trim() : '';
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - clock.now().getTime();
  return ms > 0 ? { retryAfterMs: ms } : {};
}

/** By name and code, not `instanceof`: Node's own errors are of another realm under test. */
function reasonOf(error: unknown, timeoutMs: number): string {
  const name = member(error, 'name');
  const code = member(error, 'code');
  if (name === 'TimeoutError') return `The gateway did not answer within ${timeoutMs} ms.`;
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return `The gateway answered with more than ${RESPONSE_BYTES_MAX} bytes.`;
  return `The gateway could not be reached or broke off (${code || name || 'unknown error'}).`;
}

function member(error: unknown, name: 'name' | 'code'): string {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === 'string' ? value : '';
}
