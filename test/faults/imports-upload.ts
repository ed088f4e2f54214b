import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { z } from 'zod';
import type { Say } from '../../src/main/progress.ts';
import { readOnly } from '../../src/persistence/invariants/promised.ts';
import { query } from '../../src/persistence/rows.ts';
import type { Caller } from './caller.ts';
import type { SentFile } from './imports-file.ts';
import type { Stage } from './stage.ts';

const COMPLETED_WITHIN_MS = 1_800_000;
const LOOKED_AT_EVERY_MS = 200;
const TOLD_EVERY_MS = 10_000;

export type Uploaded = { status: number; body: Record<string, unknown> };

/** Sends a file as it is written; `onSent` hears how many bytes are under way. Rejects when the connection breaks. */
export async function upload(
  { apiUrl, apiKey }: Stage,
  file: SentFile,
  options: { idempotencyKey?: string; onSent?: (bytes: number) => void } = {},
): Promise<Uploaded> {
  const { idempotencyKey, onSent } = options;
  let bytes = 0;
  const pieces = file.pieces();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = pieces.next();
      if (done) return controller.close();
      bytes += value.length;
      onSent?.(bytes);
      controller.enqueue(value);
    },
  });
  const response = await fetch(`${apiUrl}/v1/usage_imports?format=${file.format}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
    },
    body,
    duplex: 'half',
  });
  return { status: response.status, body: z.looseObject({}).parse(await response.json()) };
}

const imported = z.looseObject({
  status: z.string(),
  rows: z.int(),
  counts: z.object({ accepted: z.int(), duplicates: z.int(), rejected: z.int(), pending: z.int() }),
});
export type Seen = z.infer<typeof imported>;

/** Looks at an import until it is so, and tells how far it is. */
export async function untilImport(
  caller: Caller,
  id: string,
  isSo: (seen: Seen) => boolean,
  say: Say,
): Promise<Seen> {
  let toldMs = performance.now();
  for (const endsAtMs = performance.now() + COMPLETED_WITHIN_MS; ; await sleep(LOOKED_AT_EVERY_MS)) {
    const seen = imported.parse(await caller.get(`/v1/usage_imports/${id}`));
    if (isSo(seen)) return seen;
    const nowMs = performance.now();
    if (nowMs > endsAtMs)
      throw new Error(`the import is still ${seen.status}: ${JSON.stringify(seen.counts)}`);
    if (nowMs - toldMs < TOLD_EVERY_MS) continue;
    toldMs = nowMs;
    say(`  … ${seen.rows - seen.counts.pending} of ${seen.rows} rows are done`);
  }
}

/** What is counted: a customer of his own, and a meter that adds up his events. */
export type Counted = { customer: string; meter: string; externalId: string };

export async function counted(caller: Caller): Promise<Counted> {
  const externalId = 'ada';
  const { id: customer } = await caller.post('/v1/customers', { name: 'Ada', external_id: externalId });
  const terms = { name: 'Calls', event_name: 'call', aggregation: 'sum', property: 'n' };
  const { id: meter } = await caller.post('/v1/meters', terms);
  return { customer, meter, externalId };
}

/** Sentences for what is not there exactly once: by the events, by what the meter counts, by what the import says of itself. */
export async function notOnce(
  { database }: Stage,
  caller: Caller,
  { customer, meter }: Counted,
  file: SentFile,
  id: string,
): Promise<string[]> {
  const broken: string[] = [];
  const { counts } = imported.parse(await caller.get(`/v1/usage_imports/${id}`));
  if (JSON.stringify(counts) !== JSON.stringify({ ...file.expected, pending: 0 }))
    broken.push(`the import counts ${JSON.stringify(counts)} instead of ${JSON.stringify(file.expected)}`);
  const [row] = await readOnly(database, (tx) =>
    query<{ events: number; keys: number; told: number; kept: number }>(
      tx,
      sql`select count(*)::int as events, count(distinct key)::int as keys,
          (select count(*)::int from usage_import_errors where import_id = ${id}) as told,
          (select count(*)::int from usage_import_chunks where content is not null) as kept
        from usage_events where customer_id = ${customer}`,
    ),
  );
  const { events, keys, told, kept } = row ?? { events: 0, keys: 0, told: 0, kept: 0 };
  const { accepted, rejected } = file.expected;
  if (events !== accepted || keys !== accepted)
    broken.push(`${accepted} rows became ${events} events with ${keys} keys`);
  if (told !== rejected) broken.push(`of ${rejected} rows that were not taken ${told} have a reason`);
  if (kept !== 0) broken.push(`${kept} parts of files are still there`);
  const span = `from=${hours(-48)}&to=${hours(1)}&granularity=total`;
  const { data } = series.parse(await caller.get(`/v1/meters/${meter}/query?${span}&customer=${customer}`));
  const [total] = data;
  if (total?.quantity !== file.sum) broken.push(`the meter counts ${total?.quantity} instead of ${file.sum}`);
  return broken;
}

const series = z.looseObject({ data: z.array(z.looseObject({ quantity: z.string() })) });

const hours = (n: number) => new Date(Date.now() + n * 3_600_000).toISOString();
