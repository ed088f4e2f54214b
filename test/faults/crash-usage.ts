import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from './caller.ts';
import type { Stage } from './stage.ts';

/** An upload whose process died keeps its key for a minute; then it may come again. */
const PATIENCE_MS = 300_000;
const TIMES = 2;

/** Events that come through a collector, in a file and in a backfill, each twice. Their keys are their own, so all are repeated. */
export async function collectedUsage({ http, apiUrl }: Stage, caller: Caller): Promise<void> {
  const { key } = caller;
  const insist = async (path: string, body: object) => {
    const answer = await http.insist('POST', path, body, { key, patienceMs: PATIENCE_MS });
    if (answer.status !== 200 || (answer.body['rejected'] ?? 0) !== 0)
      throw new Error(`${path} was answered ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const { id: customer } = await caller.post('/v1/customers', { name: 'Ada' });
  const at = new Date(Date.now() - 60_000).toISOString();
  const event = (name: string) => ({
    idempotency_key: `${customer} ${name}`,
    event_name: 'collected',
    customer_id: customer,
    timestamp: at,
  });
  const mapping = {
    idempotency_key: '/idempotency_key',
    event_name: '/event_name',
    customer_id: '/customer_id',
    timestamp: '/timestamp',
  };
  const signature = { scheme: 'none' };
  const collector = await caller.post('/v1/collectors', { name: 'Sender', mapping, signature });
  const inbox = new URL(String(collector['url']), apiUrl).pathname;
  for (let n = 0; n < TIMES; n += 1) {
    await insist(inbox, event(`hook ${n}`));
    await imported(caller, String((await insist(IMPORTS, event(`file ${n}`)))['id']));
    const timeframe = { timeframe_start: at, timeframe_end: new Date(Date.parse(at) + 1).toISOString() };
    const backfill = await caller.post('/v1/backfills', { customer, ...timeframe, replace: false });
    await insist(`/v1/backfills/${backfill.id}/events`, event(`backfill ${n}`));
    await caller.post(`/v1/backfills/${backfill.id}/close`);
  }
}

const STARTS_AT = '2028-01-31T14:00:00.000Z';
const MINUTES = [0, 1, 2];

/**
 * A month that is billed and then corrected, a minute after the other; of three corrections two are taken back. What is
 * left of them is on the next invoice, once.
 */
export async function correctedUsage(
  { http }: Stage,
  caller: Caller,
  { plan, clock, payer }: { plan: string; clock: string; payer: string },
  advance: (to: string) => Promise<void>,
): Promise<void> {
  const { key } = caller;
  const send = async (path: string, body: object) => {
    const answer = await http.insist('POST', path, body, { key, patienceMs: PATIENCE_MS });
    if (answer.status !== 200 || answer.body['rejected'] !== 0)
      throw new Error(`${path} was answered ${answer.status} ${JSON.stringify(answer.body)}`);
  };
  const event = (name: string, minute: number) => ({
    idempotency_key: `${payer} ${clock} ${name}`,
    event_name: 'counted',
    customer_id: payer,
    timestamp: inMinutes(minute),
  });
  await caller.post('/v1/subscriptions', { customer: payer, plan });
  for (const minute of MINUTES) await send('/v1/events', event(`first of ${minute}`, minute));
  await advance('2028-03-01T00:00:00.000Z');
  const backfills: string[] = [];
  for (const minute of MINUTES) {
    const timeframe = { timeframe_start: inMinutes(minute), timeframe_end: inMinutes(minute + 1) };
    const { id } = await caller.post('/v1/backfills', { customer: payer, ...timeframe });
    const events = [1, 2, 3].map((n) => event(`${n} of ${minute}, corrected`, minute));
    await send(`/v1/backfills/${id}/events`, { events });
    await caller.post(`/v1/backfills/${id}/close`);
    backfills.push(id);
  }
  for (const id of backfills.slice(1)) await caller.post(`/v1/backfills/${id}/revert`);
  await advance('2028-04-02T00:00:00.000Z');
}

const inMinutes = (minutes: number) => new Date(Date.parse(STARTS_AT) + minutes * 60_000).toISOString();

const IMPORTS = '/v1/usage_imports?format=ndjson';

async function imported(caller: Caller, id: string): Promise<void> {
  for (const endsAtMs = performance.now() + PATIENCE_MS; ; await sleep(100)) {
    const { status, counts } = await caller.get(`/v1/usage_imports/${id}`);
    if (status === 'completed') return;
    if (performance.now() > endsAtMs)
      throw new Error(`the import ${id} is still ${String(status)}: ${JSON.stringify(counts)}`);
  }
}
