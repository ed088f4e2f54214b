export type Say = (line: string) => void;

/** Runs a step of a start; says how long it took, and every 5 seconds that it still goes on. */
export async function step<T>(say: Say, what: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const elapsed = (digits: number) => `${((performance.now() - startedMs) / 1000).toFixed(digits)} s`;
  const timer = setInterval(() => say(`  … ${what} (${elapsed(0)})`), 5_000);
  try {
    const result = await work();
    say(`  ${what.padEnd(44)} ${elapsed(1)}`);
    return result;
  } finally {
    clearInterval(timer);
  }
}
