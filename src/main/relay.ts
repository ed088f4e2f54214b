import type { Client } from '@temporalio/client';
import { type Engine, NUDGED } from '../../activities/engine.ts';
import { attributeStrangers } from '../persistence/attribute-usage.ts';
import type { Database } from '../persistence/doors.ts';
import { type Nudge, postponeNudge, settleNudge } from '../persistence/nudges.ts';
import {
  claimNudges,
  type Endpoint,
  endpointsDue,
  expireCommands,
  fanOut,
  leadRelay,
  placeEvents,
} from '../persistence/relay.ts';
import { clock } from '../platform/clock.ts';
import { crashPoint } from '../platform/crash-point.ts';
import type { Logger } from '../platform/logger.ts';
import { engineOf } from './engine.ts';
import { repeat } from './repeat.ts';
import { WakeList } from './wake-list.ts';

export type RelayOptions = {
  database: Database;
  client: Client;
  taskQueuePrefix: string;
  logger: Logger;
  now?: () => Date;
  pollMs?: number;
};

const PLACE_MAX = 1_000;
const SWEEP_MS = 1_000;
const COMMANDS_MS = 60_000;
const STRANGERS_MS = 60_000;
const NUDGES_MAX = 100;
const NUDGE_LEASE_MS = 30_000;
const SIGNALS_AT_ONCE = 20;

/**
 * Carries what transactions left behind to whom it concerns: events to their place in the feed and to deliveries,
 * deliveries to endpoint workflows, nudges to the workflows that wait. Every worker process runs one; for each piece of
 * work the database decides which of them does it. Nothing is lost by a crash at any line: each step is either
 * committed or due again.
 */
export function startRelay(options: RelayOptions): AsyncDisposable {
  const { logger, pollMs = 250 } = options;
  const stopping = new AbortController();
  const now = options.now ?? clock.now;
  const engine = engineOf(options.client, options.taskQueuePrefix);
  const relay = { ...options, engine, now, wakes: new WakeList(), sweptMs: 0 };
  const every = (name: string, eachMs: number, work: () => Promise<boolean>) =>
    repeat({ name, eachMs, logger, signal: stopping.signal, work });
  const loops = [
    every('events', pollMs, () => carryEvents(relay)),
    every('wakes', pollMs, () => wakeEndpoints(relay)),
    every('nudges', pollMs, () => carryNudges(relay)),
    every('commands', COMMANDS_MS, () => closeCommands(relay)),
    every('strangers', STRANGERS_MS, () => findOwners(relay)),
  ];
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

type Relay = RelayOptions & { engine: Engine; now: () => Date; wakes: WakeList; sweptMs: number };

/** Places a batch of events and owes it to endpoints, in one transaction; wakes come after the commit. */
async function carryEvents(relay: Relay): Promise<boolean> {
  const { database, wakes, now } = relay;
  const sweeping = performance.now() - relay.sweptMs >= SWEEP_MS;
  const done = await database.asSystem('relay', async (tx) => {
    if (!(await leadRelay(tx))) return null;
    const at = now();
    const placed = await placeEvents(tx, PLACE_MAX);
    const endpoints = placed.length > 0 ? await fanOut(tx, placed, at) : [];
    if (placed.length > 0) crashPoint('placement.beforeCommit');
    return {
      at,
      placed: placed.length,
      endpoints,
      due: sweeping ? await endpointsDue(tx, at) : null,
    };
  });
  if (!done) return false;
  if (done.placed > 0) crashPoint('placement.afterCommit');
  wakes.add(done.endpoints);
  if (done.due) {
    relay.sweptMs = performance.now();
    wakes.sweep(done.due, done.at);
  }
  return done.placed === PLACE_MAX;
}

async function wakeEndpoints(relay: Relay): Promise<boolean> {
  const endpoints = relay.wakes.take(relay.now());
  await inParallel(endpoints, async ({ tenantId, endpointId }: Endpoint) => {
    try {
      await relay.engine.recheck({ kind: 'webhookEndpoint', tenantId, id: endpointId }, true);
      crashPoint('wake.sent');
    } catch (error) {
      // The sweep finds it again.
      relay.logger.warn({ err: error, endpoint: endpointId }, 'a webhook endpoint could not be woken');
    }
  });
  return false;
}

/** Delivers due nudges. They are held by a lease, not by a transaction: nobody waits for us while we talk to Temporal. */
async function carryNudges(relay: Relay): Promise<boolean> {
  const { database, engine, now } = relay;
  const leaseUntil = new Date(now().getTime() + NUDGE_LEASE_MS);
  const nudges = await database.asSystem('relay', (tx) => claimNudges(tx, now(), leaseUntil, NUDGES_MAX));
  if (nudges.length > 0) crashPoint('nudge.claimed');
  await inParallel(nudges, async (nudge) => {
    const { kind, tenantId, entityId: id, ended } = nudge;
    // Nothing is left to do for what has ended, so only a workflow that still runs is told.
    const failure = await engine.recheck({ kind: NUDGED[kind], tenantId, id }, !ended).then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (failure !== null)
      relay.logger.warn({ workflow: nudge.workflowId, failure }, 'a nudge could not be delivered');
    else crashPoint('nudge.sent');
    await database.asSystem('relay', (tx) =>
      failure === null
        ? settleNudge(tx, nudge)
        : postponeNudge(tx, nudge.workflowId, failure, retryAt(nudge, now())),
    );
    crashPoint('nudge.afterCommit');
  });
  return nudges.length === NUDGES_MAX;
}

function retryAt({ attempts }: Nudge, now: Date): Date {
  return new Date(now.getTime() + Math.min(60_000, 1_000 * 2 ** Math.min(attempts, 6)));
}

async function closeCommands({ database, now, logger }: Relay): Promise<boolean> {
  const expired = await database.asSystem('relay', async (tx) => {
    const count = await expireCommands(tx, now());
    if (count > 0) crashPoint('expiry.beforeCommit');
    return count;
  });
  if (expired > 0) crashPoint('expiry.afterCommit');
  if (expired > 0) logger.warn({ expired }, 'commands expired before they were applied');
  return false;
}

/** Usage whose customer appeared while it was on its way in. */
async function findOwners({ database }: Relay): Promise<boolean> {
  return (await database.asSystem('relay', attributeStrangers)) > 0;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const run = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(SIGNALS_AT_ONCE, queue.length) }, run));
}
