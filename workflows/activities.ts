import {
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  TemporalFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { BillingActivities } from '../activities/billing.ts';
import type { CommandActivities } from '../activities/commands.ts';
import type { InvoiceActivities } from '../activities/invoices.ts';
import type { PaymentActivities } from '../activities/payments.ts';
import type { Queue } from './messages.ts';

/** How each kind of work is retried. Workflows call these and nothing else. */

type DatabaseActivities = BillingActivities & CommandActivities & InvoiceActivities;

/**
 * A database step: local, because that is cheap, and after three failures the same function as a regular activity that
 * is retried for ever. A local activity retried for ever would write about 1,400 events an hour while the database is away.
 */
export async function databaseStep<Name extends keyof DatabaseActivities>(
  name: Name,
  input: Parameters<DatabaseActivities[Name]>[0],
  summary: string,
): Promise<Awaited<ReturnType<DatabaseActivities[Name]>>> {
  const retry = { initialInterval: '200 milliseconds', maximumAttempts: 3 } as const;
  const local = proxyLocalActivities<DatabaseActivities>({
    startToCloseTimeout: '5 seconds',
    // All attempts and the wait for a free slot together: a database that answers nobody keeps every slot busy, and
    // a workflow that waits for one writes three events each eight seconds.
    scheduleToCloseTimeout: '20 seconds',
    retry,
    summary,
  });
  try {
    return await call(local, name, input);
  } catch (error) {
    // A local activity ends with what it threw itself, a regular one with an ActivityFailure around it.
    if (!(error instanceof TemporalFailure) || isCancellation(error)) throw error;
    const patience = {
      initialInterval: '1 second',
      backoffCoefficient: 2,
      // Short, because retries of an activity leave no trace in the history: what was due while the database was away
      // is done this soon after it came back.
      maximumInterval: '20 seconds',
    } as const;
    return call(
      proxyActivities<DatabaseActivities>({ startToCloseTimeout: '30 seconds', retry: patience, summary }),
      name,
      input,
    );
  }
}

type Answer<Name extends keyof DatabaseActivities> = Promise<Awaited<ReturnType<DatabaseActivities[Name]>>>;

function call<Name extends keyof DatabaseActivities>(
  proxy: DatabaseActivities,
  name: Name,
  input: Parameters<DatabaseActivities[Name]>[0],
): Answer<Name> {
  const activity = proxy[name] as (input: Parameters<DatabaseActivities[Name]>[0]) => Answer<Name>;
  return activity(input);
}

/** One attempt inside a subscription's step; whatever it does not settle, the invoice's own workflow goes on with. */
export function chargeOnce(invoiceId: string): PaymentActivities {
  return proxyActivities<PaymentActivities>({
    summary: `charge ${invoiceId}`,
    taskQueue: queue('gateway'),
    startToCloseTimeout: '15 seconds',
    scheduleToCloseTimeout: '20 seconds',
    retry: { maximumAttempts: 1 },
  });
}

/** The invoice's workflow asks until it knows: every call goes on with the same attempt. */
export function chargePatiently(summary: string): PaymentActivities {
  return proxyActivities<PaymentActivities>({
    summary,
    taskQueue: queue('gateway'),
    startToCloseTimeout: '15 seconds',
    retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  });
}

/** The sibling of the queue this workflow runs on, so that a prefix set at start holds everywhere. */
function queue(name: Queue): string {
  return workflowInfo().taskQueue.replace(/billing$/, name);
}
