import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Say } from '../../../src/main/progress.ts';
import { sentences } from '../report.ts';
import { openStage, type Stage } from '../stage.ts';
import { type Crowd, gatherCrowd, type Manner } from './crowd.ts';
import { anotherTenant, look, make } from './customers.ts';
import type { Outage } from './outage.ts';

/** A tenant has at most so many endpoints. */
const PER_TENANT = 16;
/**
 * One tenant after the other has news so often: seldom enough that two cores are not busy with it. Where they are,
 * everybody waits anyway, and nothing is learned.
 */
const NEWS_EVERY_MS = 1_000;
const SLOWER_MAX = 2;
/** The short version is played on machines that do much else; whoever waits for one that hangs waits for seconds. */
const SLOWER_MAX_SHORT = 8;
/** News that takes longer while everybody is well waits for the machine, not for receivers. */
const BUSY_MS = 3_000;
const ROUNDS_MAX = 3;

/** So many in a hundred of each kind, and one of each of the others. */
const SHARES: readonly (readonly [Manner, number])[] = [
  ['hang', 20],
  ['reset', 5],
  ['error', 5],
];
const SINGLES: readonly Manner[] = ['gone', 'redirect_to_metadata', 'redirect_to_trap', 'trickle', 'endless'];

type Place = { stage: Stage; crowd: Crowd; keys: string[]; endpoints: Map<number, string> };

const receivers: Outage = {
  name: 'receivers',
  title:
    '20 % of receivers hang, 5 % reset, 5 % answer 500; one 410, two redirects, a trickle, an endless body',
  async run({ short, say }) {
    await using stage = await openStage();
    await using crowd = await gatherCrowd();
    const place = await invite(stage, crowd, short ? 2 : 4);
    const manners = assign(place.endpoints.size);
    await tellNews(place, 3);
    const sickness = await compare(place, manners, short, say);
    const { broken } = sickness;
    await untilNobodyWaits(stage);
    broken.push(...(await recorded(place, manners, sickness)));
    if (crowd.trapped() > 0) broken.push(`a redirect was followed ${crowd.trapped()} times`);

    crowd.behave(new Map());
    const recoverySeconds = await catchUp(place, manners);
    broken.push(...(await nothingLeft(stage)));
    broken.push(...sentences(await stage.invariants()));
    return { fault: 'receivers go wrong', times: manners.size, recoverySeconds, broken };
  },
};

type Sickness = { broken: string[]; rounds: string[][] };

/**
 * How long news travels to those that are well, before the others fall sick and meanwhile. A machine that does something
 * else for a moment slows everybody down, so a bad result is looked at again. Answers the news of each sick round, too.
 */
async function compare(
  place: Place,
  manners: ReadonlyMap<number, Manner>,
  short: boolean,
  say: Say,
): Promise<Sickness> {
  const { stage, crowd, endpoints } = place;
  const sound = [...endpoints.keys()].filter((receiver) => !manners.has(receiver));
  const [newsCount, share] = short ? [6, 90] : [12, 99];
  const rounds: string[][] = [];
  for (;;) {
    crowd.behave(new Map());
    await untilNobodyWaits(stage);
    const normal = percentile(await waits(place, sound, await tellNews(place, newsCount)), share);
    crowd.behave(manners);
    const news = await tellNews(place, newsCount);
    rounds.push(news);
    const sorted = await waits(place, sound, news);
    const now = percentile(sorted, share);
    say(
      `${endpoints.size} endpoints, ${manners.size} of them sick; p${share} of the others: ${normal} ms before, ${now} ms meanwhile (${sorted.length} deliveries)`,
    );
    if (normal > BUSY_MS) say('this machine is busy with something else, so the comparison says little');
    if (now <= (short ? SLOWER_MAX_SHORT : SLOWER_MAX) * normal) return { broken: [], rounds };
    if (rounds.length === ROUNDS_MAX)
      return { broken: [`those that are well wait ${now} ms, normally ${normal} ms`], rounds };
  }
}

async function invite(stage: Stage, crowd: Crowd, tenants: number): Promise<Place> {
  const keys: string[] = [];
  const endpoints = new Map<number, string>();
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    const { key } = await anotherTenant(stage);
    keys.push(key);
    for (let n = 0; n < PER_TENANT; n += 1) {
      const receiver = tenant * PER_TENANT + n;
      const url = crowd.urlOf(receiver);
      endpoints.set(receiver, await make(stage, '/v1/webhook_endpoints', { url }, key));
    }
  }
  return { stage, crowd, keys, endpoints };
}

/** Spread over the tenants: 7 has no factor in common with their number of endpoints. */
function assign(endpoints: number): Map<number, Manner> {
  const wanted = [
    ...SINGLES,
    ...SHARES.flatMap(([manner, share]) =>
      Array.from({ length: Math.max(1, Math.round((endpoints * share) / 100)) }, () => manner),
    ),
  ];
  return new Map(wanted.map((manner, index) => [(index * 7) % endpoints, manner]));
}

/** Every tenant creates a customer now and then; answers the tenants' customers. */
async function tellNews({ stage, keys }: Place, count: number): Promise<string[]> {
  const made: Promise<string>[] = [];
  for (let n = 0; n < count; n += 1) {
    for (const key of keys) {
      made.push(make(stage, '/v1/customers', { name: `News ${n}` }, key));
      await sleep(NEWS_EVERY_MS);
    }
  }
  return Promise.all(made);
}

/**
 * Milliseconds from the event's record to its arrival, over all receivers that are well, the shortest first. Rejects when
 * one does not arrive within a minute.
 */
async function waits(
  { stage, crowd, endpoints }: Place,
  sound: readonly number[],
  customers: readonly string[],
): Promise<number[]> {
  const rows = await look<{ id: string; recorded_ms: string; endpoint_id: string }>(
    stage,
    sql`select e.id, floor(extract(epoch from e.recorded_at) * 1000)::text as recorded_ms, d.id as endpoint_id
      from events e join webhook_endpoints d on d.tenant_id = e.tenant_id
      where e.object_id = any(${customers}::text[]) and e.type = 'customer.created'`,
  );
  const receiverOf = new Map([...endpoints].map(([receiver, id]) => [id, receiver]));
  const owed = rows.flatMap(({ id, recorded_ms, endpoint_id }) => {
    const receiver = receiverOf.get(endpoint_id);
    return receiver !== undefined && sound.includes(receiver)
      ? [{ arrival: `${receiver} ${id}`, recordedMs: Number(recorded_ms) }]
      : [];
  });
  const missing = () => owed.filter(({ arrival }) => !crowd.arrivals.has(arrival)).length;
  for (let waitedMs = 0; missing() > 0; waitedMs += 100) {
    if (waitedMs > 300_000) throw new Error(`${missing()} deliveries never reached receivers that are well`);
    await sleep(100);
  }
  return owed
    .map(({ arrival, recordedMs }) => (crowd.arrivals.get(arrival) ?? Number.POSITIVE_INFINITY) - recordedMs)
    .sort((a, b) => a - b);
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor((sorted.length * share) / 100)] ?? Number.POSITIVE_INFINITY;
}

const EXPECTED: Record<Exclude<Manner, 'well'>, RegExp> = {
  hang: /^pending - No complete answer within/,
  reset: /^pending - The connection was closed/,
  error: /^pending 500 The receiver answered 500/,
  gone: /^dead /,
  redirect_to_metadata: /^pending 302 /,
  redirect_to_trap: /^pending 307 /,
  trickle: /^pending 200 No complete answer within/,
  // What came is cut off where nobody needs more of it, and counts as taken.
  endless: /^delivered 200 /,
};

/** Until no attempt is under way and none will be for a while: who hangs has been given up twice by then. */
async function untilNobodyWaits(stage: Stage): Promise<void> {
  for (let calm = 0, waitedMs = 0; calm < 3; waitedMs += 250) {
    const [row] = await look<{ busy: number }>(
      stage,
      sql`select count(*)::int as busy from webhook_deliveries
        where status = 'pending' and (lease_until > now() or next_attempt_at < now() + interval '30 seconds')`,
    );
    calm = row?.busy === 0 ? calm + 1 : 0;
    if (waitedMs > 400_000) throw new Error(`${row?.busy} deliveries are under way after seven minutes`);
    await sleep(250);
  }
}

/** What the rows say of the sick: each failure by its name, and nothing delivered that was not. */
async function recorded(
  { stage, endpoints }: Place,
  manners: ReadonlyMap<number, Manner>,
  { rounds }: Sickness,
): Promise<string[]> {
  const broken: string[] = [];
  for (const [receiver, manner] of manners) {
    if (manner === 'well') continue;
    // Who is gone gets nothing in a later round; of the others a later round shows what they do when they are sick.
    const customers = rounds.at(manner === 'gone' ? 0 : -1);
    const rows = await look<{ outcome: string }>(
      stage,
      sql`select distinct d.status || ' ' || coalesce(d.last_status::text, '-') || ' ' || coalesce(d.last_error, '') as outcome
        from webhook_deliveries d join events e on e.id = d.event_id
        where d.endpoint_id = ${endpoints.get(receiver)} and e.object_id = any(${customers}::text[])`,
    );
    const odd = rows.filter(({ outcome }) => !EXPECTED[manner].test(outcome));
    if (odd.length > 0 || rows.length === 0)
      broken.push(`an endpoint of manner "${manner}" has ${rows.map(({ outcome }) => outcome).join(' | ')}`);
  }
  return broken;
}

/** The pauses of the schedule pass, as they would by waiting: what was pending arrives, now that everybody is well. */
async function catchUp({ stage, endpoints }: Place, manners: ReadonlyMap<number, Manner>): Promise<number> {
  const sick = [...manners.keys()].flatMap((receiver) => endpoints.get(receiver) ?? []);
  await look(
    stage,
    sql`update webhook_deliveries set next_attempt_at = now()
      where status = 'pending' and endpoint_id = any(${sick}::text[])`,
  );
  const beganMs = performance.now();
  await untilNobodyWaits(stage);
  await stage.quiet();
  return (performance.now() - beganMs) / 1_000;
}

async function nothingLeft(stage: Stage): Promise<string[]> {
  const rows = await look<{ status: string; count: number }>(
    stage,
    sql`select d.status, count(*)::int as count from webhook_deliveries d
      join webhook_endpoints e on e.id = d.endpoint_id and e.status = 'enabled'
      where d.status <> 'delivered' group by d.status`,
  );
  return rows.map(({ status, count }) => `${count} deliveries are ${status} though every receiver is well`);
}

export const RECEIVER_OUTAGES: readonly Outage[] = [receivers];
