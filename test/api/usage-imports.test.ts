import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { z } from 'zod';
import { reconcile } from '../../activities/reconcile.ts';
import { sweepUploads } from '../../api/receive-upload.ts';
import { usageImportOut } from '../../src/contract/usage-imports.ts';
import { engineOf } from '../../src/main/engine.ts';
import { query } from '../../src/persistence/rows.ts';
import { workflowId } from '../../workflows/messages.ts';
import { record } from '../support/record.ts';
import { eventually } from '../support/stories.ts';
import { openWorldApi, type WorldApi } from '../support/world-api.ts';

let api: WorldApi;
let customer: string;

beforeAll(async () => {
  api = await openWorldApi();
  customer = await api.make('/v1/customers', { name: 'Ada' });
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

type Seen = z.infer<typeof usageImportOut>;
const at = () => new Date().toISOString();

async function upload(
  format: string,
  body: string | ReadableStream,
  idempotencyKey?: string,
): Promise<Response> {
  return fetch(`${api.url}/v1/usage_imports?format=${format}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api.key}`,
      ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
    },
    body,
    ...(body instanceof ReadableStream ? { duplex: 'half' as const } : {}),
  });
}
const accepted = async (response: Response): Promise<Seen> => {
  const body: unknown = await response.json();
  expect({ status: response.status, body }).toMatchObject({ status: 200 });
  return usageImportOut.parse(body);
};
const look = async (id: string): Promise<Seen> =>
  usageImportOut.parse(await api.look(`/v1/usage_imports/${id}`));
const over = (id: string) =>
  eventually(
    () => look(id),
    ({ status }) => status === 'completed',
  );
const workflowOf = (id: string) => api.world.client.workflow.getHandle(workflowId.importUsage(id));
const steer = (id: string, how: string) =>
  api.send('post', `/v1/usage_imports/${id}/${how}`, { key: api.key, body: {} });
const list = async (status: string) =>
  (await api.look(`/v1/usage_imports?status=${status}`))['data'] as Seen[];

async function stored(eventName: string): Promise<{ count: number; keys: number }> {
  const [row] = await api.world.inTenant((tx) =>
    query<{ count: number; keys: number }>(
      tx,
      sql`select count(*)::int as count, count(distinct key)::int as keys from usage_events where event_name = ${eventName}`,
    ),
  );
  return row ?? { count: 0, keys: 0 };
}

test('a CSV file is taken in, and says why some of its rows were not', async () => {
  const rows = [
    'event_name,customer_id,timestamp,properties.bytes,properties.note',
    `file,${customer},${at()},1.5,"two\r\nlines, and a comma"`,
    `file,${customer},yesterday,2,`,
    '',
    `file,${customer},2001-01-01T00:00:00Z,3,`,
    `file,${customer},${at()},4,=1+1`,
    `=cmd,cus_00000000000000000000000000,${at()},5,`,
  ];
  const made = await accepted(await upload('csv', rows.join('\r\n')));
  expect(made).toMatchObject({ rows: 5, status: 'running', format: 'csv' });
  expect(await over(made.id)).toMatchObject({
    counts: { accepted: 2, duplicates: 0, rejected: 3, pending: 0 },
    errors_listed: 3,
  });
  expect(await stored('file')).toEqual({ count: 2, keys: 2 });
  const completed = `/v1/webhook_events?type=usage_import.completed&object_id=${made.id}`;
  // Events stand in the feed when they have found their place in it.
  const told = await eventually(
    () => api.look(completed),
    ({ data }) => Array.isArray(data) && data.length > 0,
  );
  expect(told['data']).toMatchObject([
    { data: { object: { status: 'completed', counts: { accepted: 2, rejected: 3 }, errors_listed: 3 } } },
  ]);
  const errors = await api.send('get', `/v1/usage_imports/${made.id}/errors`, { key: api.key });
  expect(errors.headers.get('content-type')).toContain('text/csv');
  const lines = errors.text.trim().split('\r\n');
  expect(lines.map((line) => line.split(',').slice(0, 3))).toEqual([
    ['row', 'idempotency_key', 'code'],
    ['2', `${made.id}:2`, 'instant_invalid'],
    ['3', `${made.id}:3`, 'too_old'],
    ['5', `${made.id}:5`, 'customer_not_found'],
  ]);
  await workflowOf(made.id).result();
  await record(api.world, 'usage-imported', workflowId.importUsage(made.id));
});

test('the same file with the same key is taken once, another file with it is refused', async () => {
  const lines = Array.from({ length: 20 }, () =>
    JSON.stringify({ event_name: 'once', customer_id: customer, timestamp: at() }),
  ).join('\n');
  const again = randomUUID();
  const made = await accepted(await upload('ndjson', lines, again));
  const replayed = await upload('ndjson', lines, again);
  expect(replayed.headers.get('idempotent-replayed')).toBe('true');
  expect((await accepted(replayed)).id).toBe(made.id);
  const other = await upload('ndjson', `${lines}\n`, again);
  expect({ status: other.status, body: await other.json() }).toMatchObject({
    status: 422,
    body: { code: 'idempotency_key_reused' },
  });
  const { counts } = await over(made.id);
  expect(counts).toEqual({ accepted: 20, duplicates: 0, rejected: 0, pending: 0 });
  expect(await stored('once')).toEqual({ count: 20, keys: 20 });
});

test('many rows are taken in part by part; paused nothing goes on, and resumed each row counts once', async () => {
  const lines = Array.from({ length: 30_000 }, (_, n) =>
    JSON.stringify({ idempotency_key: `m-${n}`, event_name: 'many', customer_id: customer, timestamp: at() }),
  );
  const made = await accepted(await upload('ndjson', lines.join('\n')));
  expect((await steer(made.id, 'pause')).status).toBe(200);
  // The part that was under way ends; then the workflow does, until somebody wakes it.
  await eventually(
    () =>
      workflowOf(made.id)
        .describe()
        .then(
          (workflow) => workflow.status.name,
          () => 'NONE',
        ),
    (status) => status !== 'RUNNING',
  );
  const paused = await look(made.id);
  await sleep(500);
  expect((await look(made.id)).counts).toEqual(paused.counts);
  expect((await steer(made.id, 'resume')).body).toMatchObject({ status: 'running' });
  expect((await over(made.id)).counts).toEqual({
    accepted: 30_000,
    duplicates: 0,
    rejected: 0,
    pending: 0,
  });
  expect(await stored('many')).toEqual({ count: 30_000, keys: 30_000 });
  const late = await steer(made.id, 'cancel');
  expect(late).toMatchObject({ status: 409, body: { code: 'usage_import_over' } });
});

test('a canceled import takes no more rows and keeps none of them', async () => {
  const line = JSON.stringify({ event_name: 'canceled', customer_id: customer, timestamp: at() });
  const made = await accepted(await upload('ndjson', `${line}\n`.repeat(20_000)));
  await steer(made.id, 'cancel');
  const { counts, status } = await look(made.id);
  expect(status).toBe('canceled');
  expect(await stored('canceled')).toEqual({ count: counts.accepted, keys: counts.accepted });
  const kept = await api.world.inTenant((tx) =>
    query(tx, sql`select from usage_import_chunks where import_id = ${made.id} and content is not null`),
  );
  expect(kept).toEqual([]);
});

test('what is no such file is refused while it arrives, and nothing of it counts', async () => {
  const line = JSON.stringify({ event_name: 'bad', customer_id: customer, timestamp: at() });
  const rows = `${line}\n`.repeat(20_000);
  for (const [format, body, code] of [
    ['csv', rows, 'usage_import_unreadable'],
    ['ndjson', `${rows}"${'x'.repeat(400_000)}`, 'usage_import_unreadable'],
    ['ndjson', ' \n\n', 'usage_import_unreadable'],
    ['xml', rows, 'validation_failed'],
  ] as const) {
    const refused = await upload(format, body);
    expect({ status: refused.status, body: await refused.json() }).toMatchObject({
      status: 422,
      body: { code },
    });
  }
  const failed = await list('failed');
  expect(failed[0]).toMatchObject({ failure: expect.any(String), counts: { accepted: 0 } });
  expect(await stored('bad')).toEqual({ count: 0, keys: 0 });
});

test('an upload that is cut off leaves a failed import, and its key may bring the file again', async () => {
  const again = randomUUID();
  const line = JSON.stringify({ event_name: 'cut', customer_id: customer, timestamp: at() });
  const text = `${line}\n`.repeat(15_000);
  let isUnderWay = false;
  const stream = new ReadableStream({
    async pull(controller) {
      if (isUnderWay) {
        await eventually(
          () => list('uploading'),
          (found) => found.length > 0,
        );
        controller.error(new Error('the line went dead'));
      } else controller.enqueue(new TextEncoder().encode(text));
      isUnderWay = true;
    },
  });
  await expect(upload('ndjson', stream, again)).rejects.toThrow('fetch failed');
  await eventually(
    () => list('uploading'),
    (found) => found.length === 0,
  );
  expect((await list('failed'))[0]?.failure).toBe('The upload was cut off; send the file again.');
  const made = await accepted(await upload('ndjson', text, again));
  expect((await over(made.id)).counts).toMatchObject({ accepted: 15_000 });
  expect(await stored('cut')).toEqual({ count: 15_000, keys: 15_000 });
});

test('a file that is too large is refused before it is sent, when its size is told', async () => {
  const refused = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${api.key}`, 'content-length': 1024 ** 3 + 1 };
    const sending = request(
      `${api.url}/v1/usage_imports?format=csv`,
      { method: 'POST', headers },
      (answer) => {
        let text = '';
        answer.on('data', (piece: Buffer) => {
          text += piece.toString();
        });
        answer.on('end', () => {
          resolve({ status: answer.statusCode, text });
          sending.destroy();
        });
      },
    );
    sending.on('error', reject);
    sending.write('event_name');
  });
  expect({ ...refused, text: JSON.parse(refused.text) as unknown }).toMatchObject({
    status: 413,
    text: { code: 'body_too_large', detail: 'A file has at most 1073741824 bytes; send several.' },
  });
});

test('an upload whose process died is given up with all that came of it', async () => {
  const line = JSON.stringify({ event_name: 'died', customer_id: customer, timestamp: at() });
  const [made, live] = [
    await accepted(await upload('ndjson', line)),
    await accepted(await upload('ndjson', line)),
  ];
  await Promise.all([over(made.id), over(live.id)]);
  // As its process left it: begun, a part of it there, and nothing since.
  await api.world.inTenant((tx) =>
    query(
      tx,
      sql`with touched as (
          update usage_imports set status = 'uploading', finished_at = null,
            updated_at = now() - case when id = ${made.id} then interval '61 seconds' else interval '0' end
          where id in (${made.id}, ${live.id})
        ) update usage_import_chunks set content = 'x', accepted = null, duplicates = null, rejected = null, done_at = null
          where import_id in (${made.id}, ${live.id})`,
    ),
  );
  await sweepUploads(api.world.database);
  expect(await look(made.id)).toMatchObject({
    status: 'failed',
    failure: 'Its upload was cut off; send the file again.',
  });
  expect((await look(live.id)).status).toBe('uploading');
  const kept = await api.world.inTenant((tx) =>
    query<{ id: string }>(
      tx,
      sql`select import_id as id from usage_import_chunks where content is not null and import_id in (${made.id}, ${live.id})`,
    ),
  );
  expect(kept).toEqual([{ id: live.id }]);
});

test('an import whose workflow is lost is found by its row', async () => {
  const line = JSON.stringify({ event_name: 'lost', customer_id: customer, timestamp: at() });
  const made = await accepted(await upload('ndjson', line));
  await over(made.id);
  // The row is done a moment before its workflow.
  await workflowOf(made.id).result();
  await api.world.inTenant((tx) =>
    query(tx, sql`update usage_imports set status = 'running', finished_at = null where id = ${made.id}`),
  );
  const { database, client } = api.world;
  const repairs = reconcile(
    { database, engine: engineOf(client, ''), now: () => new Date() },
    { dryRun: false, from: { pass: 'imports', after: null } },
  );
  const kinds: string[] = [];
  for await (const repair of repairs) kinds.push(`${repair.kind} ${repair.id}`);
  expect(kinds).toEqual([`import_lost ${made.id}`]);
  await over(made.id);
}, 120_000);
