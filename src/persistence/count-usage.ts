import { sql } from 'kysely';
import { type CountingRule, namedValues, type UsageCount } from '../domain/meter.ts';
import { Decimal, sum } from '../domain/money.ts';
import type { UsageEvent } from '../domain/price-terms.ts';
import { bucketStarts } from '../domain/usage-buckets.ts';
import type { Tx } from './doors.ts';
import {
  asQuantity,
  eventCounts,
  eventFits,
  eventGroup,
  eventOf,
  eventValue,
  type Fragment,
  instants,
  totalOf,
  type UsageOwner,
} from './meter-sql.ts';
import { query } from './rows.ts';

export type UsageQuestion = {
  /** Null: of all customers together. */
  customerId: string | null;
  /** Only what is this subscription's; null: everything of the customer. */
  subscription: UsageOwner | null;
  /** Half-open, at exact instants. */
  start: Date;
  end: Date;
  /** Where the meter prices by hours or days, those of this zone. */
  timeZone: string;
  /** As it was seen then; unless told: now. */
  snapshot?: string;
  /** The quantity apart by these properties. */
  by?: readonly string[];
  /** Every event with what it is worth, in the order of time, for the models that price each one. */
  perEvent?: boolean;
};

/**
 * Counts the events themselves. What the answer's `snapshot` sees is exactly what was counted, so the same question with
 * it has the same answer for ever, and what came later is told apart from it. For meters that price by hours or days the
 * quantity is the sum of theirs.
 */
export async function countUsage(tx: Tx, rule: CountingRule, question: UsageQuestion): Promise<UsageCount> {
  const { by = [], perEvent = false } = question;
  const starts = rule.bucket && bucketStarts(question, rule.bucket, question.timeZone);
  const sets = [sql`()`];
  if (starts) sets.push(sql`(bucket)`);
  if (by.length > 0) sets.push(sql`("group")`);
  const events = countedEvents(rule, question, {
    bucket: starts ? sql`width_bucket(e.event_at, ${instants(starts)})` : sql`0`,
    group: eventGroup(by),
  });
  const rows = await query<CountRow>(
    tx,
    sql`select ${asQuantity(totalOf(rule))} as quantity, count(v)::text as events,
        ${starts ? sql`grouping(bucket) = 0` : sql`false`} as "isBucket",
        ${by.length > 0 ? sql`case grouping("group") when 0 then "group" end` : sql`null::jsonb`} as values,
        pg_current_snapshot()::text as snapshot
      from (${events}) counted group by grouping sets (${sql.join(sets)})
      order by ${starts ? sql`bucket` : sql`"values"`}`,
  );
  const whole = rows.find(({ isBucket, values }) => !isBucket && values === null);
  const snapshot = question.snapshot ?? whole?.snapshot ?? '';
  const buckets =
    starts && rows.flatMap((row) => (row.isBucket && row.events !== '0' ? new Decimal(row.quantity) : []));
  return {
    quantity: buckets ? sum(buckets) : new Decimal(whole?.quantity ?? 0),
    eventCount: Number(whole?.events ?? 0),
    groups:
      by.length > 0
        ? rows.flatMap(({ values, events: counted, quantity }) =>
            values && counted !== '0' ? { values, quantity: new Decimal(quantity) } : [],
          )
        : null,
    buckets,
    events: perEvent ? await eachEvent(tx, rule, { ...question, snapshot }) : null,
    snapshot,
  };
}

type CountRow = {
  quantity: string;
  events: string;
  isBucket: boolean;
  /** Of a group; null for the whole and for buckets. */
  values: string[] | null;
  snapshot: string;
};

/** What each event is worth, oldest first. Another statement than the count, so it looks at what that one saw. */
async function eachEvent(tx: Tx, rule: CountingRule, question: UsageQuestion): Promise<UsageEvent[]> {
  const events = countedEvents(rule, question, { bucket: sql`0`, group: eventGroup(question.by ?? []) });
  const rows = await query<{ ms: string; quantity: string; values: string[] }>(
    tx,
    sql`select floor(extract(epoch from at) * 1000)::bigint::text as ms, ${asQuantity(sql`v`)} as quantity, "group" as values
      from (${events}) counted where v is not null order by at, key, revision`,
  );
  return rows.map(({ ms, quantity, values }) => ({
    at: new Date(Number(ms)),
    quantity: new Decimal(quantity),
    properties: namedValues(question.by ?? [], values),
  }));
}

/**
 * The events that a question is about, each with what it is worth to the meter (`v`; null where it does not count), what
 * orders it (`at`, `key`, `revision`), and the bucket and group it falls into.
 */
export function countedEvents(
  rule: CountingRule,
  { customerId, subscription, start, end, snapshot }: Omit<UsageQuestion, 'timeZone' | 'by' | 'perEvent'>,
  { bucket, group }: { bucket: Fragment; group: Fragment },
): Fragment {
  const whose = customerId === null ? sql`is not null` : sql`= ${customerId}`;
  return sql`select e.event_at as at, e.key, e.revision, ${eventValue(rule)} as v, ${bucket} as bucket, ${group} as "group"
    from usage_events e
    where e.tenant_id = ${rule.tenantId} and e.customer_id ${whose} and e.event_name = ${rule.eventName}
      and e.event_at >= ${start.toISOString()} and e.event_at < ${end.toISOString()}
      ${eventOf(subscription)}${eventFits(rule)} and ${eventCounts(snapshot ?? null)}
    -- keeps what an event is worth from being worked out again for everything that is made of it
    offset 0`;
}
