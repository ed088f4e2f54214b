import type { Tx } from '../../src/persistence/doors.ts';
import type { Nudge } from '../../src/persistence/nudges.ts';
import { settleNudge } from '../../src/persistence/nudges.ts';
import { endpointsDue, expireCommands, fanOut, leadRelay, placeEvents } from '../../src/persistence/relay.ts';
import {
  clocksAtWork,
  driveCallback,
  forgottenNudges,
  importsAtWork,
  type Left,
  migrationsAtWork,
  staleCallbacks,
  unexpiredCommands,
  unplacedEvents,
} from '../../src/persistence/repairs/left-behind.ts';
import { type Entity, NUDGED } from '../engine.ts';
import { asSystem, before, eachSuspect, type Pass, type RepairDeps, type RepairKind } from './repair.ts';

/** What the relay and the workflows do anyway, for the case that none of them did. */

const BATCH = 1_000;
const MINUTE_MS = 60_000;

/** A command that waited too long surprises nobody any more. */
export const expiredCommands: Pass = async function* (deps, { dryRun }) {
  // The relay looks every minute.
  const limit = before(deps, 2 * MINUTE_MS);
  const left = await asSystem(deps, async (tx) => {
    const found = await unexpiredCommands(tx, limit, BATCH);
    if (!dryRun && found.length > 0) await expireCommands(tx, limit);
    return found;
  });
  const sentence = 'It was not applied in its time and nobody said so: it is marked as expired.';
  for (const { id, tenantId } of left) yield { kind: 'command_expired', id, tenantId, sentence };
};

export const nudges: Pass = async function* (deps, { dryRun }) {
  const left = await asSystem(deps, (tx) => forgottenNudges(tx, before(deps), BATCH));
  yield* eachSuspect(left, async (nudge: Nudge) => {
    const { tenantId, entityId: id, kind } = nudge;
    if (!dryRun) {
      await deps.engine.recheck({ kind: NUDGED[kind], tenantId, id }, true);
      await asSystem(deps, (tx) => settleNudge(tx, nudge));
    }
    const sentence = 'Its workflow was not told that its row changed: it is told now.';
    return { kind: 'nudge_forgotten', id, tenantId, sentence };
  });
};

/** The nudge that tells the invoice is carried by the relay. */
export const callbacks: Pass = async function* (deps, { dryRun }) {
  const left = await asSystem(deps, (tx) => staleCallbacks(tx, before(deps), BATCH));
  yield* eachSuspect(left, async (stale) => {
    if (!dryRun) await asSystem(deps, (tx) => driveCallback(tx, stale, deps.now()));
    const done = stale.finished ? 'its charge has ended, so it is filed' : 'the gateway is asked';
    const sentence = `The callback ${stale.eventId} about it had no effect: ${done}.`;
    return { kind: 'callback_stale', id: stale.attemptId, tenantId: stale.tenantId, sentence };
  });
};

export const clocks: Pass = startLost('testClock', 'clock_lost', clocksAtWork);
export const migrations: Pass = startLost('migratePlan', 'migration_lost', migrationsAtWork);
export const imports: Pass = startLost('importUsage', 'import_lost', importsAtWork);

/** What is to move, a page at a time, and has no workflow. */
function startLost(
  kind: Entity['kind'],
  repair: RepairKind,
  atWork: (tx: Tx, afterId: string, limit: number) => Promise<Left[]>,
): Pass {
  const look = (deps: RepairDeps, dryRun: boolean) => async (left: Left) => {
    const entity: Entity = { kind, ...left };
    const lost = dryRun ? !(await deps.engine.look(kind, left.id)) : await deps.engine.start(entity);
    if (!lost) return null;
    const sentence = 'It is to move, and no workflow runs for it: its workflow is started.';
    return { kind: repair, ...left, sentence };
  };
  return async function* (deps, run) {
    for (let after: string | null = run.after ?? ''; after !== null; ) {
      const from: string = after;
      const page = await asSystem(deps, (tx) => atWork(tx, from, BATCH));
      yield* eachSuspect(page, look(deps, run.dryRun));
      after = page.length === BATCH ? (page.at(-1)?.id ?? null) : null;
      run.beat(after);
    }
  };
}

/** A slow receiver with a long queue is late, too, but then its workflow is at work. */
export const endpoints: Pass = async function* (deps, { dryRun }) {
  const due = await asSystem(deps, (tx) => endpointsDue(tx, before(deps)));
  yield* eachSuspect(due, async ({ endpointId: id, tenantId, dueAt }) => {
    if ((await deps.engine.look('webhookEndpoint', id))?.busy) return null;
    if (!dryRun) await deps.engine.recheck({ kind: 'webhookEndpoint', tenantId, id }, true);
    const sentence = `A delivery to it is due since ${dueAt.toISOString()}: its workflow is woken.`;
    return { kind: 'endpoint_neglected', id, tenantId, sentence };
  });
};

export const events: Pass = async function* (deps, { dryRun }) {
  const count = await asSystem(deps, (tx) => unplacedEvents(tx, before(deps, MINUTE_MS), BATCH));
  if (count === 0) return;
  const carried = dryRun || (await asSystem(deps, (tx) => carry(deps, tx)));
  const amount = count === BATCH ? `${BATCH} or more events` : `${count} ${count === 1 ? 'event' : 'events'}`;
  const sentence = `${amount} had no place in the feed for a minute: they are placed and owed to endpoints.`;
  if (carried) yield { kind: 'events_unplaced', id: 'events', tenantId: null, sentence };
};

/** Whoever leads the relay right now places them himself. */
async function carry(deps: RepairDeps, tx: Parameters<typeof placeEvents>[0]): Promise<boolean> {
  if (!(await leadRelay(tx))) return false;
  await fanOut(tx, await placeEvents(tx, BATCH), deps.now());
  return true;
}
