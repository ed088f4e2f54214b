import { execFile } from 'node:child_process';
import { chmod, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { messageOf } from '../report.ts';
import type { Stage } from '../stage.ts';
import type { Outage } from './outage.ts';
import { through } from './through.ts';

const run = promisify(execFile);

/** Room for a cluster, its log and what a trial writes, and little more. */
const DISK_MB = 256;

export const diskFull: Outage = {
  name: 'postgres-disk-full',
  title: "PostgreSQL's disk is full: first for its tables, then for its log, so that it crashes",
  async run({ short, say }) {
    const fault = "PostgreSQL's disk full";
    const mounted = await smallDisk().catch((error: unknown) => messageOf(error));
    if (typeof mounted === 'string') {
      const sentence = `this needs a disk of its own, and none can be mounted here (as root, it can): ${mounted}`;
      return { fault, times: 0, recoverySeconds: 0, broken: [sentence] };
    }
    await using disk = mounted;
    return await through({
      fault,
      say,
      stage: { durable: true, postgresDir: disk.dir },
      subscriptions: short ? 20 : 100,
      async inflict(stage) {
        await disk.fill();
        await sleep(short ? 2_000 : 10_000);
        const crashed = await fillLog(stage);
        say(crashed ? 'the log could not grow: PostgreSQL crashed' : 'the log is full');
        await sleep(short ? 2_000 : 10_000);
        await disk.empty();
        await sleep(1_000);
        if (stage.pid('postgres') === null) await stage.start('postgres');
        return crashed ? [] : ['PostgreSQL went on writing its log on a full disk'];
      },
    });
  },
};

type Disk = AsyncDisposable & { dir: string; fill(): Promise<void>; empty(): Promise<void> };

async function smallDisk(): Promise<Disk> {
  const dir = await mkdtemp(join(tmpdir(), 'perennial-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m,mode=755`, 'tmpfs', dir]);
  } catch (error) {
    await rm(dir, { recursive: true });
    throw error;
  }
  await chmod(dir, 0o755);
  const ballast = join(dir, 'ballast');
  return {
    dir,
    async fill() {
      const file = await open(ballast, 'w');
      const megabyte = Buffer.alloc(1 << 20);
      try {
        for (;;) await file.write(megabyte);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      } finally {
        await file.close();
      }
    },
    empty: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', dir]);
      await rm(dir, { recursive: true });
    },
  };
}

/** Makes PostgreSQL begin new files of its log until it cannot; whether it crashed of that. */
async function fillLog(stage: Stage): Promise<boolean> {
  const owner = new pg.Client({ connectionString: stage.ownerUrl });
  owner.on('error', () => {});
  try {
    await owner.connect();
    for (let file = 1; file <= DISK_MB / 16; file += 1) {
      await owner.query(`select pg_logical_emit_message(false, 'faults', 'the log grows')`);
      await owner.query('select pg_switch_wal()');
    }
    return false;
  } catch {
    return true;
  } finally {
    await owner.end().catch(() => {});
  }
}
