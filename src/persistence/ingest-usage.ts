import { hash } from 'node:crypto';
import {
  type IncomingUsage,
  type IngestOutcome,
  USAGE_AHEAD_MINUTES,
  USAGE_REFUSALS,
  type UsageRefusal,
} from '../domain/usage-event.ts';
import type { Tx } from './doors.ts';

/**
 * Takes events, in one statement for all of them: each counts once, however often its key is sent. What is answered as
 * accepted or duplicate is stored when the transaction of `tx` commits, or was already.
 *
 * @param now the present by which events are too old or too far ahead; for customers on a test clock it is the clock's.
 * @returns an outcome for each event, in the order in which they came.
 */
export async function ingestUsage(
  tx: Tx,
  tenantId: string,
  events: readonly IncomingUsage[],
  now: Date,
): Promise<IngestOutcome[]> {
  const outcomes: IngestOutcome[] = [];
  const digests = events.map(digestOf);
  let round = events.map((_event, index) => index);
  while (round.length > 0) {
    const { first, again } = apart(events, round);
    await ingestApart(tx, { tenantId, events, digests, now, first, outcomes });
    // The same key a second time: known by now, unless the first event was not taken.
    round = again;
  }
  return outcomes;
}

/** Of several events with one key the first; the others come again. */
function apart(
  events: readonly IncomingUsage[],
  round: readonly number[],
): Record<'first' | 'again', number[]> {
  const keys = new Set<string>();
  const first: number[] = [];
  const again: number[] = [];
  for (const index of round) {
    const key = events[index]?.key ?? '';
    if (keys.has(key)) again.push(index);
    else first.push(index);
    keys.add(key);
  }
  return { first, again };
}

type Batch = {
  tenantId: string;
  events: readonly IncomingUsage[];
  digests: readonly string[];
  now: Date;
  /** Which of the events, no two of them with the same key. */
  first: readonly number[];
  /** Where their outcomes are written. */
  outcomes: IngestOutcome[];
};

async function ingestApart(
  tx: Tx,
  { tenantId, events, digests, now, first, outcomes }: Batch,
): Promise<void> {
  const { naming, columns } = columnsOf(events, digests, first);
  const { rows } = await tx.run(ingestOf(naming), [tenantId, now, ...columns]);
  const known: number[] = [];
  for (const [n, refusal, isFresh] of rows) {
    const index = first[Number(n) - 1];
    if (index === undefined) continue;
    if (refusal !== null) outcomes[index] = refused(refusal as UsageRefusal);
    else if (isFresh) outcomes[index] = 'accepted';
    else known.push(index);
  }
  if (known.length === 0) return;
  // Asked apart: what another transaction committed while this statement waited for it, only the next one sees.
  const keys = known.map((index) => events[index]?.key ?? '');
  const stored = await tx.run(DIGESTS, [tenantId, keys]);
  const digestOfKey = new Map(stored.rows.map(([key, digest]) => [key, digest]));
  for (const index of known) {
    const isSame = digestOfKey.get(events[index]?.key) === digests[index];
    outcomes[index] = isSame ? 'duplicate' : refused('idempotency_key_reused');
  }
}

/** By what some events name whose they are. What none of them names needs no look-up. */
export type Naming = { customer: boolean; external: boolean; subscription: boolean };

/** Some of the events as the lists that `judgedOf` takes, without those that would hold nothing. */
export function columnsOf(
  events: readonly IncomingUsage[],
  digests: readonly string[],
  indexes: readonly number[],
): { naming: Naming; columns: (string | null)[][] } {
  const columns: (string | null)[][] = COLUMNS.map(() => []);
  const naming = { customer: false, external: false, subscription: false };
  for (const index of indexes) {
    const event = events[index];
    if (!event) continue;
    naming.customer ||= event.customerId !== null;
    naming.external ||= event.externalCustomerId !== null;
    naming.subscription ||= event.subscriptionId !== null;
    columns[0]?.push(event.key);
    columns[1]?.push(digests[index] ?? null);
    columns[2]?.push(event.eventName);
    columns[3]?.push(String(event.at.getTime()));
    columns[4]?.push(JSON.stringify(event.properties));
    columns[5]?.push(event.customerId);
    columns[6]?.push(event.externalCustomerId);
    columns[7]?.push(event.subscriptionId);
  }
  return { naming, columns: columns.filter((_column, n) => isThere(COLUMNS[n], naming)) };
}

type Column = { name: string; type: 'text' | 'bigint'; of?: keyof Naming };
const COLUMNS: readonly Column[] = [
  { name: 'key', type: 'text' },
  { name: 'digest', type: 'text' },
  { name: 'event_name', type: 'text' },
  { name: 'at_ms', type: 'bigint' },
  { name: 'properties', type: 'text' },
  { name: 'customer_id', type: 'text', of: 'customer' },
  { name: 'external_customer_id', type: 'text', of: 'external' },
  { name: 'subscription_id', type: 'text', of: 'subscription' },
];
const isThere = (column: Column | undefined, naming: Naming) => !column?.of || naming[column.of];

/** A text for each way of naming, written once: the server keeps each ready, under its text. */
function forEachNaming(write: (naming: Naming) => string): (naming: Naming) => string {
  const texts = new Map<number, string>();
  return (naming) => {
    const way = Number(naming.customer) + 2 * Number(naming.external) + 4 * Number(naming.subscription);
    const text = texts.get(way) ?? write(naming);
    texts.set(way, text);
    return text;
  };
}

/**
 * What was sent, whose it is and why it is not taken. Values: the tenant, now, and the columns of the events. With a limit
 * each look-up is one of its own and goes by the index; without, the plan may be to read all of a tenant's customers.
 */
export const judgedOf = forEachNaming(({ customer, external, subscription }) => {
  const naming = { customer, external, subscription };
  const sent = COLUMNS.filter((column) => isThere(column, naming));
  const arrays = sent.map(({ type }, n) => `$${n + 3}::${type}[]`);
  const names = sent.map(({ name }) => name);
  const absent = COLUMNS.filter((column) => !isThere(column, naming)).map(
    ({ name }) => `null::text as ${name}`,
  );
  const owner = (column: string) =>
    `coalesce(${[...(customer ? [`named.${column}`] : []), ...(external ? [`known.${column}`] : []), 'null'].join(', ')})`;
  return `
  with sent as materialized (
    select ${[...names.filter((name) => name !== 'at_ms'), ...absent].join(', ')}, n,
      timestamptz 'epoch' + at_ms * interval '1 millisecond' as at
    from unnest(${arrays.join(', ')}) with ordinality as sent (${names.join(', ')}, n)
  ), judged as materialized (
    select sent.*, ${owner('id')} as owner,
      case
        ${customer ? `when sent.customer_id is not null and named.id is null then 'customer_not_found' when named.deleted_at is not null then 'customer_deleted'` : ''}
        ${subscription ? `when sent.subscription_id is not null and subscription.id is null then 'subscription_not_found'` : ''}
        when sent.at < coalesce(clock.now_at, $2) - tenant.late_window_days * interval '1 day' then 'too_old'
        when sent.at > coalesce(clock.now_at, $2) + interval '${USAGE_AHEAD_MINUTES} minutes' then 'in_future'
      end as refusal
    from (select late_window_days from tenants where id = $1) tenant cross join sent
      ${customer ? NAMED : ''} ${external ? KNOWN : ''}
      left join lateral (
        select now_at from test_clocks where tenant_id = $1 and id = ${owner('test_clock_id')} limit 1
      ) clock on true
      ${
        subscription
          ? `left join lateral (
        select id from subscriptions where tenant_id = $1 and id = sent.subscription_id and customer_id = ${owner('id')} limit 1
      ) subscription on true`
          : ''
      }
  )`;
});

const NAMED = `left join lateral (
        select id, deleted_at, test_clock_id from customers where tenant_id = $1 and id = sent.customer_id limit 1
      ) named on true`;
const KNOWN = `left join lateral (
        select id, test_clock_id from customers
        where tenant_id = $1 and external_id = sent.external_customer_id and deleted_at is null limit 1
      ) known on true`;

/**
 * Keys are taken in their order, so that batches that share some wait for each other and never in a circle. Who has the
 * event is looked up here and once: a customer that appears later is found by `attributeUsage`.
 */
const ingestOf = forEachNaming(
  (naming) => `${judgedOf(naming)}, fresh as (
    insert into usage_event_keys (tenant_id, key, digest, event_at)
    select $1, key, decode(digest, 'hex'), at from judged where refusal is null order by key collate "C"
    on conflict do nothing returning key
  ), stored as (
    insert into usage_events (tenant_id, key, event_name, customer_id, external_customer_id, subscription_id, event_at, properties, ingested_at)
    select $1, judged.key, event_name, owner, external_customer_id, subscription_id, at, properties::jsonb, $2
    from judged join fresh on fresh.key = judged.key
  )
  select judged.n, judged.refusal, fresh.key is not null from judged left join fresh on fresh.key = judged.key`,
);

const DIGESTS = `select key, encode(digest, 'hex') from usage_event_keys where tenant_id = $1 and key = any($2::text[])`;

export function refused(refusal: UsageRefusal): IngestOutcome {
  return { rejected: refusal, message: USAGE_REFUSALS[refusal].message };
}

/** Whether a stored event says what one that is sent does, beside their keys. Whose an external id is was found out by us. */
export function isSameUsage(stored: IncomingUsage, sent: IncomingUsage): boolean {
  const customerId = stored.externalCustomerId === null ? stored.customerId : null;
  return digestOf({ ...stored, customerId }) === digestOf(sent);
}

/** Of all that an event says but its key, whatever the order of its properties; in hex. It guards against mistakes, not against forgery. */
export function digestOf(event: IncomingUsage): string {
  const { eventName, customerId, externalCustomerId, subscriptionId, at, properties } = event;
  // NUL stands in no text that is stored, so it keeps the parts apart.
  let said = `${eventName}\0${customerId ?? ''}\0${externalCustomerId ?? ''}\0${subscriptionId ?? ''}\0${at.getTime()}`;
  for (const name of inOrder(Object.keys(properties))) {
    const value = properties[name];
    said += `\0${name}\0${typeof value === 'string' ? 't' : ''}${value}`;
  }
  return hash('sha1', said);
}

function inOrder(names: string[]): string[] {
  for (let at = 1; at < names.length; at += 1)
    if ((names[at - 1] ?? '') > (names[at] ?? '')) return names.sort();
  return names;
}
