import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Stage } from '../stage.ts';
import { look, type Payer, payer, sellPlan, subscribe } from './customers.ts';

/** Subscriptions that become due in real time: their boundary is an explicit anchor some seconds ahead. */
export type Planted = { ids: string[]; dueAt: Date };

const AT_ONCE = 8;
/** What making a subscription with its first payment takes, compared with making its customer. */
const TIMES_AS_LONG = 8;

/** `count` subscriptions of as many customers, each with a card, all with a boundary in the same instant. */
export async function plantDue(stage: Stage, count: number, leadMs = 6_000): Promise<Planted> {
  const plan = await sellPlan(stage);
  const { customers, patienceMs } = await payers(stage, count);
  const dueAt = new Date(Date.now() + leadMs + patienceMs);
  const terms = { proration_basis: 'second', billing_anchor: dueAt.toISOString() };
  const ids = await inParallel(count, (index) => subscribe(stage, customers[index]?.id ?? '', plan, terms));
  if (Date.now() > dueAt.getTime() - 1_000)
    throw new Error(`planting ${count} subscriptions took until they were due; give them more time`);
  return { ids, dueAt };
}

/**
 * `count` subscriptions with three boundaries in a row: they begin at the first instant with a trial that ends at the
 * second, and their first whole period begins at the third.
 */
export async function plantThreeBoundaries(
  stage: Stage,
  count: number,
  leadMs: number,
  apartMs: number,
): Promise<Planted> {
  const plan = await sellPlan(stage);
  const { customers, patienceMs } = await payers(stage, count);
  const firstMs = Date.now() + leadMs + patienceMs;
  const at = (nth: number) => new Date(firstMs + nth * apartMs).toISOString();
  const terms = {
    proration_basis: 'second',
    start_at: at(0),
    trial_end: at(1),
    billing_anchor: at(2),
  };
  const ids = await inParallel(count, (index) => subscribe(stage, customers[index]?.id ?? '', plan, terms));
  return { ids, dueAt: new Date(firstMs + 2 * apartMs) };
}

/** Customers with cards, and how long to wait for as many subscriptions on a machine as fast as this one is now. */
async function payers(stage: Stage, count: number): Promise<{ customers: Payer[]; patienceMs: number }> {
  const startedMs = performance.now();
  const customers = await inParallel(count, () => payer(stage, 'tok_succeeds'));
  return { customers, patienceMs: TIMES_AS_LONG * (performance.now() - startedMs) };
}

/** How many of them have not been brought past their boundary yet. */
export async function behind(stage: Stage, { ids, dueAt }: Planted): Promise<number> {
  const [row] = await look<{ behind: number }>(
    stage,
    sql`select count(*)::int as behind from subscriptions
      where id = any(${ids}::text[]) and next_step_at is not null and next_step_at <= ${dueAt.toISOString()}`,
  );
  return row?.behind ?? ids.length;
}

/** Seconds until all of them are past their boundary. Rejects after `timeoutMs`. */
export async function untilBilled(stage: Stage, planted: Planted, timeoutMs = 400_000): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const left = await behind(stage, planted).catch(() => planted.ids.length);
    const elapsedMs = performance.now() - startedMs;
    if (left === 0) return elapsedMs / 1000;
    if (elapsedMs > timeoutMs)
      throw new Error(
        `${left} of ${planted.ids.length} subscriptions are still behind after ${timeoutMs} ms`,
      );
    await sleep(200);
  }
}

export function until(instant: Date): Promise<void> {
  return sleep(Math.max(0, instant.getTime() - Date.now()));
}

/** Makes `count` things, a few at a time, and answers them in order. */
export async function inParallel<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  let next = 0;
  const run = async () => {
    for (let index = next++; index < count; index = next++) made[index] = await make(index);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, run));
  return made;
}
