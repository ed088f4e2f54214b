import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  type InjectedSinks,
  type ReplayWorkerOptions,
  Worker,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import {
  type Call,
  type Difference,
  differences,
  type HistoryJson,
  historyJson,
  type LocalInputs,
  madeCalls,
  queueOf,
  recordedCalls,
} from './calls.ts';
import type { Command, CommandSinks } from './tell-commands.ts';

/** A life to be lived again: a history in Temporal's JSON, and what it leaves out. */
export type Life = { name: string; json: unknown; locals: LocalInputs | null };

export type Replayed = Life & {
  events: number;
  /** What the code did now. */
  made: Call[];
  /** How many inputs were compared. */
  compared: number;
  /** Another order or kind of commands, in the SDK's words. */
  structure: string | null;
  differences: Difference[];
};

/** Lives every one of them again with the given code, one after the other, and compares what was done. */
export async function replay(
  workflowBundle: WorkflowBundleOption,
  lives: Iterable<Life> | AsyncIterable<Life>,
): Promise<Replayed[]> {
  const byQueue = new Map<string, Read[]>();
  for await (const life of lives) {
    const history = historyJson.parse(life.json);
    const queue = queueOf(history);
    byQueue.set(queue, [...(byQueue.get(queue) ?? []), { ...life, history }]);
  }
  const replayed: Replayed[] = [];
  for (const [queue, alike] of byQueue) {
    for await (const life of replayOnQueue(workflowBundle, queue, alike)) replayed.push(life);
  }
  return replayed;
}

type Read = Life & { history: HistoryJson };

/** Workflows ask on which queue they run, and name those of their steps after it. */
async function* replayOnQueue(
  workflowBundle: WorkflowBundleOption,
  taskQueue: string,
  lives: readonly Read[],
): AsyncGenerator<Replayed> {
  let commands: Command[] = [];
  const tell = (_workflow: unknown, told: readonly Command[]) => {
    commands.push(...told);
  };
  const sinks: InjectedSinks<CommandSinks> = { commands: { tell: { fn: tell, callDuringReplay: true } } };
  const histories = lives.map(({ name, json }) => ({ workflowId: name, history: historyFromJSON(json) }));
  // Not among the options of a replaying worker, which makes up a queue for itself when nobody says another.
  const options: ReplayWorkerOptions & { taskQueue: string } = { workflowBundle, sinks, taskQueue };
  const waiting = [...lives];
  // One is through before the next one begins, so what was told since belongs to it.
  for await (const { error } of Worker.runReplayHistories(options, histories)) {
    const life = waiting.shift();
    if (!life) throw new Error('more was replayed than was given');
    yield compare(life, commands, error?.message ?? null);
    commands = [];
  }
}

function compare({ history, ...life }: Read, commands: Command[], structure: string | null): Replayed {
  const made = madeCalls(commands);
  const recorded = recordedCalls(history, life.locals);
  return {
    ...life,
    events: history.events.length,
    made,
    compared: recorded.length,
    structure,
    differences: differences(recorded, made),
  };
}

/** Why a life cannot go on with this code: a line for each thing that is done otherwise. Empty when it can. */
export function whatDiverged({ name, structure, differences: found }: Replayed): string[] {
  return [
    ...(structure === null ? [] : [`${name}: ${structure}`]),
    ...found.map(
      ({ eventId, key, recorded, now }) =>
        `${name}: event ${eventId}, ${key}: recorded ${recorded}; now ${now}`,
    ),
  ];
}
