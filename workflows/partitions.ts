import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { PartitionActivities, PartitionsAnswer } from '../activities/partitions.ts';

const { keepPartitions } = proxyActivities<PartitionActivities>({
  startToCloseTimeout: '50 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '5 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  summary: 'prepare the months to come, forget what is over',
});

/** Keeps the partitions of the events of use; started by the Schedule of the same name, daily and when a worker boots. */
export async function partitions(): Promise<PartitionsAnswer> {
  const done = await keepPartitions();
  const { months, moved, keys, events } = done;
  setCurrentDetails(
    `Months prepared: ${months}, with ${moved} events. Keys forgotten: ${keys}. Events deleted: ${events}.`,
  );
  return done;
}
