import { proxyActivities, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ImportProgress, UsageImportActivities } from '../activities/import-usage.ts';
import { goOn } from './go-on.ts';
import { recheckSignal, type UsageImportInput } from './messages.ts';

/** After so many parts a new run begins, to keep the history short. */
const PARTS_MAX = 100;

const { importPart } = proxyActivities<UsageImportActivities>({
  startToCloseTimeout: '2 minutes',
  // A worker that was killed says nothing, and the next one should not wait for its two minutes.
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  summary: 'take in the next rows',
});

/**
 * Makes a file that was uploaded true, part by part. Which parts are left, and whether the import is paused, stands in
 * rows; this workflow only asks again while there is more to do. It ends when nothing is, also for now, and is started
 * anew when the import goes on.
 */
export async function importUsage(input: UsageImportInput): Promise<void> {
  let recheck = false;
  setHandler(recheckSignal, () => {
    recheck = true;
  });
  for (let part = 1; ; part += 1) {
    recheck = false;
    const progress = await importPart(input);
    setCurrentDetails(details(progress));
    // A signal that comes with this decision makes the server ask for another one.
    if (!progress.more && !recheck) return;
    if (part >= PARTS_MAX || workflowInfo().continueAsNewSuggested) return goOn<typeof importUsage>(input);
  }
}

function details({ status, accepted, duplicates, rejected, pending }: ImportProgress): string {
  return `**${status}** · ${accepted} accepted · ${duplicates} duplicates · ${rejected} rejected · ${pending} left`;
}
