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

const IMPORTS = '/v1/usage_imports?format=ndjson';

async function imported(caller: Caller, id: string): Promise<void> {
  for (const endsAtMs = performance.now() + PATIENCE_MS; ; await sleep(100)) {
    const { status, counts } = await caller.get(`/v1/usage_imports/${id}`);
    if (status === 'completed') return;
    if (performance.now() > endsAtMs)
      throw new Error(`the import ${id} is still ${String(status)}: ${JSON.stringify(counts)}`);
  }
}
