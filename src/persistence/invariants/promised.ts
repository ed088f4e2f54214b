import { type RawBuilder, sql } from 'kysely';
import type { Database, Tx } from '../doors.ts';
import { query } from '../rows.ts';

/** Ids and facts of one row that should not be. */
export type BrokenRow = Record<string, unknown>;

/**
 * A promise as a question to the data: the answer is the rows that break it. Most are one statement, so that what is
 * written meanwhile is seen as a whole or not at all; `inspect` is for what only the domain can judge. `at` is now.
 */
export type Promised = { promise: string; sentence: string } & (
  | { query: (at: Date) => RawBuilder<unknown> }
  | { inspect: (tx: Tx, at: Date) => AsyncIterable<BrokenRow> }
);

/** `count` is how many rows break the promise; `rows` shows the first of them. */
export type Broken = { promise: string; sentence: string; count: number; rows: BrokenRow[] };

/** Enough to see what is wrong; whoever repairs it asks the database himself. */
const ROWS_SHOWN = 20;
/** On a large installation a question about everything takes longer than a request may. */
const STATEMENT_MS_MAX = 600_000;

/** Asks for one promise in a read-only transaction. Null: it is kept. */
export async function ask(database: Database, promised: Promised, at: Date): Promise<Broken | null> {
  const { promise, sentence } = promised;
  const { count, rows } = await readOnly(database, (tx) =>
    'query' in promised ? first(tx, promised.query(at)) : collect(promised.inspect(tx, at)),
  );
  return count === 0 ? null : { promise, sentence, count, rows };
}

/** The system door, locked from inside: whatever stands in a question, it changes nothing. */
export function readOnly<T>(database: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return database.asSystem('check-invariants', async (tx) => {
    const limit = String(STATEMENT_MS_MAX);
    await query(
      tx,
      sql`select set_config('transaction_read_only', 'on', true), set_config('statement_timeout', ${limit}, true)`,
    );
    return work(tx);
  });
}

/** The same shape for rows that were found elsewhere than in one statement. */
export async function collect(
  found: Iterable<BrokenRow> | AsyncIterable<BrokenRow>,
): Promise<Pick<Broken, 'count' | 'rows'>> {
  const rows: BrokenRow[] = [];
  let count = 0;
  for await (const row of found) {
    count += 1;
    if (rows.length < ROWS_SHOWN) rows.push(row);
  }
  return { count, rows };
}

async function first(tx: Tx, statement: RawBuilder<unknown>): Promise<Pick<Broken, 'count' | 'rows'>> {
  const found = await query<BrokenRow & { broken_rows: number }>(
    tx,
    sql`select broken.*, (count(*) over ())::int as broken_rows from (${statement}) broken limit ${ROWS_SHOWN}`,
  );
  return { count: found[0]?.broken_rows ?? 0, rows: found.map(({ broken_rows: _count, ...row }) => row) };
}
