import type { Say } from '../../src/main/progress.ts';
import { runCrashPoints } from './crash-points.ts';
import { runEvents } from './events.ts';
import { runImports } from './imports.ts';
import { runMigration } from './migration.ts';
import { OUTAGES } from './outages/index.ts';
import { runRandom } from './random.ts';
import { messageOf, type Trial } from './report.ts';

export type SuiteOptions = {
  say: Say;
  /** Seconds instead of minutes, fewer subscriptions: what `npm test` runs. */
  short: boolean;
  /** Only the faults whose name contains this text. */
  only: string;
  minutes: number;
  seed: number;
};

type Suite = { does: string; run: (options: SuiteOptions) => Promise<Trial[]> };

/** What `npm run faults -- <name>` can do. */
export const SUITES: Readonly<Record<string, Suite>> = {
  'crash-points': {
    does: 'kills worker and API at each crash point of the code, at its first and its second passage',
    run: runCrashPoints,
  },
  outages: {
    does: 'takes away, freezes, fills and confuses what Perennial depends on, then heals it',
    run: runOutages,
  },
  migration: {
    does: 'kills the worker twice while 1,000 subscribers move to a new version of their plan',
    run: runMigration,
  },
  events: {
    does: 'kills API and PostgreSQL in a storm of 100,000 events, sent in batches that overlap',
    run: runEvents,
  },
  imports: {
    does: 'kills the worker twice while 1,000,000 events are imported, and the API while 1 GB is uploaded',
    run: runImports,
  },
  poison: {
    does: 'sends 2,000 poison bodies through every door for usage, each beside good neighbours',
    run: (options) => runOutages({ ...options, only: 'hostile-events' }),
  },
  random: {
    does: 'kills worker and API again and again while clients go on; --minutes, --seed',
    run: runRandom,
  },
};

/** One after the other, each on a stage of its own; one that cannot even be played counts as broken. */
async function runOutages({ say, short, only, seed }: SuiteOptions): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const outage of OUTAGES.filter(({ name }) => name.includes(only))) {
    say(`\n${outage.name}: ${outage.title}`);
    const trial = await outage
      .run({ short, seed, say: (line) => say(`  ${line}`) })
      .catch((error: unknown) => ({
        fault: outage.name,
        times: 1,
        recoverySeconds: 0,
        broken: [`it could not be played: ${messageOf(error)}`],
      }));
    trials.push(trial);
    say(
      trial.broken.length === 0
        ? '  survived'
        : trial.broken.map((sentence) => `  NOT AS PROMISED: ${sentence}`).join('\n'),
    );
  }
  return trials;
}
