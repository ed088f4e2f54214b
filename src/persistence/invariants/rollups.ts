import { sql } from 'kysely';
import type { Tx } from '../doors.ts';
import { compareCells, customerRanges, type Rolled, rolledMeters } from '../recount.ts';
import type { BrokenRow, Promised } from './promised.ts';

/** What queries, limits and alerts are answered from is what the events come to: promise 3 of `docs/promises.md`. */
export const ROLLUP_PROMISES: readonly Promised[] = [
  {
    promise: 'rollups_are_their_events',
    sentence: 'The hourly sub-totals of usage are what a count of the events comes to.',
    inspect: differences,
  },
  {
    // A database that was restored from a dump may count its transactions from the beginning.
    promise: 'transactions_go_on',
    sentence: 'No usage was taken in by a transaction that is yet to come.',
    query: () => sql`
      select e.tenant_id, e.key, e.ingest_xid::text from usage_events e
      where e.ingest_xid >= pg_snapshot_xmax(pg_current_snapshot())
        and e.ingest_xid is distinct from pg_current_xact_id_if_assigned() order by e.ingest_xid desc limit 20`,
  },
];

const CUSTOMERS_AT_ONCE = 200;
/** Of a meter with more customers some are looked at, others each day; `npm run recount` looks at all. */
const RANGES_MAX = 3;
const TRIES_MAX = 20;

async function* differences(tx: Tx, at: Date): AsyncGenerator<BrokenRow> {
  const day = Math.floor(at.getTime() / 86_400_000);
  for (const rolled of await rolledMeters(tx, { tenantId: null, meterId: null })) {
    const ranges = await customerRanges(tx, rolled.tenantId, CUSTOMERS_AT_ONCE);
    const step = Math.ceil(ranges.length / RANGES_MAX);
    for (const [index, range] of ranges.entries())
      if (index % step === day % step)
        for (const row of await differing(tx, rolled, range)) yield { ...rolled, ...row };
  }
}

/** Rollups move on all the time; a comparison sees one moment, or is made again. */
async function differing(tx: Tx, rolled: Rolled, range: Parameters<typeof compareCells>[2]) {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const compared = await compareCells(tx, rolled, range);
    if (compared) return compared.rows;
  }
  return [];
}
