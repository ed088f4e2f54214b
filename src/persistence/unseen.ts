import { sql } from 'kysely';
import type { Fragment } from './meter-sql.ts';

/**
 * What a snapshot has not seen: the transactions from its end on, and before that those that were under way. (From the
 * oldest of these on would be right too; but one that takes an hour, be it in another database of the server, would have
 * an hour of events read again by whoever looks for what is new.)
 */
export type Unseen = {
  /** Numbers of transactions: all of them, with both bounds. */
  from: Fragment;
  to: Fragment;
  /** An array of numbers; those from `from` on do not matter. */
  unfinished: Fragment;
};

/** The highest number there can be. */
export const LAST = sql`'18446744073709551615'::xid8`;

/**
 * The rows whose `column` is a number of `unseen`, each once; `where` is another condition, for the partitions. They are
 * few, and the index of `column` finds them, which the planner cannot know: it may take that of tenants, and read all that
 * the largest of them has. So they are asked for in order, which spares that index a sort and others not (least of all with
 * `enable_sort` off), and between two bounds, for which it expects few rows.
 */
export function unseenRows(
  table: string,
  column: string,
  { from, to, unfinished }: Unseen,
  where: Fragment = sql`true`,
): Fragment {
  const number = sql.ref(column);
  return sql`(select own.* from (select ${from} as low, ${to} as high
      union all select one, one from unnest(${unfinished}) as one where one < ${from}) span
    cross join lateral (select * from ${sql.table(table)}
      where ${where} and ${number} >= low and ${number} <= high order by ${number} offset 0) own)`;
}
