import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * A helper of a benchmark as a process of its own, so that what it uses of the machine is not ours: one question at a
 * time goes to it as a message, one answer comes back.
 */
export type Child = AsyncDisposable & {
  pid: number;
  ask<Answer>(question: object): Promise<Answer>;
};

/** Starts `bench/<script>` with settings on top of ours; the script calls `serve`. */
export async function startChild(
  script: string,
  env: Record<string, string>,
  execArgv: string[] = [],
): Promise<Child> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = fork(path, { env: { ...process.env, ...env }, execArgv, serialization: 'advanced' });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lost = gone.then(() => {
    throw new Error(`${script} ended with ${String(child.exitCode ?? child.signalCode)}`);
  });
  // Whoever asks hears of it; at the end it is what we want.
  lost.catch(() => {});
  const [ready] = await Promise.race([once(child, 'message'), lost]);
  if (ready !== READY) throw new Error(`${script} says ${String(ready)} instead of being ready`);
  return {
    pid: child.pid ?? 0,
    async ask<Answer>(question: object) {
      child.send(question);
      const [answer] = await Promise.race([once(child, 'message'), lost]);
      if (isFailure(answer)) throw new Error(`${script}: ${answer.failure}`);
      return answer as Answer;
    },
    async [Symbol.asyncDispose]() {
      child.kill();
      await gone;
    },
  };
}

/** The other side: answers questions until the parent goes. */
export function serve(answer: (question: never) => Promise<object>): void {
  process.on('message', (question) => {
    answer(question as never).then(
      (value) => process.send?.(value),
      (error: unknown) =>
        process.send?.({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.(READY);
}

const READY = 'ready';

function isFailure(answer: unknown): answer is { failure: string } {
  return typeof answer === 'object' && answer !== null && 'failure' in answer;
}
