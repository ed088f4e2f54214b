import { randomUUID } from 'node:crypto';
import type { Http } from './http.ts';

type Asked = {
  method: string;
  path: string;
  body: object;
  idempotencyKey: string;
  status: number;
  answer: string;
};

/** A customer's program that repeats every request with its own `Idempotency-Key` and remembers what it was answered. */
export type Caller = {
  /** For requests that are none of the caller's to repeat. */
  key: string;
  /** One write, insisted on; throws when the final answer is not one of `expected` (by default any 2xx). */
  post(
    path: string,
    body?: object,
    expected?: readonly number[],
  ): Promise<Record<string, unknown> & { id: string }>;
  remove(path: string): Promise<void>;
  get(path: string): Promise<Record<string, unknown>>;
  /** Sends everything again, each with the key it had: a sentence for each answer that is another one now. */
  repeatAll(): Promise<string[]>;
};

/** How long a request is repeated: several processes may be killed one after the other meanwhile. */
const PATIENCE_MS = 300_000;
/** Longer than the API itself waits for a workflow. */
const TIMEOUT_MS = 25_000;

export function callerOf(http: Http, key: string): Caller {
  const asked: Asked[] = [];
  const call = { key, timeoutMs: TIMEOUT_MS, patienceMs: PATIENCE_MS };
  const ask = async (method: string, path: string, body: object, expected: readonly number[] | null) => {
    const idempotencyKey = randomUUID();
    const { status, body: answer } = await http.insist(method, path, body, { ...call, idempotencyKey });
    if (expected ? !expected.includes(status) : status >= 300)
      throw new Error(`${method} ${path} was answered ${status}: ${JSON.stringify(answer)}`);
    asked.push({ method, path, body, idempotencyKey, status, answer: JSON.stringify(answer) });
    return answer;
  };
  return {
    key,
    async post(path, body = {}, expected) {
      const answer = await ask('POST', path, body, expected ?? null);
      return { ...answer, id: String(answer['id']) };
    },
    async remove(path) {
      await ask('DELETE', path, {}, null);
    },
    async get(path) {
      return (await http.insist('GET', path, null, call)).body;
    },
    async repeatAll() {
      const differing = await Promise.all(
        asked.map(async ({ method, path, body, idempotencyKey, status, answer }) => {
          const again = await http.insist(method, path, body, { ...call, idempotencyKey });
          const same = again.status === status && JSON.stringify(again.body) === answer;
          if (same && again.headers.get('idempotent-replayed') === 'true') return [];
          return [
            `${method} ${path}, repeated with its key, is answered ${again.status} ${JSON.stringify(again.body)} instead of ${status} ${answer}`,
          ];
        }),
      );
      return differing.flat();
    },
  };
}
