import pg from 'pg';
import { Webhook } from 'standardwebhooks';
import { Pool } from 'undici';
import { serve } from '../child.ts';

/**
 * The outbox loop that fits on a page, on the same tables: claim a batch, sign, post with as many at once as we do, and
 * write down each delivery with its attempt in one statement. At least once, as ours: who dies loses a lease. It knows
 * one endpoint, follows no order of objects, checks no address, retries nothing and watches nobody's health.
 */
export type OutboxQuestion = { endpointId: string; url: string; secret: string };
export type OutboxAnswer = { sent: number; seconds: number };

const PARALLEL = 20;
const BATCH = 200;

const database = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 10 });

type Claimed = {
  id: string;
  tenant_id: string;
  event_id: string;
  type: string;
  api_version: string;
  sequence: number;
  data: object;
  created_at: Date;
};

serve(async ({ endpointId, url, secret }: OutboxQuestion): Promise<OutboxAnswer> => {
  const startedMs = performance.now();
  const target = new URL(url);
  const receiver = new Pool(target.origin, { connections: PARALLEL });
  const webhook = new Webhook(secret);
  let sent = 0;
  for (;;) {
    const batch = await claim(endpointId);
    if (batch.length === 0) break;
    const work = async () => {
      for (let one = batch.shift(); one; one = batch.shift()) {
        await deliver(receiver, target.pathname, webhook, one);
        sent += 1;
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
  }
  await receiver.close();
  return { sent, seconds: (performance.now() - startedMs) / 1000 };
});

async function claim(endpointId: string): Promise<Claimed[]> {
  const { rows } = await database.query<Claimed>(
    `with claimed as (
       update webhook_deliveries set lease_until = now() + interval '90 seconds', attempts = attempts + 1
       where id in (select id from webhook_deliveries
         where endpoint_id = $1 and status = 'pending' and next_attempt_at <= now() and (lease_until is null or lease_until < now())
         order by next_attempt_at, event_id limit ${BATCH} for update skip locked)
       returning id, tenant_id, event_id)
     select claimed.*, type, api_version, sequence, data, created_at
     from claimed join events on events.id = claimed.event_id order by events.id`,
    [endpointId],
  );
  return rows;
}

async function deliver(receiver: Pool, path: string, webhook: Webhook, one: Claimed): Promise<void> {
  const at = new Date();
  const body = JSON.stringify({
    id: one.event_id,
    type: one.type,
    api_version: one.api_version,
    created_at: one.created_at,
    sequence: one.sequence,
    data: one.data,
  });
  const { statusCode, body: answer } = await receiver.request({
    method: 'POST',
    path,
    headers: {
      'webhook-id': one.event_id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': webhook.sign(one.event_id, at, body),
      'content-type': 'application/json',
    },
    body,
  });
  await answer.text();
  if (statusCode !== 200) throw new Error(`the receiver answered ${statusCode}`);
  await database.query(
    `with delivered as (
       update webhook_deliveries set status = 'delivered', delivered_at = now(), next_attempt_at = null, lease_until = null
       where id = $1 returning id, attempts, tenant_id)
     insert into webhook_attempts (delivery_id, n, tenant_id, started_at, finished_at, status)
     select id, attempts, tenant_id, $2, now(), $3 from delivered`,
    [one.id, at, statusCode],
  );
}
