import { clock } from '../src/platform/clock.ts';
import { type Queue, taskQueue } from '../workflows/messages.ts';
import type { ApiDeps } from './deps.ts';

type PollerState = 'polled' | 'not_polled' | 'unknown';
type Pollers = Record<Queue, PollerState>;

const ASKED_EVERY_MS = 5_000;
const TIMEOUT_MS = 1_000;
/** A poll lasts a minute at most; the server goes on naming a worker that is gone for five. */
const SEEN_WITHIN_MS = 90_000;
const QUEUES: readonly Queue[] = ['billing', 'gateway', 'webhooks', 'bulk'];
/** `temporal.api.enums.v1.TaskQueueType`: workflow tasks for the loop of billing, activities for the others. */
const TYPE_OF: Record<Queue, 1 | 2> = { billing: 1, gateway: 2, webhooks: 1, bulk: 1 };

const lastAnswers = new WeakMap<ApiDeps, { atMs: number; answer: Promise<Pollers> }>();

/**
 * Whether a worker asks each queue for work. Missing workers delay commands but no read, so this degrades an API and
 * never makes it unready; asked at most every few seconds, because load balancers ask often.
 */
export function watchPollers(deps: ApiDeps): Promise<Pollers> {
  const nowMs = performance.now();
  const last = lastAnswers.get(deps);
  if (last && nowMs - last.atMs < ASKED_EVERY_MS) return last.answer;
  const answer = askAll(deps);
  lastAnswers.set(deps, { atMs: nowMs, answer });
  return answer;
}

async function askAll(deps: ApiDeps): Promise<Pollers> {
  const states = await Promise.all(QUEUES.map(async (queue) => [queue, await ask(deps, queue)] as const));
  return Object.fromEntries(states) as Pollers;
}

async function ask(deps: ApiDeps, queue: Queue): Promise<PollerState> {
  try {
    const described = await deps.temporal.withDeadline(clock.now().getTime() + TIMEOUT_MS, () =>
      deps.temporal.workflowService.describeTaskQueue({
        namespace: deps.temporalNamespace,
        taskQueue: { name: taskQueue(queue, deps.taskQueuePrefix) },
        taskQueueType: TYPE_OF[queue],
      }),
    );
    const since = clock.now().getTime() - SEEN_WITHIN_MS;
    const alive = (described.pollers ?? []).some(
      ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 >= since,
    );
    return alive ? 'polled' : 'not_polled';
  } catch {
    return 'unknown';
  }
}
