import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { type SimulationBody, simulationCreate } from '../../src/contract/simulations.ts';
import { instantWhere } from '../../src/domain/simulate/civil-time.ts';
import { dueOnClock } from '../../src/persistence/advance-clock.ts';
import type { Tx } from '../../src/persistence/doors.ts';
import { PaymentAttemptSchema } from '../../src/persistence/payments.ts';
import { findRow, query } from '../../src/persistence/rows.ts';
import type { Body } from './catalogues.ts';
import { act, attach, type Played, type Refusal, TOKENS, Unplayable } from './live-actions.ts';
import type { Life } from './live-compare.ts';
import { readLife } from './live-read.ts';
import { expectOk, type LiveStage, type LiveTenant, type Send } from './live-stage.ts';

const TENANT_TIME_ZONE = 'UTC';

/** What the settings of a simulated tenant are called when it is created. */
export function tenantSettings({ tenant = {} }: Body): object {
  const { dunning_policy: policy, ...rest } = tenant;
  return { time_zone: TENANT_TIME_ZONE, ...rest, ...(policy ? { dunning_policy: policy } : {}) };
}

/** What became of a life, and the actions that were refused by their places in the timeline. */
export type PlayedLife = { life: Omit<Life, 'refused'>; refused: Map<number, Refusal> };

/**
 * Plays the body of a simulation for real: its catalogue is created, its customer lives by a test clock, and every
 * action is a request at its instant. Throws `Unplayable` for what no request can say.
 */
export async function playLive(stage: LiveStage, tenant: LiveTenant, body: Body): Promise<PlayedLife> {
  const { send } = tenant;
  const read = simulationCreate.parse(body);
  const timeZone = read.customer.time_zone ?? TENANT_TIME_ZONE;
  const until = instantWhere(read.until, timeZone);
  const actions = inOrder(read, timeZone);
  await createCatalogue(send, body, timeZone);
  const isWatched = read.catalogue.meters.length > 0 && read.catalogue.plans.some(hasThresholds);
  const clock = await openClock(stage, tenant, actions[0]?.at ?? until, isWatched);
  const customerId = await createCustomer(send, read, clock.id);
  const played: Played = { send, timeZone, ids: new Map(), customerId };
  const { payment_method: method } = read.customer;
  if (method !== 'none') await attach(played, TOKENS[method]);
  const refused: PlayedLife['refused'] = new Map();
  for (const { at, index, action } of actions) {
    await clock.reach(at);
    const refusal = await act(played, action);
    if (refusal !== null) refused.set(index, refusal);
  }
  await clock.reach(until);
  return { life: await readLife(stage, tenant, played), refused };
}

const hasThresholds = ({ usage_thresholds: steps }: SimulationBody['catalogue']['plans'][number]) =>
  steps !== undefined && steps.length > 0;

type Dated = { at: Date; index: number; action: SimulationBody['timeline'][number] };

function inOrder({ timeline }: SimulationBody, timeZone: string): Dated[] {
  return timeline
    .map((action, index) => ({ at: instantWhere(action.at, timeZone), index, action }))
    .sort((a, b) => a.at.getTime() - b.at.getTime() || a.index - b.index);
}

async function createCatalogue(send: Send, { catalogue = {} }: Body, timeZone: string): Promise<void> {
  const { plans = [], add_ons: addOns = [], meters = [] } = catalogue;
  for (const { id, versions = [], ...meter } of meters) {
    expectOk(await send('POST', '/v1/meters', { ...meter, name: id, external_id: id }));
    for (const { effective_at, ...version } of versions) {
      const from = instantWhere(effective_at, timeZone).toISOString();
      expectOk(await send('POST', `/v1/meters/external:${id}/versions`, { ...version, effective_at: from }));
    }
  }
  for (const versions of Map.groupBy(plans, ({ id }) => id).values()) {
    const sorted = versions.toSorted((a, b) => (a.version ?? 1) - (b.version ?? 1));
    for (const [n, { id, name, version = 1, ...plan }] of sorted.entries()) {
      if (version !== n + 1) throw new Unplayable(`plan ${id} has no version ${n + 1}`);
      const { trial_days, usage_thresholds, invoice_grace_hours, prices } = plan;
      const created = { ...plan, name: name ?? id, external_id: id };
      const [path, body] =
        n === 0
          ? ['/v1/plans', created]
          : [
              `/v1/plans/external:${id}/versions`,
              { trial_days, usage_thresholds, invoice_grace_hours, prices },
            ];
      expectOk(await send('POST', path, body));
    }
  }
  for (const { id, name, ...addOn } of addOns)
    expectOk(await send('POST', '/v1/add_ons', { ...addOn, name: name ?? id, external_id: id }));
}

async function createCustomer(send: Send, { customer }: SimulationBody, clockId: string): Promise<string> {
  if (customer.balance !== undefined) throw new Unplayable('the customer begins with a balance');
  const { time_zone, currency } = customer;
  const body = {
    name: 'Somebody',
    test_clock: clockId,
    ...(time_zone ? { time_zone } : {}),
    ...(currency ? { currency } : {}),
  };
  return String(expectOk(await send('POST', '/v1/customers', body))['id']);
}

const POLL_MS = 40;
/** A timeline of years takes seconds; whatever takes this long does not move any more. */
const PATIENCE_MS = 300_000;

/**
 * The time of one life. `reach` comes back when everything that is due by then has happened; with `isWatched` somebody
 * looks at thresholds as well, which takes a second.
 */
async function openClock(stage: LiveStage, { tenantId, send }: LiveTenant, now: Date, isWatched: boolean) {
  const clock = expectOk(await send('POST', '/v1/test_clocks', { now: now.toISOString() }));
  const id = String(clock['id']);
  let reached = now;

  /** What an action set off goes on by itself for a moment: a nudge is on its way, a charge is being made. */
  const isQuiet = () =>
    stage.database.withTenant(tenantId, async (tx) => {
      if (isWatched && !(await isLookedAt(tx, tenantId))) return false;
      const due = await dueOnClock(tx, id, reached);
      // What came late for a subscription that has ended is looked at when the clock goes on.
      const now = due.filter(({ kind }) => kind !== 'late_usage');
      return now.length === 0 && (await findRow(tx, PaymentAttemptSchema, { finishedAt: null })) === null;
    });

  const isReady = async () => {
    const { status, failure } = expectOk(await send('GET', `/v1/test_clocks/${id}`));
    if (status === 'failed') throw new Error(`the clock failed: ${JSON.stringify(failure)}`);
    return status === 'ready';
  };

  return {
    id,
    async reach(at: Date): Promise<void> {
      // A clock that moved on while a charge is being made would have its outcome looked into a minute later.
      await eventually(isQuiet, `everything of ${reached.toISOString()} has happened`);
      if (at <= reached) return;
      expectOk(await send('POST', `/v1/test_clocks/${id}/advance`, { to: at.toISOString() }));
      reached = at;
      await eventually(isReady, `the clock reaches ${at.toISOString()}`);
      await eventually(isQuiet, `everything of ${at.toISOString()} has happened`);
    },
  };
}

/** Whether sub-totals have seen every event, and thresholds were looked at: then whatever follows has been noted. */
async function isLookedAt(tx: Tx, tenantId: string): Promise<boolean> {
  const [seen] = await query<{ isBehind: boolean }>(
    tx,
    sql`select exists (select from usage_touched where tenant_id = ${tenantId})
        or exists (
          select from meter_versions v left join usage_rollup_states st on st.meter_id = v.meter_id and st.meter_version = v.version
          where v.tenant_id = ${tenantId} and (st.meter_id is null or st.built_to is not null
            or exists (select from usage_events e where e.tenant_id = v.tenant_id and not pg_visible_in_snapshot(e.ingest_xid, st.snapshot))
            or exists (select from usage_voids x where x.tenant_id = v.tenant_id and not pg_visible_in_snapshot(x.voided_xid, st.snapshot)))
        ) as "isBehind"`,
  );
  return seen?.isBehind === false;
}

async function eventually(isIt: () => Promise<boolean>, what: string): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS;
  while (!(await isIt())) {
    if (performance.now() > endsAt) throw new Error(`never: ${what}`);
    await sleep(POLL_MS);
  }
}
