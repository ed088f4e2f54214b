import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { TestClock } from '../src/domain/test-clock.ts';
import {
  type Due,
  dueOnClock,
  findClock,
  isCharging,
  liveOnClock,
  saveClock,
} from '../src/persistence/advance-clock.ts';
import { endClock } from '../src/persistence/end-clock.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import type { TestClockInput, TickOutcome } from '../workflows/messages.ts';
import { lookForLate } from './customer-work.ts';
import { type ActivityDeps, writeOf } from './deps.ts';
import { firstLine, toFailure } from './failure.ts';

/**
 * Gives one entity its turn: everything of it that is due at or before `until`. `busy`: its workflow is between two
 * runs; ask again.
 */
export type SendTick = (due: Ticked, tenantId: string, until: Date) => Promise<TickOutcome | 'busy'>;

/** What has a workflow of its own. */
export type Ticked = Due & { kind: 'invoice' | 'subscription' };

export type TurnEnd = { status: TestClock['status']; now: string; target: string };

const CUSTOMERS_AT_ONCE = 8;
const TURN_MS = 120_000;
const HEARTBEAT_MS = 5_000;
const BUSY_PAUSE_MS = 100;
/** A charge takes at most this long; one that takes longer lost its worker, and the clock goes on to look into it. */
const CHARGE_MS_MAX = 20_000;

type ClockDeps = ActivityDeps & { tick: SendTick };

/**
 * The discrete-event loop of a test clock: again and again the earliest thing due of each customer gets its turn, until
 * nothing is due before the target. All of it stands in rows, so a turn can be taken up by another worker at any point.
 */
export function createTestClockActivities(deps: ClockDeps) {
  return {
    async advanceClock({ tenantId, clockId }: TestClockInput): Promise<TurnEnd> {
      const clock = await deps.database.withTenant(tenantId, (tx) => findClock(tx, clockId));
      if (!clock) return { status: 'deleted', now: '', target: '' };
      // One tick may be hundreds of steps, so the heart beats beside the work and not between its parts.
      const heart = setInterval(Context.current().heartbeat, HEARTBEAT_MS);
      try {
        if (clock.status === 'deleted') await clearAway(deps, clock);
        else await advance(deps, clock);
      } catch (error) {
        throw toFailure(error, true);
      } finally {
        clearInterval(heart);
      }
      return { status: clock.status, now: clock.nowAt.toISOString(), target: clock.targetAt.toISOString() };
    },
  };
}

export type TestClockActivities = ReturnType<typeof createTestClockActivities>;

/** `clock` follows what is saved. */
async function advance(deps: ClockDeps, clock: TestClock): Promise<void> {
  const endsAt = deps.now().getTime() + TURN_MS;
  // A worker that took over goes on waiting; were it to begin anew, workers that die young would never get further.
  const { attempt, scheduledTimestampMs } = Context.current().info;
  let sinceMs = attempt > 1 ? scheduledTimestampMs : deps.now().getTime();
  try {
    while (clock.status === 'advancing' && deps.now().getTime() < endsAt) {
      await untilCharged(deps, clock, sinceMs + CHARGE_MS_MAX);
      await oneRound(deps, clock);
      sinceMs = deps.now().getTime();
    }
  } catch (error) {
    if (!(error instanceof EntityFailure)) throw error;
    clock.status = 'failed';
    await save(deps, clock, { status: 'failed', failure: { entity: error.entity, message: error.message } });
  }
}

/** A charge that a nudge began is not a turn of the clock's, but it ends at the time that it began. */
async function untilCharged(
  deps: ClockDeps,
  { tenantId, id }: TestClock,
  patientUntil: number,
): Promise<void> {
  while (await deps.database.withTenant(tenantId, (tx) => isCharging(tx, id))) {
    if (deps.now().getTime() > patientUntil) return;
    await sleep(BUSY_PAUSE_MS);
  }
}

async function clearAway(deps: ClockDeps, { tenantId, id, nowAt }: TestClock): Promise<void> {
  const cause = { correlationId: null, causationId: `test_clock/${id}` };
  const part = () =>
    deps.database.withTenant(tenantId, async (tx) => {
      const more = await endClock(writeOf(deps, tx, tenantId, nowAt, cause), id);
      crashPoint('clockEnd.beforeCommit');
      return more;
    });
  while (await part());
  crashPoint('clockEnd.afterCommit');
}

/** One turn for the earliest entity of each customer. */
async function oneRound(deps: ClockDeps, clock: TestClock): Promise<void> {
  const { tenantId, id, targetAt } = clock;
  const [due, live] = await deps.database.withTenant(
    tenantId,
    async (tx) => [await dueOnClock(tx, id, targetAt), await liveOnClock(tx, id)] as const,
  );
  const [earliest] = due;
  const waiting = new Set(due.map(({ entityId }) => entityId)).size;
  clock.entitiesTotal = Math.max(clock.entitiesTotal, live, waiting);
  clock.nowAt = earliest ? later(earliest.at, clock.nowAt) : targetAt;
  clock.status = earliest ? 'advancing' : 'ready';
  const { nowAt, status, entitiesTotal } = clock;
  await save(deps, clock, { nowAt, status, entitiesTotal, entitiesDone: entitiesTotal - waiting });
  crashPoint('clockRound.afterCommit');
  const turns = [...Map.groupBy(due, ({ customerId }) => customerId).values()];
  const takeTurns = async () => {
    for (let turn = turns.shift(); turn; turn = turns.shift()) await oneTurn(deps, clock, turn);
  };
  const ends = await Promise.allSettled(Array.from({ length: CUSTOMERS_AT_ONCE }, takeTurns));
  // Whoever failed, the others have finished their turns before the clock stands still.
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** The first of a customer's due entities goes on until it is another's turn. */
async function oneTurn(deps: ClockDeps, clock: TestClock, due: readonly Due[]): Promise<void> {
  const [first, second] = due;
  if (!first) return;
  const until = second
    ? new Date(Math.max(first.at.getTime(), second.at.getTime() - (goesFirst(second, first) ? 1 : 0)))
    : clock.targetAt;
  if (first.kind === 'late_usage') {
    const look = { tenantId: clock.tenantId, subscriptionId: first.entityId };
    await lookForLate(deps, look, later(first.at, clock.nowAt));
    return;
  }
  const outcome = await deps
    .tick({ ...first, kind: first.kind }, clock.tenantId, until)
    .catch((error: unknown) => {
      // An update that failed has failed for good; anything else is a way to the engine that opens again.
      const refused = error instanceof Error && error.name === 'WorkflowUpdateFailedError';
      throw refused ? new EntityFailure(first.entityId, firstLine(error.cause ?? error)) : error;
    });
  if (outcome === 'busy') return sleep(BUSY_PAUSE_MS);
  crashPoint('clockTurn.taken');
  if (outcome.failure) throw new EntityFailure(first.entityId, outcome.failure);
  if (outcome.steps === 0) await assertMoved(deps, clock, first);
}

/** At equal instants: an invoice before a subscription, and the older of two subscriptions. */
function goesFirst(one: Due, other: Due): boolean {
  return one.kind === 'invoice' || (other.kind === 'subscription' && one.entityId < other.entityId);
}

/** Nothing was done though something was due: unless the row has changed meanwhile, its entity is stuck. */
async function assertMoved(
  deps: ClockDeps,
  { tenantId, id, targetAt }: TestClock,
  first: Due,
): Promise<void> {
  const again = await deps.database.withTenant(tenantId, (tx) => dueOnClock(tx, id, targetAt));
  const same = again.find(
    (due) => due.entityId === first.entityId && due.at.getTime() === first.at.getTime(),
  );
  if (same)
    throw new EntityFailure(first.entityId, `is due at ${first.at.toISOString()} but does not move on`);
}

class EntityFailure extends Error {
  readonly entity: string;

  constructor(entity: string, message: string) {
    super(message);
    this.entity = entity;
  }
}

function save(deps: ClockDeps, { tenantId, id }: TestClock, changes: Partial<TestClock>): Promise<void> {
  return deps.database.withTenant(tenantId, (tx) => saveClock(tx, id, { ...changes, updatedAt: deps.now() }));
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
