import { setTimeout as sleep } from 'node:timers/promises';
import type { Say } from '../../../src/main/progress.ts';
import { messageOf, sentences, type Trial } from '../report.ts';
import { openStage, type Stage, type StageOptions } from '../stage.ts';
import { EVENTS_MAX, historyLengths, mostGrown } from './histories.ts';
import { startLoad } from './load.ts';
import { type Planted, plantDue, until, untilBilled } from './plant.ts';

/** Due work is done this long after an outage at the latest; short versions are played on machines of any speed. */
const RECOVERY_SECONDS_MAX = 60;

export type Through = {
  fault: string;
  say: Say;
  stage?: StageOptions;
  /** How many subscriptions become due while something is away, and how they are made. */
  subscriptions: number;
  plant?: (stage: Stage, count: number) => Promise<Planted>;
  /** When to begin, before they are due. */
  beforeMs?: number;
  /** Inflicts the outage and heals it; what it answers is not as promised. */
  inflict: (stage: Stage, planted: Planted) => Promise<string[]>;
  times?: number;
  /** Whether requests have to be refused while it lasts; otherwise the fault did not reach what it was meant for. */
  refuses?: boolean;
  /** Whether workflows have to be rebuilt first, before rows and workflows can agree. */
  repairs?: boolean;
  recoverySecondsMax?: number;
  eventsMax?: number;
};

/**
 * An outage as a story: subscriptions that will be due in the middle of it, customers who go on sending requests, the
 * outage, healing; then everything due is done in time, nothing acknowledged is lost, no history has swollen and
 * every promise is kept.
 */
export async function through(outage: Through): Promise<Trial> {
  const {
    fault,
    say,
    subscriptions,
    recoverySecondsMax = RECOVERY_SECONDS_MAX,
    eventsMax = EVENTS_MAX,
  } = outage;
  await using stage = await openStage({ say, ...outage.stage });
  const planted = await (outage.plant ?? plantDue)(stage, subscriptions);
  say(`${subscriptions} subscriptions are due at ${planted.dueAt.toISOString()}`);
  const client = await stage.client();
  const before = await historyLengths(client, planted.ids);
  const load = await startLoad(stage);
  await until(new Date(planted.dueAt.getTime() - (outage.beforeMs ?? 1_000)));

  const broken = await outage.inflict(stage, planted);
  await until(planted.dueAt);
  const billedSeconds = await untilBilled(stage, planted);
  const answers = await load.stop();
  const quietSeconds = billedSeconds + (await quiet(stage, say));
  const repairSeconds = outage.repairs ? await untilRepaired(stage) : 0;
  const grown = mostGrown(before, await historyLengths(client, planted.ids));

  say(
    `everything due was done ${billedSeconds.toFixed(1)} s after healing, quiet after ${quietSeconds.toFixed(1)} s`,
  );
  say(
    `${answers.answered} requests, ${answers.refused} answered 503, the slowest took ${answers.slowestSeconds.toFixed(1)} s; no history grew by more than ${grown.events} events`,
  );
  if (outage.refuses !== false && answers.refused === 0)
    broken.push('no request was refused: the fault did not bite');
  if (billedSeconds > recoverySecondsMax)
    broken.push(`what was due was done only ${billedSeconds.toFixed(1)} s after healing`);
  if (grown.events > eventsMax) broken.push(`the history of ${grown.id} grew by ${grown.events} events`);
  return {
    fault,
    times: outage.times ?? 1,
    recoverySeconds: quietSeconds + repairSeconds,
    broken: [...broken, ...answers.broken, ...sentences(await stage.invariants())],
  };
}

const QUIET_MS_MAX = 400_000;
const TOLD_EVERY_MS = 10_000;

/** Waits until everything is done, and says from time to time what is not. */
async function quiet(stage: Stage, say: Say): Promise<number> {
  for (let waited = 0; ; waited += TOLD_EVERY_MS) {
    try {
      return waited / 1000 + (await stage.quiet(TOLD_EVERY_MS));
    } catch (error) {
      if (waited >= QUIET_MS_MAX) throw error;
      say(messageOf(error));
    }
  }
}

const REPAIRED_MS_MAX = 120_000;

/** Waits until rows and workflows agree again; what is left then, the final check names. */
async function untilRepaired(stage: Stage): Promise<number> {
  const startedMs = performance.now();
  const elapsedMs = () => performance.now() - startedMs;
  while ((await stage.invariants()).length > 0 && elapsedMs() < REPAIRED_MS_MAX) await sleep(1_000);
  return elapsedMs() / 1000;
}
