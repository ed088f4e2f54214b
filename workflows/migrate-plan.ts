import {
  condition,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { BatchEnd, PlanMigrationActivities } from '../activities/migrate-plan.ts';
import { goOn } from './go-on.ts';
import { type PlanMigrationInput, recheckSignal } from './messages.ts';

/** After so many batches a new run begins, to keep the history short. */
const BATCHES_MAX = 20;

const { migrateBatch } = proxyActivities<PlanMigrationActivities>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'move the next subscribers',
});

/**
 * Moves the subscribers of a plan to another version of it, batch by batch. Who is left, and whether the migration is
 * paused, stands in rows; this workflow only asks again while there is more to do. It ends when nothing is, also for
 * now, and is started anew when the migration goes on.
 */
export async function migratePlan(input: PlanMigrationInput): Promise<void> {
  let recheck = false;
  setHandler(recheckSignal, () => {
    recheck = true;
  });
  for (let batch = 1; ; batch += 1) {
    recheck = false;
    const end = await migrateBatch(input);
    setCurrentDetails(details(end));
    // A signal that comes with this decision makes the server ask for another one.
    if (end.waitMs === null && !recheck) return;
    if (batch >= BATCHES_MAX || workflowInfo().continueAsNewSuggested) return goOn<typeof migratePlan>(input);
    if (end.waitMs) await condition(() => recheck, end.waitMs, { summary: 'somebody is still at it' });
  }
}

function details({ status, planId, toVersion, counts }: BatchEnd): string {
  const outcomes = Object.entries(counts).map(([outcome, count]) => `${count} ${outcome}`);
  return [`**${status}** · plan \`${planId}\` to version ${toVersion}`, outcomes.join(' · ')].join('\n\n');
}
