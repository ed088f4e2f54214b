import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { CustomerWorkActivities, CustomerWorkAnswer } from '../activities/customer-work.ts';

const { workForCustomers } = proxyActivities<CustomerWorkActivities>({
  startToCloseTimeout: '50 minutes',
  heartbeatTimeout: '2 minutes',
  retry: { initialInterval: '5 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  summary: 'bill what was used and arrived after the last invoice',
});

/** What is due for customers beside their subscriptions; started by the Schedule of the same name, every five minutes. */
export async function customerWork(): Promise<CustomerWorkAnswer> {
  const answer = await workForCustomers();
  setCurrentDetails(`Looked after: ${answer.done}. Could not be: ${answer.failed}.`);
  return answer;
}
