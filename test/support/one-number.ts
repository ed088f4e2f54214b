import { billableQuantity, type CountingRule } from '../../src/domain/meter.ts';
import { Decimal, sum } from '../../src/domain/money.ts';
import { naiveCount, type PlantedEvent } from './usage.ts';

/**
 * What every answer about usage should be, from a list of what was done. One writer does one thing after another, so an
 * answer that was asked for while it worked is that of a moment between the last thing that was acknowledged when the question
 * left and the last one that was begun when the answer came; and never that of an earlier moment than an answer before it.
 */

export type Counted = { quantity: string; events: number };
export type Stretch = { start: Date; end: Date };
/** A meter, and the properties by which its price looks at groups. */
export type Watched = { rule: CountingRule; by: string[]; period: Stretch };
/** The events that stand, by key, as a list that later moments do not change. */
export type Moment = ReadonlyMap<string, PlantedEvent>;

/** What the events of a moment come to as it is priced, counted event by event. */
export function countAt(
  moment: Moment,
  { rule, by, period }: Watched,
  customerId: string,
  timeZone: string,
): Counted {
  const question = { customerId, subscription: null, ...period, timeZone, by };
  const { quantity, eventCount, groups, buckets } = naiveCount([...moment.values()], rule, question);
  const priced = (value: string) => billableQuantity(new Decimal(value), rule.rounding);
  const parts = rule.bucket ? buckets : by.length > 0 ? Object.values(groups) : [quantity];
  return { quantity: sum(parts.map(priced)).toFixed(), events: eventCount };
}

/** The moments that were, and which of them an answer may be of. */
export class Moments {
  readonly #moments: Moment[] = [new Map()];
  #acknowledged = 0;
  /** The earliest moment that no answer may be older than. */
  #seen = 0;

  get last(): Moment {
    return this.#moments.at(-1) ?? new Map();
  }

  /** Does something after which the events are `next`; until it is acknowledged nobody knows whether it was done. */
  async become<T>(next: Moment, act: () => Promise<T>): Promise<T> {
    this.#moments.push(next);
    const answer = await act();
    this.#acknowledged = this.#moments.length - 1;
    return answer;
  }

  /** Asks, and says of which moment the answer is: `at` counts each of them, and is called with those that may be. */
  async ask<T>(question: () => Promise<T>): Promise<{ answer: T; isOf: IsOf }> {
    const from = Math.max(this.#acknowledged, this.#seen);
    const answer = await question();
    const to = this.#moments.length - 1;
    const isOf: IsOf = (expected, found) => {
      const possible = this.#moments
        .slice(from, to + 1)
        .flatMap((moment, index) =>
          JSON.stringify(expected(moment)) === JSON.stringify(found) ? [from + index] : [],
        );
      const [earliest] = possible;
      if (earliest === undefined) {
        const [low, high] = [this.#moments[from], this.#moments[to]].map((moment) =>
          JSON.stringify(expected(moment ?? new Map())),
        );
        throw new Error(`${JSON.stringify(found)} is of no moment from ${from} (${low}) to ${to} (${high})`);
      }
      this.#seen = Math.max(this.#seen, earliest);
      return possible.length === 1 ? earliest : null;
    };
    return { answer, isOf };
  }
}

/** The one moment of which something is, or null where several would say the same. Throws when none does. */
export type IsOf = (expected: (moment: Moment) => unknown, found: unknown) => number | null;
