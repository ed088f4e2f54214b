import type { Endpoint } from '../persistence/relay.ts';

/** A delivery that has just become due is probably being claimed right now. */
const GRACE_MS = 1_000;
const PAUSE_MIN_MS = 5_000;
const PAUSE_MAX_MS = 60_000;

type Woken = { atMs: number; pauseMs: number };

/**
 * Which endpoint workflows to wake. New deliveries wake theirs once per batch; a sweep finds what a crash, a lost
 * signal or a request left behind, and repeats itself ever more rarely while nobody works.
 */
export class WakeList {
  readonly #wanted = new Map<string, Endpoint>();
  #woken = new Map<string, Woken>();

  /** There is something new for these endpoints. */
  add(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) this.#wanted.set(endpoint.endpointId, endpoint);
  }

  /** These endpoints have deliveries that are due and in nobody's hands; all others are forgotten. */
  sweep(due: readonly (Endpoint & { dueAt: Date })[], now: Date): void {
    const known = this.#woken;
    this.#woken = new Map();
    for (const { dueAt, tenantId, endpointId } of due) {
      const last = known.get(endpointId);
      if (last) this.#woken.set(endpointId, last);
      if (this.#isNeglected(last, dueAt.getTime(), now.getTime())) this.add([{ tenantId, endpointId }]);
    }
  }

  /** Hands out whom to wake, and remembers that they were. */
  take(now: Date): Endpoint[] {
    const endpoints = [...this.#wanted.values()];
    this.#wanted.clear();
    for (const { endpointId } of endpoints) {
      const before = this.#woken.get(endpointId);
      const pauseMs = before ? Math.min(before.pauseMs * 2, PAUSE_MAX_MS) : PAUSE_MIN_MS;
      this.#woken.set(endpointId, { atMs: now.getTime(), pauseMs });
    }
    return endpoints;
  }

  #isNeglected(last: Woken | undefined, dueMs: number, nowMs: number): boolean {
    if (nowMs - dueMs < GRACE_MS) return false;
    if (!last || last.atMs < dueMs) return true;
    return nowMs - last.atMs >= last.pauseMs;
  }
}
