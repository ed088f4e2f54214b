import type { Client } from '@temporalio/client';
import pg from 'pg';
import { recheckSignal, workflowId } from '../../../workflows/messages.ts';
import { invoiceOut } from '../../contract/invoices.ts';
import { clock } from '../../platform/clock.ts';
import { type ApiClient, withId } from '../api-client.ts';
import type { Cost, Segment } from './bounds.ts';
import { costOf, endsInWait, type HistoryEvent, partsBetweenWaits, sumOf } from './count.ts';
import { readRuns, untilHistory } from './history.ts';

/** A running Perennial: its API, its Temporal server, and its database as the owner sees it. */
export type Place = { api: ApiClient; client: Client; ownerUrl: string };

export type Measured = Cost & { segment: Segment; parts: readonly (readonly HistoryEvent[])[] };

/**
 * Subscriptions that live on real timers, made over HTTP like any other. A boundary comes soon because the anchor is
 * explicit and some seconds away; a first period of seconds is prorated by the second, and everything after that is what
 * a renewal does in production.
 */
const SOON_MS = 15_000;
const DAY_MS = 86_400_000;
const DAILY = { key: 'base', model: 'flat', currency: 'USD', interval: { unit: 'day', count: 1 } } as const;

export async function measureAll(place: Place): Promise<{ measured: Measured[]; stepsPerRun: number }> {
  const plan = async (name: string, amount: string) =>
    (await place.api.post('/v1/plans', { name, prices: [{ ...DAILY, unit_amount: amount }] }, withId)).id;
  const [paid, free] = [await plan('Paid', '8640.00'), await plan('Free', '0.00')];
  const [creationRenewalCancel, freeRenewal, nextRun, recovery] = await Promise.all([
    livePaid(place, paid),
    liveFree(place, free),
    liveSixPeriods(place, free),
    liveDeclined(place, paid),
  ]);
  return {
    measured: [...creationRenewalCancel, freeRenewal, nextRun.measured, recovery],
    stepsPerRun: nextRun.stepsPerRun,
  };
}

/** Created with its first charge, renewed once, canceled at once. */
async function livePaid(place: Place, plan: string): Promise<Measured[]> {
  const customer = await newCustomer(place.api, 'tok_succeeds');
  const id = await subscribe(place.api, customer, plan);
  const read = () => readRuns(place.client, workflowId.subscription(id));
  const [creation, renewal] = await untilHistory('a paid renewal', read, ([run = []]) => {
    const parts = partsBetweenWaits(run);
    const after = parts.find(isWokenByTimer);
    return parts[0] && after && endsInWait(after) ? [parts[0], after] : null;
  });
  await place.api.post(`/v1/subscriptions/${id}/cancel`, { mode: 'now' }, withId);
  const cancel = await untilHistory('a cancellation', read, ([run = []]) => {
    const last = partsBetweenWaits(run).at(-1);
    return last?.at(-1)?.type === 'WorkflowExecutionCompleted' ? last : null;
  });
  return [
    measuredOf('paid_renewal', [renewal ?? []]),
    measuredOf('creation_with_immediate_payment', [creation ?? []]),
    measuredOf('cancel', [cancel]),
  ];
}

async function liveFree(place: Place, plan: string): Promise<Measured> {
  const id = await subscribe(place.api, await newCustomer(place.api, 'tok_succeeds'), plan);
  const renewal = await untilHistory(
    'a renewal without charge',
    () => readRuns(place.client, workflowId.subscription(id)),
    ([run = []]) => partsBetweenWaits(run).find((part) => isWokenByTimer(part) && endsInWait(part)) ?? null,
  );
  return measuredOf('free_renewal', [renewal]);
}

/**
 * Six due steps in one run, the last of them on a real timer: a subscription begins on a test clock that is almost six
 * days behind, and then its clock is taken away. It catches up five periods, waits some seconds for the sixth boundary,
 * renews and begins a new run. What that costs beyond a renewal is the continue-as-new.
 */
async function liveSixPeriods(
  place: Place,
  plan: string,
): Promise<{ measured: Measured; stepsPerRun: number }> {
  const beganAt = new Date(clock.now().getTime() - 6 * DAY_MS + SOON_MS);
  const { id: testClock } = await place.api.post('/v1/test_clocks', { now: beganAt.toISOString() }, withId);
  const customer = await newCustomer(place.api, 'tok_succeeds', testClock);
  const terms = { customer, plan, proration_basis: 'second' };
  const { id } = await place.api.post('/v1/subscriptions', terms, withId);
  await asOwner(place.ownerUrl, [
    ['update customers set test_clock_id = null where id = $1', [customer]],
    ['update subscriptions set test_clock_id = null where id = $1', [id]],
  ]);
  await place.client.workflow.getHandle(workflowId.subscription(id)).signal(recheckSignal);
  const read = () => readRuns(place.client, workflowId.subscription(id));
  const [before, after] = await untilHistory('a continue-as-new', read, ([first = [], second = []]) => {
    const ended = first.at(-1)?.type === 'WorkflowExecutionContinuedAsNew';
    return ended && endsInWait(second) ? [first, second] : null;
  });
  const parts = [partsBetweenWaits(before ?? []).at(-1) ?? [], partsBetweenWaits(after ?? [])[0] ?? []];
  const stepsPerRun = (before ?? []).filter(({ activity }) => activity === 'closePeriod').length;
  return { measured: measuredOf('continue_as_new', parts), stepsPerRun };
}

/**
 * A renewal is declined, the retry settles. The policy's first retry is a day away, so its instant is moved into the
 * next seconds; the part of the history in which the workflow hears of that is left out.
 */
async function liveDeclined(place: Place, plan: string): Promise<Measured> {
  const { api, client } = place;
  const customer = await newCustomer(api, 'tok_succeeds');
  const id = await subscribe(api, customer, plan);
  await attach(api, customer, 'tok_insufficient_funds_first_1');
  const declined = (what: string, enough: (parts: HistoryEvent[][]) => boolean) =>
    untilHistory(
      what,
      () => readRuns(client, workflowId.subscription(id)),
      ([run = []]) => {
        const parts = partsBetweenWaits(run);
        const from = parts.findIndex(isWokenByTimer);
        return from > 0 && enough(parts.slice(from)) ? parts.slice(from) : null;
      },
    );
  await declined('a declined renewal', ([part = []]) => endsInWait(part));
  const [invoice] = await api.all(`/v1/invoices?subscription=${id}&status=open`, invoiceOut);
  if (!invoice) throw new Error('The declined renewal left no open invoice.');
  const readDunning = () => readRuns(client, workflowId.invoice(invoice.id));
  const waits = await untilHistory('the wait for a retry', readDunning, ([run = []]) => {
    const parts = partsBetweenWaits(run);
    return endsInWait(parts.at(-1) ?? []) ? parts.length : null;
  });
  const retryAt = new Date(clock.now().getTime() + SOON_MS / 2);
  await asOwner(place.ownerUrl, [
    ['update collections set next_attempt_at = $2 where invoice_id = $1', [invoice.id, retryAt]],
  ]);
  await client.workflow.getHandle(workflowId.invoice(invoice.id)).signal(recheckSignal);
  const dunning = await untilHistory('a recovery', readDunning, ([run = []]) =>
    run.at(-1)?.type === 'WorkflowExecutionCompleted' ? partsBetweenWaits(run) : null,
  );
  const renewal = await declined('the end of dunning', ([, recheck = []]) => endsInWait(recheck));
  // The part behind the waits was the news of the moved instant.
  return measuredOf('declined_then_recovered', [...renewal, ...dunning.toSpliced(waits, 1)]);
}

const isWokenByTimer = (part: readonly HistoryEvent[]) => part[0]?.type === 'TimerFired';

function measuredOf(segment: Segment, parts: readonly (readonly HistoryEvent[])[]): Measured {
  return { segment, parts, ...sumOf(parts.map(costOf)) };
}

async function newCustomer(api: ApiClient, token: string, testClock?: string): Promise<string> {
  const { id } = await api.post(
    '/v1/customers',
    { name: 'Ada', ...(testClock ? { test_clock: testClock } : {}) },
    withId,
  );
  await attach(api, id, token);
  return id;
}

async function attach(api: ApiClient, customer: string, token: string): Promise<void> {
  await api.post(`/v1/customers/${customer}/payment_methods`, { token, default: true }, withId);
}

async function subscribe(api: ApiClient, customer: string, plan: string): Promise<string> {
  const anchor = new Date(clock.now().getTime() + SOON_MS).toISOString();
  const terms = { customer, plan, billing_anchor: anchor, proration_basis: 'second' };
  return (await api.post('/v1/subscriptions', terms, withId)).id;
}

/** What no request can do, done as the owner of the tables. */
async function asOwner(
  ownerUrl: string,
  statements: readonly (readonly [string, readonly unknown[]])[],
): Promise<void> {
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    for (const [text, values] of statements) await owner.query(text, [...values]);
  } finally {
    await owner.end();
  }
}
