import { Context } from '@temporalio/activity';
import type { Database } from '../src/persistence/doors.ts';
import {
  deleteRetained,
  forgetOldKeys,
  monthsNeeded,
  prepareMonth,
} from '../src/persistence/usage-months.ts';
import { crashPoint } from '../src/platform/crash-point.ts';
import { toFailure } from './failure.ts';

export type PartitionDeps = { database: Database; now: () => Date };
/** How many of each. */
export type PartitionsAnswer = { months: number; moved: number; keys: number; events: number };

const BATCH = 5_000;
const HEARTBEAT_MS = 5_000;

/**
 * Sees to it that events find a place: months ahead are there, what is over is forgotten, and what nobody wants kept is
 * deleted. Every line of it may be done again.
 */
export async function tendPartitions(
  { database, now }: PartitionDeps,
  goesOn: () => void = () => {},
): Promise<PartitionsAnswer> {
  const system = <T>(work: Parameters<typeof database.asSystem<T>>[1]) =>
    database.asSystem('partitions', work);
  const answer: PartitionsAnswer = { months: 0, moved: 0, keys: 0, events: 0 };
  const at = now();
  for (const month of await system((tx) => monthsNeeded(tx, at))) {
    const moved = await system((tx) => prepareMonth(tx, month));
    crashPoint('partitions.monthPrepared');
    if (moved !== null) answer.months += 1;
    answer.moved += moved ?? 0;
    goesOn();
  }
  const untilDone = async (work: typeof forgetOldKeys): Promise<number> => {
    let done = 0;
    for (;;) {
      const some = await system((tx) => work(tx, at, BATCH));
      goesOn();
      done += some;
      if (some < BATCH) return done;
    }
  };
  answer.keys = await untilDone(forgetOldKeys);
  answer.events = await untilDone(deleteRetained);
  return answer;
}

export function createPartitionActivities(deps: PartitionDeps) {
  return {
    async keepPartitions(): Promise<PartitionsAnswer> {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
      try {
        return await tendPartitions(deps, () => context.cancellationSignal.throwIfAborted());
      } catch (error) {
        throw toFailure(error, true);
      } finally {
        clearInterval(beat);
      }
    },
  };
}

export type PartitionActivities = ReturnType<typeof createPartitionActivities>;
