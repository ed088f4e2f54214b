import type { SimulationBody } from '../../src/contract/simulations.ts';
import type { Told } from './naive-events.ts';
import { type Books, bill, wait } from './naive-invoices.ts';
import { type Lines, type Planned, type Sub, Unclear } from './naive-life.ts';
import { resume } from './naive-steps.ts';

/** Everything the naive model knows: a customer's subscriptions and its books. */
export type World = {
  books: Books;
  subs: Sub[];
  body: SimulationBody;
  refused: number[];
  now: number;
  told: Told[];
  words: number;
  metered: Set<Sub>;
};

export const isLive = (sub: Sub) => sub.status !== 'canceled' && sub.status !== 'expired';

/** When the next period ends of any item. */
export function firstEndOf(sub: Sub): number | null {
  const ends = sub.items.flatMap((item) => (item.end === null ? [] : [item.end]));
  return ends.length > 0 ? Math.min(...ends) : null;
}

/**
 * The end of the period that an action waits for; null while nothing runs. A change of items with different periods waits
 * for the one that is paid longest, so that nothing has to be given back; everything else for the first.
 */
export function periodEndOf(sub: Sub, keys: ReadonlySet<string> | null): number | null {
  if (sub.pausedAt !== null) return null;
  if (sub.status === 'scheduled') return sub.startsAt;
  if (sub.status === 'trialing') return sub.trialEnd;
  const paidAhead = sub.items.flatMap(({ key, price, end }) =>
    keys?.has(key) && price.timing === 'in_advance' && end !== null ? [end] : [],
  );
  return paidAhead.length > 0 ? Math.max(...paidAhead) : firstEndOf(sub);
}

/** Where the lines of a decision go: what is due now on an invoice, the rest waits for the next one. */
export function settle(world: World, sub: Sub, at: number, made: { now: Lines; later: Lines }): void {
  if (made.now.length > 0) bill(world.books, sub, at, [...made.later, ...made.now]);
  else wait(world.books, sub, made.later, at);
}

export function resumeNow(world: World, sub: Sub, at: number): void {
  sub.planned = sub.planned.filter(({ kind }) => kind !== 'resume');
  bill(world.books, sub, at, resume(sub, at));
}

/** What is asked for takes the place of what was planned and is like it: a change of changes, a pause of pauses. */
export function replacePlans(sub: Sub, kind: Planned['kind']): void {
  const others = sub.planned.filter((planned) => planned.kind !== kind);
  if (kind !== 'change' && others.some((planned) => planned.kind !== 'change'))
    throw new Unclear('a pause and a resumption wait together');
  sub.planned = others;
}

export function plan(sub: Sub, planned: Planned): void {
  replacePlans(sub, planned.kind);
  // Its last cycle is over by then.
  if (sub.endsAt !== null && planned.at >= sub.endsAt) return;
  if (sub.planned.some(({ at }) => at === planned.at)) throw new Unclear('two plans for the same instant');
  sub.planned = [...sub.planned, planned].sort((a, b) => a.at - b.at);
}
