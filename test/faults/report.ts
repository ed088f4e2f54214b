import { table } from '../../src/main/table.ts';
import type { Broken } from '../../src/persistence/invariants/promised.ts';

/** One fault, inflicted `times`, and what came of it. */
export type Trial = {
  fault: string;
  times: number;
  /** From the end of the fault (or the restart of what was killed) until nothing was left to do; the longest. */
  recoverySeconds: number;
  /** A sentence for everything that is not as promised. Empty: survived. */
  broken: string[];
};

export function report(trials: readonly Trial[]): string[] {
  const rows = trials.map(({ fault, times, recoverySeconds, broken }) => [
    fault,
    String(times),
    recoverySeconds.toFixed(1),
    String(broken.length),
  ]);
  const troubles = trials.flatMap(({ fault, broken }) => broken.map((sentence) => `  ${fault}: ${sentence}`));
  return [
    ...table(['fault', 'times', 'recovery (s)', 'broken'], rows, [1, 2, 3]),
    ...(troubles.length > 0 ? ['', 'Not as promised:', ...troubles] : []),
  ];
}

/** The last line under `--json`: how many kinds of fault, how many times they were inflicted, what did not survive. */
export function json(trials: readonly Trial[]): string {
  const sum = (of: (trial: Trial) => number) => trials.reduce((total, trial) => total + of(trial), 0);
  return JSON.stringify({
    faults: trials.length,
    trials: sum(({ times }) => times),
    broken: sum(({ broken }) => broken.length),
  });
}

/** Broken promises as sentences that name their rows. */
export function sentences(broken: readonly Broken[]): string[] {
  return broken.map(
    ({ promise, sentence, count, rows }) =>
      `${promise} (${sentence}) is broken in ${count} rows: ${JSON.stringify(rows.slice(0, 3))}`,
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
