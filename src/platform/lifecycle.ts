/**
 * What was started, to be stopped in reverse order within one deadline. Each stop receives a signal that is aborted
 * when patience ends (the deadline passed, or a second Ctrl-C): from then on it must kill instead of asking.
 */
export class Lifecycle implements AsyncDisposable {
  readonly #stops: { name: string; stop: (urgent: AbortSignal) => Promise<void> }[] = [];
  readonly #urgent = new AbortController();
  readonly #patienceMs: number;
  readonly #onTrouble: (name: string, error: unknown) => void;
  #closing: Promise<void> | undefined;

  constructor(options: { patienceMs?: number; onTrouble?: (name: string, error: unknown) => void } = {}) {
    this.#patienceMs = options.patienceMs ?? 7_000;
    this.#onTrouble = options.onTrouble ?? (() => {});
  }

  /** Registers something that runs from now on. */
  defer(name: string, stop: (urgent: AbortSignal) => Promise<void>): void {
    if (this.#closing) throw new Error(`${name} was started while everything else was being stopped`);
    this.#stops.push({ name, stop });
  }

  /** Like `defer`, and hands the resource on. */
  use<T extends AsyncDisposable>(name: string, resource: T): T {
    this.defer(name, async () => await resource[Symbol.asyncDispose]());
    return resource;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Ends patience at once. */
  hurry(): void {
    this.#urgent.abort();
  }

  /** Stops everything. May be called again; every caller gets the same end. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #stopAll(): Promise<void> {
    const timer = setTimeout(() => this.#urgent.abort(), this.#patienceMs);
    try {
      for (const { name, stop } of this.#stops.reverse()) {
        try {
          await Promise.race([stop(this.#urgent.signal), this.#lastChance()]);
        } catch (error) {
          this.#onTrouble(name, error);
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Rejects a little after patience ended: one stop that hangs must not keep the others from being stopped. */
  #lastChance(): Promise<never> {
    return new Promise((_, reject) => {
      const giveUp = () => setTimeout(() => reject(new Error('did not stop in time')), 500).unref();
      if (this.#urgent.signal.aborted) giveUp();
      else this.#urgent.signal.addEventListener('abort', giveUp, { once: true });
    });
  }
}

/**
 * Ends the process on Ctrl-C, SIGTERM and a closed terminal: the first signal stops gracefully, a second one hurries,
 * a third one leaves at once. npm passes a terminal's signal on to a process that already received it, so signals
 * within half a second of each other are one.
 */
export function stopOnSignals(lifecycle: Lifecycle, say: (line: string) => void): void {
  let lastAtMs = 0;
  let count = 0;
  const onSignal = () => {
    const nowMs = performance.now();
    if (count > 0 && nowMs - lastAtMs < 500) return;
    lastAtMs = nowMs;
    count += 1;
    if (count === 1) {
      say('Stopping … (Ctrl-C again to hurry)');
      void lifecycle.close().then(() => process.exit(0));
    } else if (count === 2) {
      say('Stopping at once.');
      lifecycle.hurry();
    } else {
      process.exit(130);
    }
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
}
