import { type RawBuilder, sql } from 'kysely';
import type { CountingRule, QuantityRounding } from '../domain/meter.ts';
import { Decimal } from '../domain/money.ts';

/**
 * How a meter counts, written as SQL: the one place that says so. `e` is an event, `v` what is said against one. What is
 * asked of a meter's own words (names of properties, values of filters) is bound, never written into the text, so meters
 * of one kind share one prepared statement.
 */
export type Fragment = RawBuilder<unknown>;

/** What one event is worth; null: it does not count. For distinct values the text itself. */
export function eventValue({ aggregation, property, factorProperty }: CountingRule): Fragment {
  switch (aggregation) {
    case 'count':
      return sql`1::numeric`;
    case 'unique_count':
      return sql`e.properties ->> ${property}::text`;
    case 'sum_product':
      return sql`usage_number(e.properties, ${property}::text) * usage_number(e.properties, ${factorProperty}::text)`;
    default:
      return sql`usage_number(e.properties, ${property}::text)`;
  }
}

/** Whether every filter of the meter lets the event through; a condition that begins with `and`, or nothing. */
export function eventFits({ filters }: CountingRule): Fragment {
  const each = filters.map(
    ({ property, values }) => sql` and e.properties ->> ${property}::text = any(${[...values]}::text[])`,
  );
  return sql.join(each, sql``);
}

/** The texts of these properties as a list; what is missing is the empty text. */
export function eventGroup(by: readonly string[]): Fragment {
  if (by.length === 0) return sql`'[]'::jsonb`;
  const texts = by.map((property) => sql`coalesce(e.properties ->> ${property}::text, '')`);
  return sql`jsonb_build_array(${sql.join(texts)})`;
}

/** The number that the values `v` of the events `at`, `key`, `revision` make; what nothing is counted of is zero. */
export function totalOf({ aggregation }: Pick<CountingRule, 'aggregation'>): Fragment {
  switch (aggregation) {
    case 'count':
      return sql`count(v)::numeric`;
    case 'sum':
    case 'sum_product':
      return sql`coalesce(sum(v), 0)`;
    case 'max':
      return sql`coalesce(max(v), 0)`;
    case 'min':
      return sql`coalesce(min(v), 0)`;
    case 'latest':
      return sql`coalesce((array_agg(v order by at desc, key desc, revision desc) filter (where v is not null))[1], 0)`;
    case 'unique_count':
      return sql`count(distinct v)::numeric`;
  }
}

/** Of a cell what its aggregation puts together again. */
export function valueOfCell({ aggregation }: CountingRule): Fragment {
  switch (aggregation) {
    case 'count':
      return sql`r.count::numeric`;
    case 'sum':
    case 'sum_product':
      return sql`r.sum`;
    case 'unique_count':
      throw new RangeError('distinct values cannot be put together from hours');
    default:
      return sql`r.${sql.ref(aggregation)}`;
  }
}

/** The number that cells make, those of single events among them. */
export function totalOfCells(rule: CountingRule): Fragment {
  return rule.aggregation === 'count' ? sql`coalesce(sum(v), 0)` : totalOf(rule);
}

/** Whose usage is asked for: of one subscription of a customer, as far as it is that one's. */
export type UsageOwner = { id: string; usageScope: 'customer' | 'subscription' };

/** Scoped subscriptions count what names them, others what names them or nobody. Begins with `and`, or is nothing. */
export function eventOf(subscription: UsageOwner | null, column = sql`e.subscription_id`): Fragment {
  if (!subscription) return sql``;
  return subscription.usageScope === 'subscription'
    ? sql` and ${column} = ${subscription.id}`
    : sql` and (${column} is null or ${column} = '' or ${column} = ${subscription.id})`;
}

/**
 * Whether the event counts at a snapshot: it was there and nothing that was said against it stood. Without one: now, which
 * is what the statement itself sees, so nothing has to be compared.
 */
export function eventCounts(snapshot: string | null): Fragment {
  if (snapshot === null) return sql`not exists (${voidOf} and v.restored_xid is null)`;
  const seen = (column: Fragment) => sql`pg_visible_in_snapshot(${column}, ${snapshot}::pg_snapshot)`;
  // With a limit it is looked up for each event, whatever else is joined how: of voids there are few, and more in the whole.
  return sql`${seen(sql`e.ingest_xid`)} and (select count(*) from (${voidOf} and ${seen(sql`v.voided_xid`)}
    and (v.restored_xid is null or not ${seen(sql`v.restored_xid`)}) limit 1) said) = 0`;
}

const voidOf = sql`select from usage_voids v
  where v.tenant_id = e.tenant_id and v.key = e.key and v.revision = e.revision and v.event_at = e.event_at`;

/** A counted number has at most twelve decimals, half away from zero. */
export function toTwelve(value: Fragment): Fragment {
  return sql`round(${value}, 12)`;
}

/** The same as it leaves: a text without zeros behind. */
export function asQuantity(value: Fragment): Fragment {
  return sql`trim_scale(${toTwelve(value)})::text`;
}

/** A quantity as it is priced (billing rule 19b): what `billableQuantity` makes of it. */
export function asBillable(quantity: Fragment, rounding: QuantityRounding | null): Fragment {
  const positive = sql`greatest(${quantity}, 0)`;
  if (!rounding) return positive;
  const { mode, digits } = rounding;
  if (mode === 'round') return sql`round(${positive}, ${digits}::integer)`;
  const cut = sql`trunc(${positive}, ${digits}::integer)`;
  if (mode === 'floor') return cut;
  const unit = new Decimal(10).pow(-digits).toFixed();
  return sql`(${cut} + case when ${cut} < ${quantity} then ${unit}::numeric else 0 end)`;
}

/** Instants as one bound list. */
export function instants(dates: readonly Date[]): Fragment {
  return sql`${dates.map((date) => date.toISOString())}::timestamptz[]`;
}
