import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

export type Answer = { status: number; headers: Headers; body: Record<string, unknown> };
export type Call = { key?: string; idempotencyKey?: string; timeoutMs?: number };

/** The API as a customer's program uses it, and as the guide "Retrying safely" tells it to. */
export type Http = {
  /** One request, whatever comes of it; rejects when there is no answer. */
  send(method: string, path: string, body?: object | null, call?: Call): Promise<Answer>;
  /**
   * Repeats the request with one key until it is answered for good: not 5xx, not 429, not "still running". Rejects when
   * that takes longer than `patienceMs` (default five minutes).
   */
  insist(
    method: string,
    path: string,
    body?: object | null,
    call?: Call & { patienceMs?: number },
  ): Promise<Answer>;
};

const problem = z.object({ code: z.string() });

export function httpOf(url: string, defaultKey: string): Http {
  const send: Http['send'] = async (method, path, body = null, call = {}) => {
    const { key = defaultKey, idempotencyKey, timeoutMs = 30_000 } = call;
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    const parsed: unknown = text === '' ? {} : JSON.parse(text);
    return { status: response.status, headers: response.headers, body: z.looseObject({}).parse(parsed) };
  };
  return {
    send,
    async insist(method, path, body = null, { patienceMs = 300_000, ...call } = {}) {
      const idempotencyKey = call.idempotencyKey ?? randomUUID();
      const endsAtMs = performance.now() + patienceMs;
      for (let last = 'nothing was sent'; ; await sleep(100)) {
        const answer = await send(method, path, body, { ...call, idempotencyKey }).catch((error: unknown) => {
          last = `no answer: ${error instanceof Error ? error.message : String(error)}`;
          return null;
        });
        if (answer && isFinal(answer)) return answer;
        if (answer) last = `${answer.status} ${JSON.stringify(answer.body)}`;
        if (performance.now() > endsAtMs)
          throw new Error(`${method} ${path} was not answered for good in ${patienceMs} ms; last: ${last}`);
      }
    },
  };
}

function isFinal({ status, body }: Answer): boolean {
  if (status >= 500 || status === 429) return false;
  const parsed = problem.safeParse(body);
  return !(status === 409 && parsed.success && parsed.data.code === 'idempotency_key_in_use');
}
