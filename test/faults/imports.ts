import { setTimeout as sleep } from 'node:timers/promises';
import { callerOf } from './caller.ts';
import { csvFile, ndjsonFile, type SentFile } from './imports-file.ts';
import { type Counted, counted, notOnce, type Uploaded, untilImport, upload } from './imports-upload.ts';
import { peakWhile } from './outages/mutations.ts';
import { messageOf, sentences, type Trial } from './report.ts';
import { openStage, type Stage } from './stage.ts';
import { startsSooner } from './starts-sooner.ts';
import type { SuiteOptions } from './suites.ts';

const ROWS = 1_000_000;
const ROWS_SHORT = 30_000;
const QUIET_WITHIN_MS = 300_000;
/** After these parts of the rows were taken the worker is killed. */
const KILLED_AFTER = [0.2, 0.6];

/** 1,017 MB: a little less than what one file may have. */
const LARGE = { rows: 600_000, rowBytes: 2_000 };
const LARGE_SHORT = { rows: 15_000, rowBytes: 2_000 };
/** What one process may hold while it takes a file of any size. */
const MEMORY_MB_MAX = 600;
/** A dead upload is given up after one minute. */
const GIVEN_UP_WITHIN_MS = 300_000;

const STORIES: readonly { fault: string; run: (options: SuiteOptions, fault: string) => Promise<Trial> }[] = [
  { fault: 'the worker killed twice while rows are imported', run: killedWorker },
  { fault: 'the API killed in the middle of a large upload', run: killedApi },
];

/**
 * Files of events while processes are killed. Each row that can be read has to be there once, each other one has to be
 * reported, and the counts of the import and of a meter have to say so.
 */
export async function runImports(options: SuiteOptions): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const { fault, run } of STORIES)
    if (fault.includes(options.only)) trials.push(await run(options, fault));
  return trials;
}

async function killedWorker({ say, short }: SuiteOptions, fault: string): Promise<Trial> {
  await using quick = await startsSooner();
  await using stage = await openStage({ say, env: quick.env });
  const caller = callerOf(stage.http, stage.apiKey);
  const owner = await counted(caller);
  const file = csvFile(short ? ROWS_SHORT : ROWS, owner.externalId);
  const startedMs = performance.now();
  const id = idOf(await upload(stage, file));
  say(`${file.rows} rows are uploaded after ${seconds(startedMs)} s`);
  for (const part of KILLED_AFTER) {
    const isTaken = ({ counts }: { counts: { accepted: number } }) => counts.accepted >= part * file.rows;
    const { counts } = await untilImport(caller, id, isTaken, say);
    await stage.kill('worker');
    say(`the worker is killed when ${counts.accepted} are taken, after ${seconds(startedMs)} s`);
    await sleep(500);
    await stage.start('worker');
  }
  const healedMs = performance.now();
  const broken = await aftermath(stage, owner, { file, id, say });
  return { fault, times: KILLED_AFTER.length, recoverySeconds: Number(seconds(healedMs)), broken };
}

/** Its client does what the guide says: it sends the file again with its key, until that is answered for good. */
async function killedApi({ say, short }: SuiteOptions, fault: string): Promise<Trial> {
  await using quick = await startsSooner();
  await using stage = await openStage({ say, env: quick.env });
  const caller = callerOf(stage.http, stage.apiKey);
  const owner = await counted(caller);
  const { rows, rowBytes } = short ? LARGE_SHORT : LARGE;
  const file = ndjsonFile(rows, rowBytes, owner.externalId);
  const idempotencyKey = 'the file of this month';
  const startedMs = performance.now();
  const broken: string[] = [];
  const killed = Promise.withResolvers<void>();
  const onSent = (bytes: number) => {
    if (bytes > (rows * rowBytes) / 2) killed.resolve(stage.kill('api'));
  };
  const first = await upload(stage, file, { idempotencyKey, onSent }).catch(() => null);
  if (first) broken.push(`the API was dead, and answered ${first.status} all the same`);
  await killed.promise;
  say(`the API is killed in the middle of the upload, after ${seconds(startedMs)} s`);
  await stage.start('api');
  const healedMs = performance.now();
  let answer: Uploaded | null = null;
  const peakMb = await peakWhile(stage, async () => {
    answer = await uploadInsisting(stage, file, idempotencyKey);
  });
  const id = idOf(answer ?? { status: 0, body: {} });
  say(`${rows} rows are uploaded after ${seconds(startedMs)} s; the API held ${peakMb} MB at most`);
  if (peakMb > MEMORY_MB_MAX) broken.push(`the API held ${peakMb} MB`);
  broken.push(...(await aftermath(stage, owner, { file, id, say })));
  return { fault, times: 1, recoverySeconds: Number(seconds(healedMs)), broken };
}

async function uploadInsisting(stage: Stage, file: SentFile, idempotencyKey: string): Promise<Uploaded> {
  for (const endsAtMs = performance.now() + GIVEN_UP_WITHIN_MS; ; await sleep(2_000)) {
    const answer = await upload(stage, file, { idempotencyKey }).catch((error: unknown) => ({
      status: 0,
      body: { detail: messageOf(error) },
    }));
    if (answer.status === 200 || performance.now() > endsAtMs) return answer;
  }
}

function idOf({ status, body }: Uploaded): string {
  const { id } = body;
  if (status === 200 && typeof id === 'string') return id;
  throw new Error(`the upload was answered ${status} ${JSON.stringify(body)}`);
}

/** Waits for the end of an import; a sentence for everything that is not as promised then. */
async function aftermath(
  stage: Stage,
  owner: Counted,
  { file, id, say }: { file: SentFile; id: string; say: SuiteOptions['say'] },
): Promise<string[]> {
  const caller = callerOf(stage.http, stage.apiKey);
  const startedMs = performance.now();
  const broken: string[] = [];
  try {
    const { counts } = await untilImport(caller, id, ({ status }) => status === 'completed', say);
    say(`${JSON.stringify(counts)} after another ${seconds(startedMs)} s`);
    await stage.quiet(QUIET_WITHIN_MS);
  } catch (error) {
    broken.push(messageOf(error));
  }
  broken.push(...(await notOnce(stage, caller, owner, file, id)));
  say(`looked at after another ${seconds(startedMs)} s`);
  broken.push(...sentences(await stage.invariants()));
  say(`every promise asked for after another ${seconds(startedMs)} s`);
  return broken;
}

const seconds = (sinceMs: number) => ((performance.now() - sinceMs) / 1000).toFixed(1);
