import { Context } from '@temporalio/activity';
import type { TestClock } from '../src/domain/test-clock.ts';
import { type Due, dueOnClock, findClock, liveOnClock, saveClock } from '../src/persistence/advance-clock.ts';
import type { TestClockInput, TickOutcome } from '../workflows/messages.ts';
import type { ActivityDeps } from './deps.ts';
import { firstLine, isPassing, toFailure } from './failure.ts';

/** Gives one entity its turn: everything of it that is due at or before `until`. */
export type SendTick = (due: Due, tenantId: string, until: Date) => Promise<TickOutcome>;

export type TurnEnd = { status: TestClock['status']; now: string; target: string };

const CUSTOMERS_AT_ONCE = 8;
const TURN_MS = 120_000;

/**
 * The discrete-event loop of a test clock: again and again the earliest thing due of each customer gets its turn, until
 * nothing is due before the target. All of it stands in rows, so a turn can be taken up by another worker at any point.
 */
export function createTestClockActivities(deps: ActivityDeps & { tick: SendTick }) {
  return {
    async advanceClock({ tenantId, clockId }: TestClockInput): Promise<TurnEnd> {
      const read = () => deps.database.withTenant(tenantId, (tx) => findClock(tx, clockId));
      const save = (changes: Partial<TestClock>) =>
        deps.database.withTenant(tenantId, (tx) => saveClock(tx, clockId, { ...changes, updatedAt: deps.now() }));
      const clock = await read();
      if (!clock) return { status: 'deleted', now: '', target: '' };
      const endsAt = deps.now().getTime() + TURN_MS;
      try {
        while (clock.status === 'advancing' && deps.now().getTime() < endsAt) {
          Context.current().heartbeat(clock.nowAt.toISOString());
          await oneRound(deps, clock, save);
        }
      } catch (error) {
        if (!(error instanceof EntityFailure)) throw toFailure(error, true);
        await save({ status: 'failed', failure: { entity: error.entity, message: error.message } });
        clock.status = 'failed';
      }
      return { status: clock.status, now: clock.nowAt.toISOString(), target: clock.targetAt.toISOString() };
    },
  };
}

export type TestClockActivities = ReturnType<typeof createTestClockActivities>;

/** One turn for the earliest entity of each customer; `clock` follows what was saved. */
async function oneRound(
  deps: ActivityDeps & { tick: SendTick },
  clock: TestClock,
  save: (changes: Partial<TestClock>) => Promise<void>,
): Promise<void> {
  const { tenantId, id, targetAt } = clock;
  const [due, live] = await deps.database.withTenant(tenantId, async (tx) => [await dueOnClock(tx, id, targetAt), await liveOnClock(tx, id)] as const);
  const [earliest] = due;
  const waiting = new Set(due.map(({ entityId }) => entityId)).size;
  const entitiesTotal = Math.max(clock.entitiesTotal, live, waiting);
  clock.nowAt = earliest ? later(earliest.at, clock.nowAt) : targetAt;
  clock.status = earliest ? 'advancing' : 'ready';
  await save({ nowAt: clock.nowAt, status: clock.status, entitiesTotal, entitiesDone: entitiesTotal - waiting });
  const turns = [...Map.groupBy(due, ({ customerId }) => customerId).values()];
  const takeTurns = async () => {
    for (let turn = turns.shift(); turn; turn = turns.shift()) await oneTurn(deps, clock, turn);
  };
  await Promise.all(Array.from({ length: CUSTOMERS_AT_ONCE }, takeTurns));
}

/** The first of a customer's due entities goes on until another of them is due; equal instants: the invoice first. */
async function oneTurn(deps: ActivityDeps & { tick: SendTick }, clock: TestClock, due: readonly Due[]): Promise<void> {
  const [first, second] = due;
  if (!first) return;
  const until = second ? new Date(Math.max(first.at.getTime(), second.at.getTime() - (second.kind === 'invoice' ? 1 : 0))) : clock.targetAt;
  try {
    Context.current().heartbeat(first.at.toISOString());
    const outcome = await deps.tick(first, clock.tenantId, until);
    if (outcome.failure) throw new EntityFailure(first.entityId, outcome.failure);
    if (outcome.steps > 0) return;
  } catch (error) {
    if (error instanceof EntityFailure || isPassing(error)) throw error;
    throw new EntityFailure(first.entityId, firstLine(error));
  }
  await assertMoved(deps, clock, first);
}

/** A turn without a step is a workflow that knew an older row; if the same is still due, its entity is stuck. */
async function assertMoved(deps: ActivityDeps, { tenantId, id, targetAt }: TestClock, first: Due): Promise<void> {
  const again = await deps.database.withTenant(tenantId, (tx) => dueOnClock(tx, id, targetAt));
  const same = again.find((due) => due.entityId === first.entityId && due.at.getTime() === first.at.getTime());
  if (same) throw new EntityFailure(first.entityId, `is due at ${first.at.toISOString()} but does not move on`);
}

class EntityFailure extends Error {
  readonly entity: string;

  constructor(entity: string, message: string) {
    super(message);
    this.entity = entity;
  }
}

function later(a: Date, b: Date): Date {
  return a > b ? a : b;
}
