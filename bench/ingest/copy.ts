import pg from 'pg';
import { serve } from '../child.ts';
import { eventsOf } from './events.ts';

/**
 * The fastest way into the table there is: one COPY as its owner, past row security, with rows that were written out
 * before the clock starts. No keys are taken, so nothing is deduped, checked or answered.
 */
export type CopyQuestion = { prefix: string; count: number; tenantId: string; customers: string[] };
export type CopyAnswer = { events: number; seconds: number };

const CHUNK_ROWS = 1_000;

serve(async ({ prefix, count, tenantId, customers }: CopyQuestion): Promise<CopyAnswer> => {
  const nowMs = Date.now();
  const chunks: Buffer[] = [];
  for (let from = 0; from < count; from += CHUNK_ROWS) {
    const events = eventsOf({ prefix, from, count: Math.min(CHUNK_ROWS, count - from), customers }, nowMs);
    const rows = events.map((event) =>
      [
        tenantId,
        event.idempotency_key,
        event.event_name,
        event.customer_id,
        event.timestamp,
        JSON.stringify(event.properties),
        event.timestamp,
      ].join('\t'),
    );
    chunks.push(Buffer.from(`${rows.join('\n')}\n`));
  }
  const client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
  await client.connect();
  try {
    const startedMs = performance.now();
    await new Promise<void>((resolve, reject) => {
      client.query(new CopyIn(chunks, resolve, reject));
    });
    return { events: count, seconds: (performance.now() - startedMs) / 1000 };
  } finally {
    await client.end();
  }
});

/** What the driver's connection can do and its types do not tell. */
type CopyingConnection = pg.Connection & {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
};

/** COPY as the driver handles what is submitted to it; it has the messages and no method for them. */
class CopyIn implements pg.Submittable {
  readonly #chunks: readonly Buffer[];
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;

  constructor(chunks: readonly Buffer[], resolve: () => void, reject: (error: Error) => void) {
    this.#chunks = chunks;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    connection.query(`copy usage_events (tenant_id, key, event_name, customer_id, event_at, properties, ingested_at)
      from stdin`);
  }

  handleCopyInResponse(connection: CopyingConnection): void {
    for (const chunk of this.#chunks) connection.sendCopyFromChunk(chunk);
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve();
  }
}
