import {
  condition,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { DrainResult, WebhookActivities } from '../activities/webhooks.ts';
import { goOn } from './go-on.ts';
import { recheckSignal, type WebhookEndpointInput } from './messages.ts';

/** A round is a drain and a wait. After so many of them a new run begins, to keep the history short. */
const ROUNDS_MAX = 200;

const { drainEndpoint } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '60 seconds' },
  summary: 'deliver what is due',
});

/**
 * Sees to it that everything owed to one webhook endpoint is delivered or given up. What is owed stands in rows; this
 * workflow knows only when to look again. It ends when nothing is pending, and the relay starts it anew.
 */
export async function webhookEndpoint(input: WebhookEndpointInput): Promise<void> {
  let recheck = false;
  setHandler(recheckSignal, () => {
    recheck = true;
  });

  for (let round = 1; ; round += 1) {
    recheck = false;
    const drained = await drainEndpoint(input);
    setCurrentDetails(details(input, drained));
    if (mustContinueAsNew(round)) return goOn<typeof webhookEndpoint>(input);
    if (recheck) continue;
    if (drained.next === null) return;
    if (drained.next.waitMs > 0) {
      await condition(() => recheck, drained.next.waitMs, {
        summary: `next attempt, ${drained.pending} pending`,
      });
    }
  }
}

function mustContinueAsNew(round: number): boolean {
  return round >= ROUNDS_MAX || workflowInfo().continueAsNewSuggested;
}

function details({ endpointId }: WebhookEndpointInput, drained: DrainResult): string {
  return [
    `Endpoint \`${endpointId}\` is **${drained.state}**, ${drained.pending} deliveries pending.`,
    drained.failingSince ? `Failing since ${drained.failingSince}.` : 'Working.',
    drained.next ? `Next attempt at ${drained.next.at}.` : 'Nothing to send.',
  ].join('\n\n');
}
