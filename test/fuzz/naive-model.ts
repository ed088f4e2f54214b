import type { SimulationBody } from '../../src/contract/simulations.ts';
import { Decimal } from '../../src/domain/money.ts';
import { isAllowed } from './naive-actions.ts';
import { forget, isMetered, lateLines, lookAt, looked } from './naive-events.ts';
import { bill, isOverdue } from './naive-invoices.ts';
import { type Lines, type Sub, Unclear } from './naive-life.ts';
import { activate, advance, end, endTrial, enter, NO_CUT } from './naive-steps.ts';
import { isLive, periodEndOf, type World } from './naive-world.ts';

/**
 * The whole of billing a second time, as simply as it can be said: walk from one due instant to the next and from one
 * action to the next, and write down every line. It was written from `billing-rules.md` and shares nothing with the
 * engine but Decimal; where the two differ, one of them is wrong.
 */

export function simulateNaively(body: SimulationBody): World {
  const books = { balance: new Decimal(body.customer.balance ?? 0), invoices: [], credits: [] };
  const world: World = {
    books,
    subs: [],
    body,
    refused: [],
    now: 0,
    told: [],
    words: 0,
    metered: new Set(),
  };
  for (const [index, action] of body.timeline.entries()) {
    const at = Date.parse(action.at);
    runUntil(world, at);
    world.now = at;
    noteMetered(world);
    if (!isAllowed(world, action, at)) world.refused.push(index);
    for (const sub of world.subs) follow(world, sub, at);
  }
  runUntil(world, Date.parse(body.until));
  return world;
}

/** Everything that is due until `until`, in order; of two at the same instant the older subscription's comes first. */
function runUntil(world: World, until: number): void {
  for (let steps = 0; steps < 20_000; steps += 1) {
    forget(world);
    const due = world.subs
      .map((sub) => ({ sub, at: earliest([lookAt(world, sub), nextAt(sub), overdueAt(world, sub)]) }))
      .filter((one): one is { sub: Sub; at: number } => one.at !== null && one.at <= until)
      .sort((a, b) => a.at - b.at)[0];
    if (!due) return;
    world.now = due.at;
    noteMetered(world);
    if (lookAt(world, due.sub) === due.at) lookForLate(world, due.sub, due.at);
    else step(world, due.sub, due.at);
    follow(world, due.sub, due.at);
  }
  throw new Unclear('too many steps');
}

/** Whoever has a meter before something happens looks for what came late then. */
function noteMetered(world: World): void {
  world.metered = new Set(world.subs.filter(isMetered));
}

/** What came late for whoever makes no invoice any more is on one of its own, and takes nothing along that waits. */
function lookForLate(world: World, sub: Sub, at: number): void {
  const lines = lateLines(world, sub);
  const waiting = sub.pending;
  sub.pending = [];
  if (lines.some(({ line }) => !line.amount.isZero())) bill(world.books, sub, at, lines);
  sub.pending = waiting;
  looked(world, sub);
}

/** When something is due next. While it is paused only its end and what is planned are. */
export function nextAt(sub: Sub): number | null {
  if (!isLive(sub)) return null;
  const times = [sub.cancelAt, sub.endsAt];
  const planned = sub.planned[0];
  if (sub.status === 'scheduled') times.push(sub.startsAt);
  else if (sub.pausedAt !== null) times.push(planned?.at ?? null);
  else times.push(planned?.at ?? null, ...sub.items.map((item) => item.end), trialEndOf(sub));
  return earliest(times);
}

function earliest(times: (number | null)[]): number | null {
  const known = times.filter((at) => at !== null);
  return known.length > 0 ? Math.min(...known) : null;
}

const trialEndOf = (sub: Sub) => (sub.status === 'trialing' ? sub.trialEnd : null);

/** When an open invoice becomes overdue that is not yet. */
function overdueAt(world: World, sub: Sub): number | null {
  const ahead = world.books.invoices.flatMap(({ subscription, paid, dueAt }) =>
    subscription === sub.name && !paid && dueAt !== null && dueAt > world.now ? [dueAt] : [],
  );
  return ahead.length > 0 ? Math.min(...ahead) : null;
}

const ENDS = { credit: false, dayToo: 'begun' } as const;

function step(world: World, sub: Sub, at: number): void {
  const send = (lines: Lines, how: 'usual' | 'last' = 'usual') => bill(world.books, sub, at, lines, how);
  const planned = sub.planned[0];
  // What ends before it begins owes nothing, also not what waited to be charged once (rule 31b).
  if (sub.cancelAt === at && sub.status === 'scheduled') send(end(sub, at, 'canceled', ENDS));
  else if (sub.cancelAt === at)
    send(end(sub, at, 'canceled', { ...ENDS, credit: sub.cancelGivesBack }), 'last');
  else if (sub.endsAt === at) send(end(sub, at, 'expired', ENDS), 'last');
  else if (sub.status === 'scheduled' && sub.startsAt === at) send(activate(sub, at), 'last');
  else if (planned?.at === at) {
    sub.planned.shift();
    planned.run(sub, at);
  } else if (trialEndOf(sub) === at) send(endTrial(sub, at));
  else if (sub.pausedAt === null && sub.items.some((item) => item.end === at)) {
    const made = advance(sub, at, NO_CUT);
    send([...made.now, ...made.later]);
  }
}

/** A period that it may wait for still ends there. */
function standsAt(sub: Sub, { about, at }: Sub['planned'][number]): boolean {
  if (sub.status !== 'active' && sub.status !== 'past_due') return false;
  const meant = sub.items.filter(
    ({ key, price, end }) => about?.has(key) && price.timing === 'in_advance' && end !== null,
  );
  return (meant.length > 0 ? meant : sub.items).some(({ end }) => end === at);
}

/** What follows from the facts after each step: periods that moved, and whether money is overdue (rule 29d). */
function follow(world: World, sub: Sub, at: number): void {
  if (!isLive(sub)) return;
  // As long as a period still ends there it stays; a shorter one beside it brings no end nearer.
  const stands = sub.items.some(({ end }) => end !== null && end === sub.cancelAt);
  if (sub.cancelAt !== null && sub.cancelsWithPeriod && !stands)
    sub.cancelAt = periodEndOf(sub, null) ?? sub.cancelAt;
  for (const planned of sub.planned)
    if (planned.mode === 'period_end' && !standsAt(sub, planned))
      planned.at = periodEndOf(sub, planned.about) ?? planned.at;
  sub.planned.sort((a, b) => a.at - b.at);
  if (sub.status !== 'active' && sub.status !== 'past_due') return;
  enter(sub, isOverdue(world.books, sub, at) ? 'past_due' : 'active', at);
}
