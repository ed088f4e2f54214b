import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { z } from 'zod';
import { readOnly } from '../../src/persistence/invariants/promised.ts';
import { query } from '../../src/persistence/rows.ts';
import { type Caller, callerOf } from './caller.ts';
import { messageOf, sentences, type Trial } from './report.ts';
import { openStage, type Stage } from './stage.ts';
import { startsSooner } from './starts-sooner.ts';
import type { SuiteOptions } from './suites.ts';

const ROWS = 1_000_000;
const ROWS_SHORT = 30_000;
const COMPLETED_WITHIN_MS = 1_800_000;
const QUIET_WITHIN_MS = 300_000;
/** After these parts of the rows were taken the worker is killed. */
const KILLED_AFTER = [0.2, 0.6];
/** One row in so many has no key of its own, says nothing that can be read, or is the row before again. */
const KEYLESS_EVERY = 3;
const BAD_EVERY = 1_000;
const TWICE_EVERY = 1_001;

/**
 * Takes in a CSV file of 1,000,000 rows while the worker is killed twice in the middle of it. Then each row that can be
 * read has to be there once, each other one has to be reported, and the counts of the import have to say so.
 */
export async function runImports({ say, short }: SuiteOptions): Promise<Trial[]> {
  const rows = short ? ROWS_SHORT : ROWS;
  await using quick = await startsSooner();
  await using stage = await openStage({ say, env: quick.env });
  const caller = callerOf(stage.http, stage.apiKey);
  const { id: customer } = await caller.post('/v1/customers', { name: 'Ada', external_id: 'ada' });
  const file = fileOf(rows);
  say(`${rows} rows, ${(file.size / 1024 ** 2).toFixed(0)} MB`);
  const startedMs = performance.now();
  const id = await upload(stage, file.stream());
  say(`uploaded after ${seconds(startedMs)} s`);
  for (const part of KILLED_AFTER) {
    const done = await untilTaken(caller, id, part * rows);
    await stage.kill('worker');
    say(`the worker is killed when ${done} are taken`);
    await sleep(500);
    await stage.start('worker');
  }
  const healedMs = performance.now();
  const broken: string[] = [];
  try {
    const { counts } = await until(caller, id, ({ status }) => status === 'completed');
    say(`${JSON.stringify(counts)} after ${seconds(startedMs)} s`);
    if (JSON.stringify(counts) !== JSON.stringify({ ...file.expected, pending: 0 }))
      broken.push(`the import counts ${JSON.stringify(counts)} instead of ${JSON.stringify(file.expected)}`);
    await stage.quiet(QUIET_WITHIN_MS);
  } catch (error) {
    broken.push(messageOf(error));
  }
  broken.push(...(await notOnce(stage, customer, file.expected.accepted)));
  broken.push(...sentences(await stage.invariants()));
  const recoverySeconds = (performance.now() - healedMs) / 1000;
  return [
    { fault: `the worker killed twice while ${rows} rows are imported`, times: 2, recoverySeconds, broken },
  ];
}

const seconds = (sinceMs: number) => ((performance.now() - sinceMs) / 1000).toFixed(1);

type File = {
  size: number;
  expected: { accepted: number; duplicates: number; rejected: number };
  stream(): ReadableStream<Uint8Array>;
};

function fileOf(rows: number): File {
  const at = new Date(Date.now() - 60_000).toISOString();
  const parts: string[] = ['idempotency_key,event_name,external_customer_id,timestamp,properties.n\n'];
  const expected = { accepted: 0, duplicates: 0, rejected: 0 };
  for (let n = 1; n <= rows; n += 1) {
    const isTwice = n % TWICE_EVERY === 0;
    const key = n % KEYLESS_EVERY === 0 && !isTwice ? '' : `row-${isTwice ? n - 1 : n}`;
    const isBad = n % BAD_EVERY === 0;
    const worth = isTwice ? n - 1 : n;
    parts.push(`${key},call,ada,${isBad ? 'never' : at},${worth}\n`);
    if (isBad) expected.rejected += 1;
    else if (isTwice && keyedBefore(n)) expected.duplicates += 1;
    else expected.accepted += 1;
  }
  const blob = new Blob(parts);
  return { size: blob.size, expected, stream: () => blob.stream() };
}

/** Whether the row before was taken under the key that is repeated. */
function keyedBefore(n: number): boolean {
  return (n - 1) % KEYLESS_EVERY !== 0 && (n - 1) % BAD_EVERY !== 0;
}

async function upload(stage: Stage, body: ReadableStream<Uint8Array>): Promise<string> {
  const response = await fetch(`${stage.apiUrl}/v1/usage_imports?format=csv`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.apiKey}` },
    body,
    duplex: 'half',
  });
  const answer = z.looseObject({ id: z.string() }).safeParse(await response.json());
  if (!answer.success) throw new Error(`the upload was answered ${response.status}`);
  return answer.data.id;
}

const imported = z.looseObject({
  status: z.string(),
  counts: z.object({ accepted: z.int(), duplicates: z.int(), rejected: z.int(), pending: z.int() }),
});
type Seen = z.infer<typeof imported>;

async function until(caller: Caller, id: string, isSo: (seen: Seen) => boolean): Promise<Seen> {
  for (const endsAtMs = performance.now() + COMPLETED_WITHIN_MS; ; await sleep(50)) {
    const seen = imported.parse(await caller.get(`/v1/usage_imports/${id}`));
    if (isSo(seen)) return seen;
    if (performance.now() > endsAtMs)
      throw new Error(`the import is still ${seen.status}: ${JSON.stringify(seen.counts)}`);
  }
}

async function untilTaken(caller: Caller, id: string, count: number): Promise<number> {
  const { counts } = await until(caller, id, (seen) => seen.counts.accepted >= count);
  return counts.accepted;
}

/** A sentence when an event is there more or less often than once. */
async function notOnce({ database }: Stage, customer: string, expected: number): Promise<string[]> {
  const [row] = await readOnly(database, (tx) =>
    query<{ events: number; keys: number }>(
      tx,
      sql`select count(*)::int as events, count(distinct key)::int as keys from usage_events where customer_id = ${customer}`,
    ),
  );
  const { events, keys } = row ?? { events: 0, keys: 0 };
  const isOnce = events === expected && keys === expected;
  return isOnce ? [] : [`${expected} rows became ${events} events with ${keys} keys`];
}
