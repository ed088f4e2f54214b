import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Answer } from '../http.ts';
import { messageOf } from '../report.ts';
import type { Stage } from '../stage.ts';
import { look, sellPlan } from './customers.ts';

/** What became of the requests that customers' programs sent while something was away. */
export type LoadResult = {
  answered: number;
  /** Answered 503, and repeated with the same key. */
  refused: number;
  slowestSeconds: number;
  broken: string[];
};

export type Load = {
  /** Ends the programs when each has its last request answered, and compares what they were told with the rows. */
  stop(): Promise<LoadResult>;
};

const PROGRAMS = 3;
/** Longer than the 20 seconds a command waits for its workflow, with the database behind it. */
const TIMEOUT_MS = 35_000;
const PATIENCE_MS = 240_000;

type Tally = LoadResult & { acknowledged: Map<string, string>; stopping: boolean };

/**
 * A few programs that create customers and subscriptions and read, one request after the other, all the time. Each write
 * is repeated with its key until it succeeds; each 503 has to say when to come again, and nothing but a success or a
 * 503 is an answer to a request that is in order.
 */
export async function startLoad(stage: Stage): Promise<Load> {
  const plan = await sellPlan(stage);
  const tally: Tally = {
    answered: 0,
    refused: 0,
    slowestSeconds: 0,
    broken: [],
    acknowledged: new Map(),
    stopping: false,
  };
  const programs = Array.from({ length: PROGRAMS }, () => runProgram(stage, tally, plan));
  return {
    async stop() {
      tally.stopping = true;
      await Promise.all(programs);
      const lost = await unknownToRows(stage, tally.acknowledged);
      const { answered, refused, slowestSeconds, broken } = tally;
      return { answered, refused, slowestSeconds, broken: [...new Set([...broken, ...lost])] };
    },
  };
}

async function runProgram(stage: Stage, tally: Tally, plan: string): Promise<void> {
  for (let round = 0; !tally.stopping; round += 1) {
    const externalId = randomUUID();
    const customer = await write(stage, tally, '/v1/customers', { name: 'Ada', external_id: externalId });
    if (customer === null) return;
    await ask(stage, tally, 'GET', `/v1/customers/${customer}`);
    if (round % 3 === 0)
      await write(stage, tally, '/v1/subscriptions', { customer, plan, external_id: externalId });
    await ask(stage, tally, 'GET', '/v1/subscriptions?limit=10');
    await sleep(50);
  }
}

/** One write until it succeeds; null when that never happens, which is noted. */
async function write(stage: Stage, tally: Tally, path: string, body: object): Promise<string | null> {
  const idempotencyKey = randomUUID();
  for (const endsAtMs = performance.now() + PATIENCE_MS; performance.now() < endsAtMs; await sleep(250)) {
    const answer = await ask(stage, tally, 'POST', path, body, idempotencyKey);
    if (answer?.status === 201) {
      const id = String(answer.body['id']);
      tally.acknowledged.set(id, path);
      return id;
    }
    if (answer && answer.status < 500 && answer.body['code'] !== 'idempotency_key_in_use') return null;
  }
  tally.broken.push(`POST ${path} did not succeed within ${PATIENCE_MS / 1000} seconds`);
  return null;
}

async function ask(
  stage: Stage,
  tally: Tally,
  method: string,
  path: string,
  body: object | null = null,
  idempotencyKey?: string,
): Promise<Answer | null> {
  const startedMs = performance.now();
  const what = `${method} ${path.replace(/_[0-9a-z]{26}/, '_…')}`;
  try {
    const call = { timeoutMs: TIMEOUT_MS, ...(idempotencyKey ? { idempotencyKey } : {}) };
    const answer = await stage.http.send(method, path, body, call);
    tally.slowestSeconds = Math.max(tally.slowestSeconds, (performance.now() - startedMs) / 1000);
    tally.answered += 1;
    if (answer.status === 503) {
      tally.refused += 1;
      tally.broken.push(...mistakesOf(answer).map((mistake) => `a 503 to ${what} ${mistake}`));
    } else if (answer.status >= 300 && answer.body['code'] !== 'idempotency_key_in_use')
      tally.broken.push(`${what} was answered ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  } catch (error) {
    tally.broken.push(`${what} was not answered: ${messageOf(error)}`);
    return null;
  }
}

/** A caller who is told to come again has to be told when, in the form he knows. */
export function mistakesOf({ headers, body }: Answer): string[] {
  const mistakes: string[] = [];
  if (!Number(headers.get('retry-after'))) mistakes.push('has no Retry-After');
  if (!headers.get('content-type')?.startsWith('application/problem+json')) mistakes.push('is no problem');
  if (body['code'] !== 'engine_busy') mistakes.push(`has the code ${String(body['code'])}`);
  return mistakes;
}

/** Nothing acknowledged is lost, and what was asked for once is there once. */
async function unknownToRows(stage: Stage, acknowledged: ReadonlyMap<string, string>): Promise<string[]> {
  const rows = await look<{ id: string }>(
    stage,
    sql`select id from customers where external_id is not null union all select id from subscriptions`,
  );
  const stored = new Set(rows.map(({ id }) => id));
  const lost = [...acknowledged].filter(([id]) => !stored.has(id));
  const surplus = rows.filter(({ id }) => id.startsWith('cus_') && !acknowledged.has(id));
  return [
    ...lost.map(([id, path]) => `${id} was answered 201 by POST ${path} but has no row`),
    ...surplus.map(({ id }) => `${id} has a row but nobody was told of it`),
  ];
}
