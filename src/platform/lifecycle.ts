/**
 * What was started, to be stopped in reverse order within one deadline. Each stop receives a signal that is aborted
 * when patience ends (the deadline passed, or a second Ctrl-C): from then on it must kill instead of asking.
 */
export class Lifecycle implements AsyncDisposable {
  readonly #stops: { name: string; stop: (urgent: AbortSignal) => Promise<void> }[] = [];
  readonly #starting = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #urgent = new AbortController();
  readonly #patienceMs: number;
  readonly #onTrouble: (name: string, error: unknown) => void;
  #closing: Promise<void> | undefined;

  constructor(options: { patienceMs?: number; onTrouble?: (name: string, error: unknown) => void } = {}) {
    this.#patienceMs = options.patienceMs ?? 7_000;
    this.#onTrouble = options.onTrouble ?? (() => {});
  }

  /**
   * Starts something and registers its end in one step. When everything is stopped while it still starts, it is
   * stopped, too, as soon as it has started.
   */
  async start<T>(
    name: string,
    begin: () => Promise<T>,
    stop: (thing: T, urgent: AbortSignal) => Promise<void>,
  ): Promise<T> {
    this.#refuseWhenClosing(name);
    const begun = begin();
    const settled = begun.then(
      (thing) => {
        this.#stops.push({ name, stop: (urgent) => stop(thing, urgent) });
      },
      () => {},
    );
    this.#starting.add(settled);
    await settled;
    this.#starting.delete(settled);
    return begun;
  }

  /** Registers something that runs already. */
  use<T extends AsyncDisposable>(name: string, resource: T): T {
    this.#refuseWhenClosing(name);
    this.#stops.push({ name, stop: async () => await resource[Symbol.asyncDispose]() });
    return resource;
  }

  /** Aborted as soon as everything is being stopped; for long steps of a start, which then need not go on. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
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

  #refuseWhenClosing(name: string): void {
    if (this.#closing) throw new Error(`${name} is not started, because everything is being stopped`);
  }

  async #stopAll(): Promise<void> {
    const timer = setTimeout(() => this.#urgent.abort(), this.#patienceMs);
    this.#stopping.abort();
    try {
      await Promise.race([Promise.all(this.#starting), this.#lastChance()]).catch((error) =>
        this.#onTrouble('the start', error),
      );
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
