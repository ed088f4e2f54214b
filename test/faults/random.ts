import { setTimeout as sleep } from 'node:timers/promises';
import type { Broken } from '../../src/persistence/invariants/promised.ts';
import { unheard, untilSettled } from './aftermath.ts';
import { type Caller, callerOf } from './caller.ts';
import { planOf, SCENES } from './crash-story.ts';
import { type Dice, diceOf } from './mutations/mutate.ts';
import { messageOf, sentences, type Trial } from './report.ts';
import { openStage, type Stage } from './stage.ts';
import { startsSooner } from './starts-sooner.ts';
import type { SuiteOptions } from './suites.ts';

const CLIENTS = 4;
const CHECK_EVERY = 20;
const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 5_000;
const QUIET_WITHIN_MS = 300_000;

type Victim = 'worker' | 'api';
type Attack = { stage: Stage; dice: Dice; endsAtMs: number; broken: string[]; kills: Record<Victim, number> };

/**
 * Worker and API are killed again and again, each one to five seconds after its last start, while several clients go
 * on. Every promise is asked for after each twenty kills and once everything is quiet; then every request is repeated
 * with its key and has to be answered the same.
 */
export async function runRandom({ say, short, minutes, seed }: SuiteOptions): Promise<Trial[]> {
  say(`seed ${seed}`);
  await using quick = await startsSooner();
  await using stage = await openStage({ say, env: quick.env });
  const dice = diceOf(seed);
  const caller = callerOf(stage.http, stage.apiKey);
  const plan = await planOf(caller);
  const endsAtMs = performance.now() + (short ? 20_000 : minutes * 60_000);
  const attack: Attack = { stage, dice, endsAtMs, broken: [], kills: { worker: 0, api: 0 } };
  const load = Array.from({ length: CLIENTS }, () => live(attack, caller, plan));
  await Promise.all([
    killRepeatedly(attack, 'worker'),
    killRepeatedly(attack, 'api'),
    checkNowAndThen(attack, say),
  ]);
  const healedAtMs = performance.now();
  const told = (await Promise.all(load)).reduce((sum, count) => sum + count, 0);
  say(`${attack.kills.worker + attack.kills.api} kills, ${told} stories told to their end`);
  attack.broken.push(...(await atTheEnd(stage, caller)));
  const fault = `random kills, seed ${seed}: ${attack.kills.worker} worker, ${attack.kills.api} API`;
  const times = attack.kills.worker + attack.kills.api;
  return [{ fault, times, recoverySeconds: (performance.now() - healedAtMs) / 1000, broken: attack.broken }];
}

/** One client: one story after the other until time is over; answers how many came to their end. */
async function live({ dice, endsAtMs, broken }: Attack, caller: Caller, plan: string): Promise<number> {
  let told = 0;
  while (performance.now() < endsAtMs) {
    try {
      await dice.pick(SCENES)(caller, plan);
      told += 1;
    } catch (error) {
      broken.push(`a client could not go on: ${messageOf(error)}`);
    }
  }
  return told;
}

async function killRepeatedly({ stage, dice, endsAtMs, kills }: Attack, victim: Victim): Promise<void> {
  const pauseMs = () => PAUSE_MIN_MS + dice.below(PAUSE_MAX_MS - PAUSE_MIN_MS);
  for (let pause = pauseMs(); performance.now() + pause < endsAtMs; pause = pauseMs()) {
    await sleep(pause);
    await stage.kill(victim);
    kills[victim] += 1;
    await stage.start(victim);
  }
}

/** While everything goes on, as an operator may. */
async function checkNowAndThen(
  { stage, endsAtMs, broken, kills }: Attack,
  say: (line: string) => void,
): Promise<void> {
  for (let checked = 0; performance.now() < endsAtMs; await sleep(250)) {
    const killed = kills.worker + kills.api;
    if (killed - checked < CHECK_EVERY) continue;
    checked = killed;
    const found = sentences(await lastingBroken(stage));
    say(`  after ${killed} kills: ${found.length} broken`);
    broken.push(...found.map((sentence) => `after ${killed} kills ${sentence}`));
  }
}

/** Until a workflow's task is given to another worker than the dead one, half a minute passes, and its row may be ahead. */
const TAKEN_OVER_MS = 45_000;

/** The rows that are broken, and still are when whoever died with them has been replaced. */
async function lastingBroken(stage: Stage): Promise<Broken[]> {
  const first = await stage.invariants();
  if (first.length === 0) return [];
  await sleep(TAKEN_OVER_MS);
  const known = new Set(
    first.flatMap(({ promise, rows }) => rows.map((row) => promise + JSON.stringify(row))),
  );
  return (await stage.invariants()).flatMap((broken) => {
    const rows = broken.rows.filter((row) => known.has(broken.promise + JSON.stringify(row)));
    return rows.length === 0 ? [] : [{ ...broken, rows, count: rows.length }];
  });
}

async function atTheEnd(stage: Stage, caller: Caller): Promise<string[]> {
  try {
    await stage.quiet(QUIET_WITHIN_MS);
    await untilSettled(stage, [stage], QUIET_WITHIN_MS, () => 0);
  } catch (error) {
    return [messageOf(error), ...sentences(await stage.invariants())];
  }
  return [
    ...sentences(await stage.invariants()),
    ...(await caller.repeatAll()),
    ...(await unheard(stage, [stage])),
  ];
}
