import { setTimeout as sleep } from 'node:timers/promises';
import { resendDelivery } from '../../../api/change-webhook-endpoint.ts';
import type { WebhookDelivery } from '../../domain/webhook.ts';
import { findDelivery } from '../../persistence/deliveries.ts';
import { found } from '../../persistence/find-by-reference.ts';
import { databaseNow } from '../../persistence/find-commands.ts';
import { findDeadLetters } from '../../persistence/find-trouble.ts';
import { command } from './command.ts';
import type { Desk } from './desk.ts';
import { LIMIT, limitOf } from './limit.ts';
import { instant, listing } from './lines.ts';
import { locate } from './locate.ts';

const WATCHED_MS = 30_000;

const retry = command({
  does: 'sends a webhook delivery again, also one that arrived: the same event and id, a new attempt',
  about: `Begins the schedule of retries anew. Exit code 1 when its endpoint is disabled or it is being sent at this moment.
Looks on for ten seconds and says what the receiver answered.`,
  takes: ['<id>'],
  flags: {},
  async run({ desk, words: [reference = ''] }) {
    const { id, tenantId } = await locate(desk, 'delivery', reference);
    const before = await desk.inTenant(tenantId, async (tx) => resendDelivery(tx, id, await databaseNow(tx)));
    const after = await watch(desk, before);
    return {
      lines: [outcome(before, after)],
      json: {
        delivery: id,
        event: after.eventId,
        endpoint: after.endpointId,
        status: after.status,
        attempts: after.attempts,
        last_status: after.attempts > before.attempts ? after.lastStatus : null,
        last_error: after.attempts > before.attempts ? after.lastError : null,
        next_attempt_at: after.nextAttemptAt,
      },
    };
  },
});

const list = command({
  does: 'names the webhook deliveries that are tried no more',
  about: `Dead letters: all attempts were used up, or their endpoint was disabled. The newest first; deliveries that are still
tried are not among them. To send one again: delivery retry; many: events replay --missed.`,
  takes: [],
  flags: { endpoint: ['<id>', 'only those of this endpoint (we_…)'], limit: LIMIT },
  async run({ desk, given }) {
    const limit = limitOf(given.limit);
    const endpointId =
      given.endpoint === undefined ? null : (await locate(desk, 'webhook endpoint', given.endpoint)).id;
    const dead = await desk.everywhere((tx) => findDeadLetters(tx, { endpointId, limit }));
    return {
      lines: listing(
        'No delivery was given up.',
        ['delivery', 'endpoint', 'event', 'type', 'attempts', 'since', 'last error'],
        dead.map((one) => [
          one.id,
          one.endpointId,
          one.eventId,
          one.type,
          String(one.attempts),
          instant(one.since),
          one.lastError ?? '',
        ]),
      ),
      json: {
        deliveries: dead.map(({ tenantId, endpointId: endpoint, eventId, lastError, ...one }) => ({
          ...one,
          tenant: tenantId,
          endpoint,
          event: eventId,
          last_error: lastError,
        })),
      },
    };
  },
});

export const delivery = { list, retry };

async function watch(desk: Desk, before: WebhookDelivery): Promise<WebhookDelivery> {
  for (const endsAtMs = performance.now() + WATCHED_MS; ; await sleep(100)) {
    const row = await desk.inTenant(before.tenantId, (tx) => findDelivery(tx, before.id));
    const now = found(row, 'delivery');
    const answered = now.attempts > before.attempts && now.leaseUntil === null;
    if (answered || performance.now() > endsAtMs) return now;
  }
}

function outcome(before: WebhookDelivery, after: WebhookDelivery): string {
  const { id, status, lastStatus, lastError, nextAttemptAt } = after;
  if (after.attempts === before.attempts)
    return `${id} is due and was not sent in ${WATCHED_MS / 1_000} s: look whether a worker runs; it is sent as soon as one does.`;
  if (status === 'delivered') return `${id} arrived: attempt ${after.attempts} was answered ${lastStatus}.`;
  const next = nextAttemptAt
    ? `; it is tried again at ${nextAttemptAt.toISOString()}`
    : '; it is a dead letter';
  return `${id} did not arrive: ${lastError ?? `it was answered ${lastStatus}`}${next}.`;
}
