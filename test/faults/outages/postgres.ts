import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Stage } from '../stage.ts';
import { diskFull } from './disk-full.ts';
import { mistakesOf } from './load.ts';
import type { Outage } from './outage.ts';
import { through } from './through.ts';

const crashed: Outage = {
  name: 'postgres-crashed',
  title: 'PostgreSQL is stopped immediately, then killed, in the middle of work, and started again',
  run: ({ short, say }) =>
    through({
      fault: 'PostgreSQL crashed',
      say,
      stage: { durable: true },
      subscriptions: short ? 20 : 100,
      times: 2,
      ...(short ? { recoverySecondsMax: 300 } : {}),
      async inflict(stage) {
        const broken: string[] = [];
        for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
          await crash(stage, signal);
          await sleep(1_000);
          broken.push(...(await refusals(stage)));
          await sleep(short ? 1_000 : 5_000);
          await stage.start('postgres');
          await sleep(2_000);
        }
        return broken;
      },
    }),
};

/** SIGQUIT is PostgreSQL's immediate stop; both leave it to recover from its log at the next start. */
async function crash(stage: Stage, signal: 'SIGQUIT' | 'SIGKILL'): Promise<void> {
  const pid = stage.pid('postgres');
  if (pid === null) throw new Error('PostgreSQL does not run');
  if (signal === 'SIGKILL') return stage.kill('postgres');
  const exited = stage.exited('postgres');
  process.kill(pid, signal);
  await exited;
}

const frozen: Outage = {
  name: 'postgres-frozen',
  title: 'PostgreSQL is frozen for a minute while subscriptions become due',
  run: ({ short, say }) =>
    through({
      fault: `PostgreSQL frozen ${short ? 8 : 60} s`,
      say,
      subscriptions: short ? 20 : 200,
      async inflict(stage) {
        const startedMs = performance.now();
        stage.freeze('postgres');
        try {
          const broken = await refusals(stage);
          await sleep(Math.max(0, (short ? 8_000 : 60_000) - (performance.now() - startedMs)));
          return broken;
        } finally {
          stage.thaw('postgres');
        }
      },
    }),
};

/** What an API without its database answers: a read and its readiness, both in time. */
export async function refusals(stage: Stage): Promise<string[]> {
  const [read, ready] = await Promise.all([
    stage.http.send('GET', '/v1/invoices', null, { timeoutMs: 20_000 }),
    stage.http.send('GET', '/health/ready', null, { timeoutMs: 5_000 }),
  ]);
  const broken = mistakesOf(read).map((mistake) => `the refusal of a read ${mistake}`);
  if (read.status !== 503) broken.push(`a read was answered ${read.status}`);
  if (ready.status !== 503 || !ready.headers.get('retry-after'))
    broken.push(`/health/ready answered ${ready.status}`);
  return broken;
}

const exhausted: Outage = {
  name: 'postgres-exhausted',
  title: 'every connection that PostgreSQL allows is held by somebody else',
  run: ({ short, say }) =>
    through({
      fault: 'PostgreSQL out of connections',
      say,
      subscriptions: short ? 20 : 100,
      async inflict(stage) {
        await using held = await holdEveryConnection(stage);
        say(`${held.count} connections are held`);
        const broken = await refusals(stage);
        await sleep(short ? 4_000 : 20_000);
        return broken;
      },
    }),
};

/** Takes the place of everybody who is connected, and every free one besides. */
async function holdEveryConnection(stage: Stage): Promise<AsyncDisposable & { count: number }> {
  await using opening = new AsyncDisposableStack();
  const owner = await connected(stage.ownerUrl);
  opening.defer(() => owner.end());
  let count = 0;
  for (let round = 1; round <= 5; round += 1) {
    await owner.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where usename = 'perennial_login' and application_name <> 'holds a connection'`,
    );
    for (;;) {
      const client = await connected(stage.databaseUrl).catch(() => null);
      if (client === null) break;
      opening.defer(() => client.end());
      count += 1;
    }
  }
  const holding = opening.move();
  return { count, [Symbol.asyncDispose]: () => holding.disposeAsync() };
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'holds a connection' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

export const POSTGRES_OUTAGES: readonly Outage[] = [crashed, frozen, exhausted, diskFull];
