/**
 * Places at which a process dies when it was told to. The fault tests kill worker and API at each of them and then ask
 * whether every promise is still kept; `npm run faults -- crash-points` finds the names by reading the code, so they
 * are literals. Nobody can arm one in production: `config.ts` refuses it.
 */
export type CrashAt = { name: string; passage: number };

let armed: (CrashAt & { passed: number }) | null = null;

/** Makes this process die at the n-th passage of one place; null: at none. */
export function armCrashPoint(at: CrashAt | null): void {
  armed = at && { ...at, passed: 0 };
}

/**
 * Marks a moment after which nothing more may be needed of this process. Does nothing unless armed.
 *
 * @param name `<noun>.<moment>`, such as `step.beforeCommit`; a literal, and in no second place.
 */
export function crashPoint(name: string): void {
  if (armed === null || armed.name !== name) return;
  armed.passed += 1;
  if (armed.passed < armed.passage) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal may take a moment, in which nothing else of this process may happen.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
