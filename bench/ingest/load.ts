import { Pool } from 'undici';
import { serve } from '../child.ts';
import { eventsOf } from './events.ts';

/**
 * The load generator: sends so many events in batches of one size over so many connections, each with one request at a
 * time. Bodies are written before the clock starts.
 */
export type LoadQuestion = {
  origin: string;
  authorization: string;
  connections: number;
  prefix: string;
  batch: number;
  batches: number;
  customers: string[];
};
/** Latencies are those of requests. */
export type LoadAnswer = { events: number; accepted: number; seconds: number; p50Ms: number; p99Ms: number };

serve(async (question: LoadQuestion): Promise<LoadAnswer> => {
  const { origin, authorization, connections, prefix, batch: count, batches, customers } = question;
  const nowMs = Date.now();
  const bodies = Array.from({ length: batches }, (_, index) =>
    Buffer.from(
      JSON.stringify({ events: eventsOf({ prefix, from: index * count, count, customers }, nowMs) }),
    ),
  );
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const latencies: number[] = [];
  let accepted = 0;
  const queue = bodies.values();
  const headers = { authorization, 'content-type': 'application/json' };
  const caller = async () => {
    for (const body of queue) {
      const startedMs = performance.now();
      const answer = await pool.request({ path: '/v1/events', method: 'POST', headers, body });
      const text = await answer.body.text();
      latencies.push(performance.now() - startedMs);
      if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${text.slice(0, 500)}`);
      accepted += Number(/"accepted":(\d+)/.exec(text)?.[1]);
    }
  };
  try {
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: connections }, caller));
    const seconds = (performance.now() - startedMs) / 1000;
    latencies.sort((a, b) => a - b);
    const at = (share: number) =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
    return { events: count * batches, accepted, seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
  } finally {
    await pool.close();
  }
});
