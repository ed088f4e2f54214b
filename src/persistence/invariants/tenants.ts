import { type RawBuilder, sql } from 'kysely';
import type { Tx } from '../doors.ts';
import { query } from '../rows.ts';
import type { BrokenRow, Promised } from './promised.ts';

/** A tenant's rows refer to each other only: promise 9 of `docs/promises.md`. */
export const TENANT_PROMISES: readonly Promised[] = [
  {
    promise: 'nothing_crosses_tenants',
    sentence: 'No row refers to a row of another tenant, or to one that is not there.',
    inspect: crossings,
  },
];

type Reference = { child: string; parent: string; columns: string[]; targets: string[] };

/** Every foreign key between tenant tables, so that a new table is covered by having one. */
async function* crossings(tx: Tx): AsyncGenerator<BrokenRow> {
  const references = await query<Reference>(
    tx,
    sql`select fk.conrelid::regclass::text as child, fk.confrelid::regclass::text as parent,
        array_agg(own.attname::text order by pair.n) as columns, array_agg(other.attname::text order by pair.n) as targets
      from pg_constraint fk
      cross join lateral unnest(fk.conkey, fk.confkey) with ordinality as pair (own_n, other_n, n)
      join pg_attribute own on own.attrelid = fk.conrelid and own.attnum = pair.own_n and own.attname <> 'tenant_id'
      join pg_attribute other on other.attrelid = fk.confrelid and other.attnum = pair.other_n
      where fk.contype = 'f' and fk.connamespace = 'public'::regnamespace
        and exists (select from pg_attribute tenant where tenant.attrelid = fk.confrelid and tenant.attname = 'tenant_id' and tenant.attnum > 0)
      group by fk.oid, fk.conrelid, fk.confrelid`,
  );
  for (const reference of references) yield* await query<BrokenRow>(tx, crossing(reference));
}

function crossing({ child, parent, columns, targets }: Reference): RawBuilder<unknown> {
  const pairs = columns.map(
    (column, index) => [sql.ref(`child.${column}`), sql.ref(`parent.${targets[index]}`)] as const,
  );
  const matches = sql.join(
    pairs.map(([own, other]) => sql`${other} = ${own}`),
    sql` and `,
  );
  const set = sql.join(
    pairs.map(([own]) => sql`${own} is not null`),
    sql` and `,
  );
  const named = sql.join(
    pairs.map(([own]) => sql`${own}::text`),
    sql`, `,
  );
  return sql`
    select ${sql.lit(child)} as "table", ${sql.lit(columns.join(', '))} as columns, concat_ws(', ', ${named}) as refers_to, child.tenant_id, parent.tenant_id as other_tenant_id,
      to_jsonb(child) ->> 'id' as id
    from ${sql.table(child)} child left join ${sql.table(parent)} parent on ${matches}
    where ${set} and parent.tenant_id is distinct from child.tenant_id`;
}
