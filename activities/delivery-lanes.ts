import type { ClaimedDelivery } from '../src/persistence/drain-deliveries.ts';

/**
 * What was claimed and is not begun, in lanes: what concerns one object waits in one lane, and a lane has one sender at
 * a time. So a healthy receiver sees each object's events in order, also across claims.
 */
export class DeliveryLanes<Item extends { delivery: ClaimedDelivery }> {
  readonly #lanes = new Map<string, Item[]>();
  /** Lanes in which something waits and nobody works. */
  readonly #free: string[] = [];
  #waiting = 0;

  /** How many deliveries wait. */
  get waiting(): number {
    return this.#waiting;
  }

  add(items: readonly Item[]): void {
    for (const item of items) {
      const { objectId } = item.delivery.event;
      const lane = this.#lanes.get(objectId);
      if (lane) lane.push(item);
      else {
        this.#lanes.set(objectId, [item]);
        this.#free.push(objectId);
      }
    }
    this.#waiting += items.length;
  }

  /** The next of the lane in which `done` was, else the first of a lane that nobody is in. Null when there is none. */
  next(done: Item | null): Item | null {
    const own = done && this.#take(done.delivery.event.objectId);
    if (own) return own;
    const objectId = this.#free.shift();
    return objectId === undefined ? null : this.#take(objectId);
  }

  /** Everything that waits. Whoever is in a lane finds it empty. */
  clear(): Item[] {
    const left = [...this.#lanes.values()].flat();
    for (const lane of this.#lanes.values()) lane.length = 0;
    this.#free.length = 0;
    this.#waiting = 0;
    return left;
  }

  #take(objectId: string): Item | null {
    const item = this.#lanes.get(objectId)?.shift() ?? null;
    if (item) this.#waiting -= 1;
    else this.#lanes.delete(objectId);
    return item;
  }
}
