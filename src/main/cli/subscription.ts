import { setTimeout as sleep } from 'node:timers/promises';
import { timeFor } from '../../../api/write.ts';
import type { Subscription } from '../../domain/subscription.ts';
import { findSubscriptionByReference, found } from '../../persistence/find-by-reference.ts';
import { databaseNow } from '../../persistence/find-commands.ts';
import { findSubscriptionStory, nudgeOwed } from '../../persistence/find-story.ts';
import { findBlocked, findLate } from '../../persistence/find-trouble.ts';
import { nudge } from '../../persistence/nudges.ts';
import { unblockSubscription } from '../../persistence/unblock-subscription.ts';
import { clock } from '../../platform/clock.ts';
import { command, Refused } from './command.ts';
import type { Desk } from './desk.ts';
import { LIMIT, limitOf } from './limit.ts';
import { listing, whenSeen } from './lines.ts';
import { locate } from './locate.ts';
import { subscriptionLines, subscriptionReport } from './tell-subscription.ts';
import { workflowState } from './workflow-state.ts';

const TENANT = ['<id>', 'whose it is, where several tenants use one external id'] as const;
const WATCHED_MS = 30_000;
/** The relay carries news within a second; longer is waited only for one that is very busy. */
const TOLD_WITHIN_MS = 10_000;

const list = command({
  does: 'names the subscriptions that do not go on: blocked, or late',
  about: `What perennial_blocked_subscriptions and perennial_overdue_subscriptions count, one by one. Both, without a flag.`,
  takes: [],
  flags: {
    blocked: 'those that a step set aside after five failures; oldest first',
    late: 'those whose next step is more than five minutes late; the latest first',
    limit: LIMIT,
  },
  async run({ desk, given }) {
    const limit = limitOf(given.limit);
    const both = !given.blocked && !given.late;
    const found = await desk.everywhere(async (tx) => [
      ...(given.blocked || both ? await findBlocked(tx, limit) : []),
      ...(given.late || both ? await findLate(tx, await databaseNow(tx), limit) : []),
    ]);
    const rows = found.slice(0, limit).map(({ tenantId, nextStep, nextStepAt, blockedReason, ...row }) => ({
      ...row,
      tenant: tenantId,
      next_step: nextStep && { step: nextStep, at: nextStepAt },
      blocked_reason: blockedReason,
    }));
    const now = clock.now();
    return {
      lines: listing(
        'No subscription is blocked or late.',
        ['subscription', 'of', 'status', 'next step', 'blocked because'],
        found
          .slice(0, limit)
          .map((row) => [
            row.id,
            row.tenantId,
            row.status,
            row.nextStepAt ? `${row.nextStep} at ${whenSeen(row.nextStepAt, now)}` : '',
            row.blockedReason ?? '',
          ]),
      ),
      json: { subscriptions: rows },
    };
  },
});

const show = command({
  does: 'tells where a subscription stands: row, next step, invoices, charges, commands, workflow, events',
  about: `Reads only. Nothing secret and nothing personal is shown. Where Temporal or the workers do not answer, the rest
still is.`,
  takes: ['<id or external id>'],
  flags: { tenant: TENANT },
  async run({ desk, words: [reference = ''], given }) {
    const { id, tenantId } = await locate(desk, 'subscription', reference, given.tenant ?? null);
    const story = await desk.inTenant(tenantId, (tx) => findSubscriptionStory(tx, id));
    const workflow = await workflowState(desk, 'subscription', id);
    const now = clock.now();
    return {
      lines: subscriptionLines(story, workflow, now),
      json: subscriptionReport(story, workflow, now),
    };
  },
});

const retry = command({
  does: 'lets a blocked subscription try its step again, when the cause is mended',
  about: `A step that failed five times sets its subscription aside ("blocked"): nothing is billed or changed until an
operator has mended the cause and says so here. An event (subscription.unblocked) tells of it. Looks on for ten seconds
and says what came of it. Exit code 1 when it is not blocked, or is blocked again.`,
  takes: ['<id or external id>'],
  flags: { tenant: TENANT },
  async run({ desk, words: [reference = ''], given }) {
    const { id, tenantId } = await locate(desk, 'subscription', reference, given.tenant ?? null);
    const before = await desk.inTenant(tenantId, async (tx) => {
      const row = found(await findSubscriptionByReference(tx, id), 'subscription');
      const { at, wallNow } = await timeFor(tx, row);
      const { cause, present } = desk;
      const freed = await unblockSubscription({ tx, tenantId, at, wallNow, cause, present }, id);
      if (!freed) throw new Refused(notBlocked(row));
      return row;
    });
    if (before.testClockId)
      return {
        lines: [
          `${id} is no longer blocked. It goes on when its test clock ${before.testClockId} is advanced.`,
        ],
        json: { subscription: id, retried: true, went_on: false, next_step: nextOf(before) },
      };
    const after = await watch(desk, before);
    if (after.blockedReason)
      throw new Refused(`${id} was tried and is blocked again: ${after.blockedReason}`);
    return {
      lines: [`${id} is no longer blocked. ${outcome(before, after)}`],
      json: { subscription: id, retried: true, went_on: wentOn(before, after), next_step: nextOf(after) },
    };
  },
});

const recheck = command({
  does: 'has the workflow read its row again, starting it where it is missing',
  about: `Harmless at any time: a workflow that is told to look again and finds nothing new goes on waiting. The news is
kept in the database and carried by a worker, so it is not lost while Temporal or the workers are away.`,
  takes: ['<id or external id>'],
  flags: { tenant: TENANT },
  async run({ desk, words: [reference = ''], given }) {
    const { id, tenantId } = await locate(desk, 'subscription', reference, given.tenant ?? null);
    await desk.inTenant(tenantId, async (tx) => {
      const row = found(await findSubscriptionByReference(tx, id), 'subscription');
      if (row.endedAt)
        throw new Refused(`${id} ended at ${row.endedAt.toISOString()}; there is nothing left to do for it.`);
      await nudge(tx, { tenantId, kind: 'subscription', entityId: id, notBefore: await databaseNow(tx) });
    });
    const told = await untilTold(desk, tenantId, id);
    return { lines: [told.sentence], json: { subscription: id, told: told.yes, last_error: told.lastError } };
  },
});

export const subscription = { list, show, retry, recheck };

function notBlocked(row: Subscription): string {
  const next =
    row.nextStep && row.nextStepAt
      ? `its next step is ${row.nextStep} at ${row.nextStepAt.toISOString()}`
      : `it is ${row.status} and waits for nothing`;
  return `${row.id} is not blocked: ${next}. To have its workflow look again: npm run cli -- subscription recheck ${row.id}`;
}

/** The row once its step was made or failed again, or as it is when that takes too long. */
async function watch(desk: Desk, before: Subscription): Promise<Subscription> {
  for (const endsAtMs = performance.now() + WATCHED_MS; ; await sleep(200)) {
    const row = await desk.inTenant(before.tenantId, (tx) => findSubscriptionByReference(tx, before.id));
    const now = found(row, 'subscription');
    if (wentOn(before, now) || now.blockedReason || performance.now() > endsAtMs) return now;
  }
}

function wentOn(before: Subscription, after: Subscription): boolean {
  return after.nextStepAt?.getTime() !== before.nextStepAt?.getTime() || after.nextStep !== before.nextStep;
}

function nextOf({ nextStep, nextStepAt }: Subscription): { step: string; at: Date } | null {
  return nextStep && nextStepAt && { step: nextStep, at: nextStepAt };
}

function outcome(before: Subscription, after: Subscription): string {
  const { id, nextStep, nextStepAt, status } = after;
  if (wentOn(before, after)) {
    if (!nextStep || !nextStepAt) return `It was tried and is ${status} now.`;
    return `It went on: next ${nextStep} at ${whenSeen(nextStepAt, clock.now())}.`;
  }
  return `It was not tried in ${WATCHED_MS / 1_000} s: look whether a worker runs, then: npm run cli -- subscription show ${id}`;
}

async function untilTold(
  desk: Desk,
  tenantId: string,
  id: string,
): Promise<{ yes: boolean; sentence: string; lastError: string | null }> {
  for (const endsAtMs = performance.now() + TOLD_WITHIN_MS; ; await sleep(100)) {
    const owed = await desk.inTenant(tenantId, (tx) => nudgeOwed(tx, `subscription/${id}`));
    if (!owed)
      return { yes: true, sentence: `The workflow of ${id} was told to look again.`, lastError: null };
    if (performance.now() <= endsAtMs) continue;
    const why = owed.lastError ? ` (${owed.lastError})` : '';
    const sentence = `It is noted that the workflow of ${id} has to look again, and nobody carried it there yet${why}: a worker does as soon as one runs and Temporal answers.`;
    return { yes: false, sentence, lastError: owed.lastError };
  }
}
