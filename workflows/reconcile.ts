import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { ReconcileActivities } from '../activities/reconcile.ts';

const { reconcileAll } = proxyActivities<ReconcileActivities>({
  startToCloseTimeout: '50 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '5 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  summary: 'compare every row that waits with its workflow',
});

/** Brings rows and workflows together again; started by the Schedule of the same name, hourly and when a worker boots. */
export async function reconcile(): Promise<Record<string, number>> {
  const { repairs } = await reconcileAll();
  const kinds = Object.entries(repairs);
  const list = kinds.map(([kind, count]) => `- ${kind}: ${count}`).join('\n');
  setCurrentDetails(kinds.length === 0 ? 'Everything was in order.' : `Repaired:\n\n${list}`);
  return repairs;
}
