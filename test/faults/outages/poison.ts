import { setTimeout as sleep } from 'node:timers/promises';
import { defineSearchAttributeKey } from '@temporalio/common';
import { sql } from 'kysely';
import { workflowId } from '../../../workflows/messages.ts';
import { runCli } from '../../support/cli.ts';
import { sentences } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { look } from './customers.ts';
import type { Outage } from './outage.ts';
import { plantDue, until, untilBilled } from './plant.ts';

const LAST_ERROR = defineSearchAttributeKey('BillingLastError', 'KEYWORD');
/** How long after their instant the others may be billed; the short version is played on machines of any speed. */
const ON_TIME_SECONDS = 30;
/** A place that no calendar knows: nothing of this subscription can be calculated. */
const NOWHERE = 'Nowhere/Land';

const poison: Outage = {
  name: 'poisoned-step',
  title:
    'one subscription among many due cannot be calculated; the others are on time, and an operator drives it on',
  async run({ short, say }) {
    await using stage = await openStage();
    const count = short ? 10 : 50;
    const planted = await plantDue(stage, count, count * 500);
    const [id = '', ...others] = planted.ids;
    await look(stage, sql`update subscriptions set time_zone = ${NOWHERE} where id = ${id}`);
    await until(planted.dueAt);
    const lateSeconds = await untilBilled(stage, { ...planted, ids: others });
    const broken: string[] = [];
    say(`${others.length} others were billed within ${lateSeconds.toFixed(1)} s`);
    if (!short && lateSeconds > ON_TIME_SECONDS)
      broken.push(`the others were billed ${lateSeconds.toFixed(1)} s late`);

    const reason = await blockedReason(stage, id);
    say(`set aside: ${reason}`);
    if (!reason.includes(NOWHERE)) broken.push(`the reason says nothing of the cause: ${reason}`);
    broken.push(...(await shownWhere(stage, id)));

    const inVain = await retry(stage, id);
    if (inVain.code !== 1 || !inVain.output.includes('blocked again'))
      broken.push(`a retry before the cause was mended ended with ${inVain.code}: ${inVain.output}`);

    await look(stage, sql`update subscriptions set time_zone = 'UTC' where id = ${id}`);
    const beganMs = performance.now();
    const retried = await retry(stage, id);
    if (retried.code !== 0) broken.push(`the retry ended with ${retried.code}: ${retried.output}`);
    await untilBilled(stage, { ...planted, ids: [id] });
    await stage.quiet();
    const recoverySeconds = (performance.now() - beganMs) / 1_000;
    broken.push(...(await billedAsDue(stage, id, planted.dueAt)));
    if (!(await heardOf(stage, 'subscription.unblocked'))) broken.push('no event told that it goes on');
    broken.push(...sentences(await stage.invariants()));
    return { fault: 'one step always fails', times: planted.ids.length, recoverySeconds, broken };
  },
};

async function blockedReason(stage: Stage, id: string): Promise<string> {
  for (let waitedMs = 0; waitedMs < 300_000; waitedMs += 100) {
    const [row] = await look<{ blocked_reason: string | null }>(
      stage,
      sql`select blocked_reason from subscriptions where id = ${id}`,
    );
    if (row?.blocked_reason) return row.blocked_reason;
    await sleep(100);
  }
  throw new Error(`${id} was not blocked within five minutes`);
}

/** In the event that the receiver got, and in the search attribute that an operator lists by. */
async function shownWhere(stage: Stage, id: string): Promise<string[]> {
  const broken: string[] = [];
  if (!(await heardOf(stage, 'subscription.blocked'))) broken.push('no event told that it is blocked');
  const handle = (await stage.client()).workflow.getHandle(workflowId.subscription(id));
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 200) {
    const { typedSearchAttributes } = await handle.describe();
    if (typedSearchAttributes.get(LAST_ERROR)?.includes(NOWHERE)) return broken;
    await sleep(200);
  }
  return [...broken, 'the search attribute BillingLastError does not say why'];
}

async function heardOf(stage: Stage, type: string): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 200) {
    if ([...stage.receiver.seen().values()].some((event) => event.type === type)) return true;
    await sleep(200);
  }
  return false;
}

/** The period begins at the instant at which it was due, not at the one at which a person came by. */
async function billedAsDue(stage: Stage, id: string, dueAt: Date): Promise<string[]> {
  const [row] = await look<{ bills: number }>(
    stage,
    sql`select count(*)::int as bills from invoices i join invoice_lines l on l.invoice_id = i.id
      where i.subscription_id = ${id} and i.status = 'paid' and l.period_start = ${dueAt.toISOString()}`,
  );
  return row?.bills === 1 ? [] : [`${id} has ${row?.bills ?? 0} paid lines that begin when they were due`];
}

/** As an operator does it: a process of its own. */
async function retry(stage: Stage, id: string): Promise<{ code: number; output: string }> {
  const { code, out, err } = await runCli(stage, ['subscription', 'retry', id]);
  return { code, output: out + err };
}

export const POISON_OUTAGES: readonly Outage[] = [poison];
