import { setTimeout as sleep } from 'node:timers/promises';
import { alertFiringOut, alertOut } from '../../contract/alerts.ts';
import { ingestedOut } from '../../contract/usage-events.ts';
import { type ApiClient, withId } from '../api-client.ts';

/** Calls of somebody's machines: a meter of his own counts them. */
export async function sellCalls(api: ApiClient, external_id: string): Promise<void> {
  const meter = { name: 'Calls', external_id, event_name: 'calls', aggregation: 'sum', property: 'n' };
  await api.post('/v1/meters', meter, withId);
}

/** How many calls there were, by instants; their events arrive together. */
export async function sendCalls(
  api: ApiClient,
  customer: string,
  done: Readonly<Record<string, number>>,
): Promise<void> {
  const events = Object.entries(done).map(([timestamp, n]) => ({
    idempotency_key: `${customer} ${timestamp}`,
    event_name: 'calls',
    external_customer_id: customer,
    timestamp,
    properties: { n },
  }));
  const { accepted } = await api.post('/v1/events', { events }, ingestedOut);
  if (accepted !== events.length) throw new Error(`Of ${events.length} events ${accepted} were taken.`);
}

const ALERT_DEADLINE_MS = 120_000;
const POLL_MS = 100;

/** An alert is told within seconds, and not by whoever sent the events. */
export async function hearOfAlert(api: ApiClient): Promise<void> {
  const [alert] = await api.all('/v1/alerts', alertOut);
  const startedMs = performance.now();
  const wasTold = async () => (await api.all(`/v1/alerts/${alert?.id}/firings`, alertFiringOut)).length > 0;
  while (!(await wasTold())) {
    if (performance.now() - startedMs > ALERT_DEADLINE_MS) throw new Error('Nobody was told of the alert.');
    await sleep(POLL_MS);
  }
}
