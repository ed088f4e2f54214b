import { defineSearchAttributeKey } from '@temporalio/common';
import {
  condition,
  defineUpdate,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { BareActivities } from './activities.ts';

/** The least that Temporal does for the same shape of work: what these cost is not ours to save. */

const nextStepAt = defineSearchAttributeKey('BillingNextStepAt', 'DATETIME');

export type BareRenewalInput = { dueAt: string; nextAt: string; charges: boolean };

/** Waits, does one local activity and, where a charge would be, a regular one on a queue of its own, upserts, waits again. */
export async function bareRenewal({ dueAt, nextAt, charges }: BareRenewalInput): Promise<void> {
  upsertSearchAttributes([{ key: nextStepAt, value: new Date(dueAt) }]);
  await sleep(Math.max(1, new Date(dueAt).getTime() - Date.now()));
  await proxyLocalActivities<BareActivities>({ startToCloseTimeout: '5 seconds' }).noop(dueAt);
  if (charges) {
    const taskQueue = workflowInfo().taskQueue.replace(/billing$/, 'gateway');
    await proxyActivities<BareActivities>({ taskQueue, startToCloseTimeout: '15 seconds' }).noop(dueAt);
  }
  upsertSearchAttributes([{ key: nextStepAt, value: new Date(nextAt) }]);
  await sleep(Math.max(1, new Date(nextAt).getTime() - Date.now()));
}

export const bareUpdate = defineUpdate<string, [string]>('bare');

/** Answers one update and goes on waiting, as a subscription does that was just created. */
export async function bareCommand(): Promise<void> {
  setHandler(bareUpdate, (text) => text);
  await condition(() => false, '30 days');
}

/** Waits for nothing: what the smallest open workflow keeps in a worker's memory. */
export async function bareEmpty(): Promise<void> {
  await condition(() => false);
}
