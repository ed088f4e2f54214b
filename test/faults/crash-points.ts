import { setTimeout as sleep } from 'node:timers/promises';
import { CommandSchema } from '../../src/persistence/commands.ts';
import type { Broken } from '../../src/persistence/invariants/promised.ts';
import { insertRow } from '../../src/persistence/rows.ts';
import { newId } from '../../src/platform/ids.ts';
import { outcomeOf, patiently, unheard, untilSettled } from './aftermath.ts';
import { type CrashPlace, crashPlaces } from './crash-names.ts';
import { playStory, type Told } from './crash-story.ts';
import { type OddReceiver, startOddReceiver } from './odd-receiver.ts';
import { messageOf, sentences, type Trial } from './report.ts';
import { openStage, type Stage } from './stage.ts';
import { startsSooner } from './starts-sooner.ts';
import type { SuiteOptions } from './suites.ts';

type Scene = {
  stage: Stage;
  receiver: OddReceiver;
  say: (line: string) => void;
  /** What the story comes to without a crash. */
  expected: readonly string[];
  /** When the last process was killed (`performance.now()`); null until then. */
  calmSinceMs: number | null;
};

/**
 * One crash and the story it fell into. `told` is null until the story has been told to its end. The seconds of recovery
 * end when nothing is left of that story, and the process is killed again and again by the strikes after it meanwhile.
 */
type Strike = { name: string; told: Told[] | null; recoverySeconds: number; broken: string[] };

/** Stories that may go on at once. A story outlives its crash: what a dead worker held is given back only after a while. */
const STORIES_MAX = 8;
/** The relay closes expired commands once a minute; everything else is passed much sooner. */
const REACHED_WITHIN_MS = 75_000;
const FORGET_EVERY_MS = 5_000;
/** More than the five minutes after which a delivery is tried again that failed twice. */
const SETTLED_WITHIN_MS = 420_000;

/**
 * Kills worker and API at every crash point, at its first and at its second passage, each time while a story is told;
 * the next start of the process is its supervisor's. Then every promise is asked for, and each story has to have come
 * to what it comes to without a crash. `short`: the first passage only;
 * `only` may name several with commas.
 */
export async function runCrashPoints({ say, only, short }: SuiteOptions): Promise<Trial[]> {
  const places = crashPlaces().filter(({ name }) => only.split(',').some((part) => name.includes(part)));
  if (places.length === 0) return [];
  await using quick = await startsSooner();
  await using stage = await openStage({ say, env: quick.env });
  await using receiver = await startOddReceiver();
  say(`${places.length} crash points; the story without a crash first`);
  const expected = await undisturbed(stage, receiver);
  const scene: Scene = { stage, receiver, say, expected, calmSinceMs: null };
  const passages = short ? [1] : [1, 2];
  const struck: { strike: Strike; end: Promise<void> }[] = [];
  for (const part of ['worker', 'api'] as const) {
    const mine = places.filter((place) => place.part === part);
    if (mine.length === 0) continue;
    await stage.stop(part);
    for (const place of mine) {
      for (const passage of passages) struck.push(await strikeAt(scene, place, passage));
    }
    await stage.start(part);
  }
  scene.calmSinceMs = performance.now();
  say('all were struck; waiting for what they left behind');
  await Promise.all(struck.map(({ end }) => end));
  // Awaited here, while there still is a stage.
  return await verdict(
    scene,
    struck.map(({ strike }) => strike),
  );
}

async function undisturbed(stage: Stage, receiver: OddReceiver): Promise<string[]> {
  const told = await playStory(stage, receiver);
  await untilSettled(stage, told, SETTLED_WITHIN_MS, () => 0);
  return outcomeOf(stage, told);
}

const underWay = new Set<Promise<unknown>>();

/** Starts the process with its order to die and a story with it; answers as soon as it has died. */
async function strikeAt(
  scene: Scene,
  { name, part }: CrashPlace,
  passage: number,
): Promise<{ strike: Strike; end: Promise<void> }> {
  const { stage, receiver, say } = scene;
  await untilThereIsRoom(stage, part);
  const strike: Strike = { name, told: null, recoverySeconds: 0, broken: [] };
  await patiently(() => forgetCommand(stage));
  const startedMs = performance.now();
  // A point that is passed by a first look at what is due kills the process before it says that it is ready.
  const early = await stage.start(part, { CRASH_AT: `${name}:${passage}` }).then(
    () => null,
    (error: unknown) => messageOf(error),
  );
  const died = early === null ? stage.exited(part) : Promise.resolve(early);
  // Again and again, because whoever looks first closes all that there are.
  const forgetting = setInterval(() => void forgetCommand(stage).catch(() => {}), FORGET_EVERY_MS);
  const story = playStory(stage, receiver);
  const end = aftermath(scene, strike, story, died);
  underWay.add(story);
  story.finally(() => underWay.delete(story)).catch(() => {});
  const reached = await Promise.race([
    died,
    story.then(() => sleep(REACHED_WITHIN_MS, null, { ref: false })).catch(() => null),
  ]);
  clearInterval(forgetting);
  if (reached === null) {
    strike.broken.push(`passage ${passage} was never reached`);
    await stage.kill(part);
  } else if (!reached.includes('SIGKILL')) {
    strike.broken.push(`at passage ${passage} the process ended otherwise: ${reached}`);
  }
  say(`  ${`${name}:${passage}`.padEnd(32)} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  return { strike, end };
}

/** Without its process no story would ever end, so it runs meanwhile; then it is killed as it will be again. */
async function untilThereIsRoom(stage: Stage, part: CrashPlace['part']): Promise<void> {
  if (underWay.size < STORIES_MAX) return;
  await stage.start(part);
  while (underWay.size >= STORIES_MAX) await Promise.race(underWay).catch(() => {});
  await stage.kill(part);
}

/** Follows a story to its end and until nothing is left of the crash; then looks at what became of it. Never rejects. */
async function aftermath(
  scene: Scene,
  strike: Strike,
  story: Promise<Told[]>,
  died: Promise<string>,
): Promise<void> {
  const { stage, say, expected } = scene;
  try {
    const [told, diedMs] = await Promise.all([story, died.then(() => performance.now())]);
    await untilSettled(stage, told, SETTLED_WITHIN_MS, () => scene.calmSinceMs);
    strike.recoverySeconds = (performance.now() - diedMs) / 1000;
    strike.told = told;
    const outcome = await outcomeOf(stage, told);
    strike.broken.push(
      ...outcome.filter((line) => !expected.includes(line)).map((line) => `${line}, unlike without a crash`),
      ...expected.filter((line) => !outcome.includes(line)).map((line) => `not ${line}, as without a crash`),
      ...(await Promise.all(told.map(({ caller }) => caller.repeatAll()))).flat(),
      ...(await unheard(stage, told)),
    );
  } catch (error) {
    strike.broken.push(messageOf(error));
  }
  for (const sentence of strike.broken) say(`  NOT AS PROMISED after ${strike.name}: ${sentence}`);
}

/** What everything came to, one line for each crash point. */
async function verdict({ stage }: Scene, strikes: readonly Strike[]): Promise<Trial[]> {
  await stage.quiet();
  const broken = await patiently(() => stage.invariants());
  for (const { told, broken: troubles } of strikes) {
    if (told) troubles.push(...sentences(broken.flatMap((one) => concerning(one, told))));
  }
  const concerned = strikes.flatMap(({ told }) => told ?? []);
  const trials = [...Map.groupBy(strikes, ({ name }) => name)].map(([fault, all]) => ({
    fault,
    times: all.length,
    recoverySeconds: Math.max(...all.map(({ recoverySeconds }) => recoverySeconds)),
    broken: all.flatMap((strike) => strike.broken),
  }));
  const strangers = broken.filter(
    ({ count, rows }) => count > rows.filter((row) => isOf(row, concerned)).length,
  );
  if (strangers.length === 0) return trials;
  const elsewhere = { fault: 'anywhere', times: 0, recoverySeconds: 0, broken: sentences(strangers) };
  return [...trials, elsewhere];
}

function concerning(broken: Broken, told: readonly Told[]): Broken[] {
  const rows = broken.rows.filter((row) => isOf(row, told));
  return rows.length === 0 ? [] : [{ ...broken, rows, count: rows.length }];
}

function isOf(row: Record<string, unknown>, told: readonly Told[]): boolean {
  return told.some(({ tenantId }) => row['tenant_id'] === tenantId);
}

/** A command whose quarter of an hour is over, as an engine that was away for long leaves it behind. */
async function forgetCommand({ database, tenantId }: Stage): Promise<void> {
  const requestedAt = new Date(Date.now() - 3_600_000);
  await database.withTenant(tenantId, (tx) =>
    insertRow(tx, CommandSchema, {
      id: newId('cmd'),
      tenantId,
      subjectId: newId('sub'),
      kind: 'uncancel',
      body: {},
      requestedAt,
      expiresAt: new Date(requestedAt.getTime() + 900_000),
      status: 'pending',
      result: null,
      requestId: newId('req'),
      createdAt: requestedAt,
      finishedAt: null,
    }),
  );
}
