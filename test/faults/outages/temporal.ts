import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Say } from '../../../src/main/progress.ts';
import type { Trial } from '../report.ts';
import type { Stage } from '../stage.ts';
import { EVENTS_MAX } from './histories.ts';
import type { Outage } from './outage.ts';
import { plantThreeBoundaries, until } from './plant.ts';
import { through } from './through.ts';

/** A paid renewal's share of a history (the design's budget), for outages that several boundaries fall into. */
const EVENTS_PER_BOUNDARY = 13;
/** A worker looks every minute whether Temporal has begun anew. */
const NOTICED_SECONDS_MAX = 60;

const killed: Outage = {
  name: 'temporal-killed',
  title: 'the Temporal server is killed under load, for ten seconds and for two minutes',
  async run({ short, say }) {
    const trials: Trial[] = [];
    for (const seconds of short ? [4] : [10, 120]) {
      say(`away for ${seconds} s`);
      trials.push(await killedFor(seconds, short, say));
    }
    return {
      fault: `Temporal killed, ${short ? '4 s' : '10 s and 120 s'}`,
      times: trials.length,
      recoverySeconds: Math.max(...trials.map(({ recoverySeconds }) => recoverySeconds)),
      broken: trials.flatMap(({ broken }) => broken),
    };
  },
};

/** Commands wait twenty seconds for Temporal before they are refused; everything else does not notice. */
function killedFor(seconds: number, short: boolean, say: Say): Promise<Trial> {
  return through({
    fault: 'Temporal killed',
    say,
    subscriptions: short ? 20 : 100,
    refuses: seconds > 30,
    ...(short ? { recoverySecondsMax: 300 } : {}),
    async inflict(stage) {
      await stage.kill('temporal');
      const startedMs = performance.now();
      const broken = await servesWithoutTemporal(stage);
      await sleep(seconds * 1_000 - (performance.now() - startedMs));
      await stage.start('temporal');
      return broken;
    },
  });
}

/** Reads and direct writes need PostgreSQL only. */
async function servesWithoutTemporal(stage: Stage): Promise<string[]> {
  // Less than the twenty seconds that a command would wait for Temporal.
  const quick = { timeoutMs: 18_000 };
  const broken: string[] = [];
  const wanted: [string, string, object | null, number][] = [
    ['GET', '/v1/subscriptions', null, 200],
    ['POST', '/v1/plans', PLAN, 201],
    ['GET', '/health/ready', null, 200],
  ];
  for (const [method, path, body, status] of wanted) {
    const answer = await stage.http.send(method, path, body, quick).catch(() => null);
    if (answer?.status !== status)
      broken.push(`without Temporal, ${method} ${path} was answered ${answer?.status ?? 'not at all'}`);
  }
  return broken;
}

const PLAN = {
  name: 'Fee',
  prices: [{ key: 'fee', model: 'flat', unit_amount: '9', currency: 'USD', interval: { unit: 'month' } }],
};

const threeBoundaries: Outage = {
  name: 'temporal-three-boundaries',
  title: 'Temporal is away while subscriptions begin their trial, end it and begin their first whole period',
  async run({ short, say }) {
    const apartMs = short ? 2_000 : 20_000;
    return await through({
      fault: 'Temporal away across 3 boundaries',
      say,
      subscriptions: short ? 10 : 100,
      plant: (stage, count) => plantThreeBoundaries(stage, count, 8_000, apartMs),
      beforeMs: 2 * apartMs + 2_000,
      eventsMax: EVENTS_MAX + 2 * EVENTS_PER_BOUNDARY,
      refuses: false,
      async inflict(stage, { dueAt }) {
        await stage.kill('temporal');
        await until(new Date(dueAt.getTime() + 2_000));
        await stage.start('temporal');
        return [];
      },
    });
  },
};

const restored: Outage = {
  name: 'temporal-restored',
  title: "Temporal's database is restored from five minutes earlier; then the workers are restarted",
  run: ({ short, say }) =>
    through({
      fault: `Temporal restored from ${short ? '15 s' : '5 min'} earlier`,
      say,
      subscriptions: short ? 20 : 100,
      refuses: false,
      repairs: true,
      async inflict(stage) {
        await copyBackup(stage);
        say('the backup is taken; work goes on');
        await sleep(short ? 15_000 : 300_000);
        await stage.kill('temporal');
        await restoreBackup(stage);
        await stage.start('temporal');
        await stage.stop('worker');
        await stage.start('worker');
        return [];
      },
    }),
};

const FILES = ['temporal.db', 'temporal.db-wal', 'temporal.db-shm'];

/** As a snapshot of the disk would have it: everything at one moment, in the middle of whatever was going on. */
async function copyBackup(stage: Stage): Promise<void> {
  stage.freeze('temporal');
  try {
    for (const file of FILES) await copyFile(join(stage.dir, file), join(stage.dir, `backup-${file}`));
  } finally {
    stage.thaw('temporal');
  }
}

async function restoreBackup(stage: Stage): Promise<void> {
  for (const file of FILES) await copyFile(join(stage.dir, `backup-${file}`), join(stage.dir, file));
}

const lost: Outage = {
  name: 'temporal-lost',
  title: "Temporal's database is lost: a new, empty server, and nobody does anything about it",
  run: ({ short, say }) =>
    through({
      fault: "Temporal's database lost",
      say,
      subscriptions: short ? 20 : 100,
      refuses: false,
      repairs: true,
      recoverySecondsMax: 60 + NOTICED_SECONDS_MAX,
      async inflict(stage) {
        await stage.kill('temporal');
        for (const file of FILES) await rm(join(stage.dir, file), { force: true });
        await stage.start('temporal');
        return [];
      },
    }),
};

export const TEMPORAL_OUTAGES: readonly Outage[] = [killed, threeBoundaries, restored, lost];
