import type { Database } from '../persistence/doors.ts';
import {
  type CellDifference,
  compareCells,
  customerRanges,
  type Recounted,
  type Rolled,
  repairCells,
  rolledMeters,
} from '../persistence/recount.ts';

const CUSTOMERS_AT_ONCE = 200;
const TRIES_MAX = 100;
const ROWS_SHOWN = 20;

type Wanted = { tenantId: string | null; meterId: string | null; dryRun: boolean };
type Result = {
  meters: number;
  cells: number;
  differences: number;
  repaired: number;
  rows: (Rolled & CellDifference)[];
};

/** Counts and compares, a few customers at a time; `say` hears of each meter. */
export async function recount(
  database: Database,
  { tenantId, meterId, dryRun }: Wanted,
  say: (line: string) => void,
): Promise<Result> {
  const result: Result = { meters: 0, cells: 0, differences: 0, repaired: 0, rows: [] };
  const meters = await database.asSystem('recount', (tx) => rolledMeters(tx, { tenantId, meterId }));
  for (const rolled of meters) {
    const ranges = await database.asSystem('recount', (tx) =>
      customerRanges(tx, rolled.tenantId, CUSTOMERS_AT_ONCE),
    );
    const own = { cells: 0, differences: 0 };
    for (const range of ranges) {
      const found = await untilStill(() =>
        database.asSystem('recount', (tx) => (dryRun ? compareCells : repairCells)(tx, rolled, range)),
      );
      own.cells += found.cells;
      own.differences += found.differences;
      for (const row of found.rows)
        if (result.rows.length < ROWS_SHOWN) result.rows.push({ ...rolled, ...row });
    }
    result.meters += 1;
    result.cells += own.cells;
    result.differences += own.differences;
    if (!dryRun) result.repaired += own.differences;
    const verdict =
      own.differences === 0 ? 'equal' : `${own.differences} differ${dryRun ? '' : ', repaired'}`;
    say(`${rolled.meterId} version ${rolled.version}: ${own.cells} cells, ${verdict}`);
  }
  return result;
}

async function untilStill(compare: () => Promise<Recounted | null>): Promise<Recounted> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const found = await compare();
    if (found) return found;
  }
  throw new Error('The rollups moved on faster than they could be compared; try again when less comes in.');
}
