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

const CLIENTS = 8;
const COMPLETED_WITHIN_MS = 600_000;
const QUIET_WITHIN_MS = 300_000;
/** After these parts of the subscribers were moved the worker is killed. */
const KILLED_AFTER = [0.27, 0.64];

/**
 * Moves 1,000 subscribers to a new version of their plan, at once and prorated, while the worker is killed twice in the
 * middle of it. Then each has to have been moved, told of and billed exactly once, and the report has to say so.
 */
export async function runMigration({ say, short }: SuiteOptions): Promise<Trial[]> {
  const count = short ? 80 : 1_000;
  await using quick = await startsSooner();
  await using stage = await openStage({ say, env: quick.env });
  const caller = callerOf(stage.http, stage.apiKey);
  const plan = await published(caller, '20.00');
  say(`${count} subscribers`);
  await inParallel(count, () => subscribe(caller, plan));
  await caller.post(`/v1/plans/${plan}/versions`, { prices: [price('30.00')] });
  const startedMs = performance.now();
  const { id } = await caller.post(`/v1/plans/${plan}/migrations`, { effective: 'now' });
  for (const part of KILLED_AFTER) {
    const moved = await untilMoved(stage, id, part * count);
    await stage.kill('worker');
    const { counts } = migration.parse(await caller.get(`/v1/plan_migrations/${id}`));
    say(`the worker is killed when ${moved} are moved, ${counts.applied} of them noted as such`);
    await sleep(1_000);
    await stage.start('worker');
  }
  const healedMs = performance.now();
  const broken: string[] = [];
  try {
    const { counts } = await until(caller, id, ({ status }) => status === 'completed');
    say(`${JSON.stringify(counts)} after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    if (counts.applied !== count || counts.total !== count)
      broken.push(`the report counts ${JSON.stringify(counts)} of ${count}`);
    await stage.quiet(QUIET_WITHIN_MS);
  } catch (error) {
    broken.push(messageOf(error));
  }
  broken.push(...(await notOnce(stage, plan, count)), ...(await notReported(caller, id, count)));
  broken.push(...sentences(await stage.invariants()));
  const recoverySeconds = (performance.now() - healedMs) / 1000;
  const fault = `the worker killed twice while ${count} subscribers move`;
  return [{ fault, times: KILLED_AFTER.length, recoverySeconds, broken }];
}

const price = (amount: string) => ({
  key: 'base',
  model: 'flat',
  currency: 'USD',
  unit_amount: amount,
  interval: { unit: 'month', count: 1 },
});

async function published(caller: Caller, amount: string): Promise<string> {
  return (await caller.post('/v1/plans', { name: 'Fee', prices: [price(amount)] })).id;
}

async function subscribe(caller: Caller, plan: string): Promise<void> {
  const { id: customer } = await caller.post('/v1/customers', { name: 'Ada' });
  await caller.post(`/v1/customers/${customer}/payment_methods`, { token: 'tok_succeeds' });
  await caller.post('/v1/subscriptions', { customer, plan });
}

const migration = z.looseObject({
  status: z.string(),
  counts: z.looseObject({ total: z.int(), applied: z.int() }),
});
type Seen = z.infer<typeof migration>;

async function until(caller: Caller, id: string, isSo: (seen: Seen) => boolean): Promise<Seen> {
  for (const endsAtMs = performance.now() + COMPLETED_WITHIN_MS; ; await sleep(100)) {
    const seen = migration.parse(await caller.get(`/v1/plan_migrations/${id}`));
    if (isSo(seen)) return seen;
    if (performance.now() > endsAtMs)
      throw new Error(`the migration is still ${seen.status}: ${JSON.stringify(seen.counts)}`);
  }
}

/** The report follows batch by batch; the commands know of each at once. */
async function untilMoved({ database }: Stage, id: string, count: number): Promise<number> {
  for (const endsAtMs = performance.now() + COMPLETED_WITHIN_MS; ; await sleep(20)) {
    const [row] = await readOnly(database, (tx) =>
      query<{ moved: number }>(
        tx,
        sql`select count(*)::int as moved from commands where migration_id = ${id} and status = 'applied'`,
      ),
    );
    if (row && row.moved >= count) return row.moved;
    if (performance.now() > endsAtMs) throw new Error(`only ${row?.moved} of ${count} are moved`);
  }
}

/** A sentence when not every subscriber is on the new version after one change, one announcement of it and one invoice for it. */
async function notOnce({ database }: Stage, plan: string, count: number): Promise<string[]> {
  const rows = await readOnly(database, (tx) =>
    query<{ version: number; commands: number; told: number; billed: number; subscribers: number }>(
      tx,
      sql`select version, commands, told, billed, count(*)::int as subscribers from (
          select sub.plan_version as version,
            (select count(*)::int from commands where subject_id = sub.id and kind = 'change' and status = 'applied') as commands,
            (select count(*)::int from events where object_id = sub.id and type = 'subscription.updated') as told,
            (select count(*)::int from invoices where subscription_id = sub.id
              and billing_reason = 'subscription_update' and total = 10) as billed
          from subscriptions sub where sub.plan_id = ${plan}) each
        group by version, commands, told, billed`,
    ),
  );
  return rows.flatMap(({ subscribers, ...each }) => {
    const once = each.version === 2 && each.commands === 1 && each.told === 1 && each.billed === 1;
    return once && subscribers === count ? [] : [`${subscribers} subscribers have ${JSON.stringify(each)}`];
  });
}

const page = z.looseObject({
  data: z.array(z.looseObject({ subscription: z.string(), status: z.string() })),
  next_cursor: z.string().nullable(),
});

async function notReported(caller: Caller, id: string, count: number): Promise<string[]> {
  const applied = new Set<string>();
  for (let cursor: string | null = ''; cursor !== null; ) {
    const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const seen = page.parse(await caller.get(`/v1/plan_migrations/${id}/subscriptions?limit=100${at}`));
    for (const { subscription, status } of seen.data) if (status === 'applied') applied.add(subscription);
    cursor = seen.next_cursor;
  }
  return applied.size === count ? [] : [`the report names ${applied.size} of ${count} as moved`];
}

async function inParallel(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const run = async () => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, run));
}
