import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { listOf } from '../../contract/common.ts';
import { eventOut } from '../../contract/events.ts';
import { testClockOut as testClock, type testClockOut } from '../../contract/test-clocks.ts';
import { deliveryOut, webhookEndpointWithSecretOut } from '../../contract/webhooks.ts';
import { type ApiClient, apiClient, withId } from '../api-client.ts';
import type { Receiver } from './receiver.ts';

export type EventSeen = z.infer<typeof eventOut>;
export type ClockSeen = z.infer<typeof testClockOut>;

/** Where the story is played: a tenant of its own, a test clock, and a receiver that hears of everything. */
export type Stage = {
  clockId: string;
  apiKey: string;
  api: ApiClient;
  /** Moves the clock and waits until everything attached has caught up; `progress` hears how far it has come. */
  advance(to: string, progress: (clock: ClockSeen) => void): Promise<void>;
  /** All that the feed tells of since the last time; waits until the webhooks of it have arrived, or for some seconds. */
  news(): Promise<EventSeen[]>;
};

const POLL_MS = 100;
const NEWS_DEADLINE_MS = 120_000;

export async function setStage(
  apiUrl: string,
  operatorKey: string,
  receiver: Receiver,
  startsAt: string,
): Promise<Stage> {
  const operator = apiClient(apiUrl, operatorKey);
  const account = await operator.post('/v1/accounts', { name: 'Fernweh Coffee' }, withId);
  const terms = { account: account.id, mode: 'test', name: 'Fernweh Coffee', trial_reminder_days: 3 };
  const tenant = await operator.post('/v1/tenants', terms, withId);
  const { key } = await operator.post(
    `/v1/tenants/${tenant.id}/keys`,
    { name: 'demo' },
    z.object({ key: z.string() }),
  );
  const api = apiClient(apiUrl, key);
  // First of all, so that nothing happens unheard.
  const endpoint = await api.post(
    '/v1/webhook_endpoints',
    { url: receiver.url },
    webhookEndpointWithSecretOut,
  );
  receiver.trust(endpoint.secret);
  const clock = await api.post('/v1/test_clocks', { name: 'fourteen months', now: startsAt }, testClock);
  let position = '0';
  return {
    clockId: clock.id,
    apiKey: key,
    api,
    async advance(to, progress) {
      let now = await api.post(`/v1/test_clocks/${clock.id}/advance`, { to }, testClock);
      while (now.status === 'advancing') {
        progress(now);
        await sleep(POLL_MS);
        now = await api.get(`/v1/test_clocks/${clock.id}`, testClock);
      }
      if (now.status !== 'ready')
        throw new Error(`The test clock is ${now.status}: ${now.failure?.entity} ${now.failure?.message}`);
    },
    async news() {
      // The feed is in the order of commits: once a ping shows in it, so does everything that was there before.
      const ping = await api.post(`/v1/webhook_endpoints/${endpoint.id}/test`, {}, deliveryOut);
      const events: EventSeen[] = [];
      const inTime = deadline(NEWS_DEADLINE_MS);
      while (inTime() && !events.some(({ id }) => id === ping.event)) {
        const { data } = await api.get(`/v1/webhook_events?after=${position}&limit=100`, listOf(eventOut));
        events.push(...data);
        position = data.at(-1)?.position ?? position;
        if (data.length === 0) await sleep(POLL_MS);
      }
      while (inTime() && !events.every(({ id }) => receiver.verified.has(id))) await sleep(POLL_MS);
      return events.filter(({ type }) => type !== 'webhook_endpoint.test');
    },
  };
}

function deadline(ms: number): () => boolean {
  const startedMs = performance.now();
  return () => performance.now() - startedMs < ms;
}
