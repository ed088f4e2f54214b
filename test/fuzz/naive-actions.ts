import type { SimulationAction } from '../../src/contract/simulation-actions.ts';
import type { SimulationBody } from '../../src/contract/simulations.ts';
import { Decimal } from '../../src/domain/money.ts';
import { atWallTime, DAY, wallTime } from './naive-calendar.ts';
import { change, onceLine } from './naive-change.ts';
import { counted, isTouched } from './naive-counts.ts';
import { close, lateLines, tell } from './naive-events.ts';
import { bill, pay } from './naive-invoices.ts';
import { type Item, type Lines, type Sub, Unclear, zero } from './naive-life.ts';
import type { PriceBody } from './naive-prices.ts';
import { activate, advance, endTrial, enter, end as finish, NO_CUT, pause } from './naive-steps.ts';
import { billThreshold } from './naive-thresholds.ts';
import { firstEndOf, isLive, periodEndOf, plan, resumeNow, type World } from './naive-world.ts';

type Of<Name extends SimulationAction['action']> = Extract<SimulationAction, { action: Name }>;

/** Does what is asked. False: it is refused, and nothing has changed (rules 30 and 31b). */
export function isAllowed(world: World, action: SimulationAction, at: number): boolean {
  if (action.action === 'subscribe') return subscribe(world, action, at);
  switch (action.action) {
    case 'pay':
      return pay(world.books, action.subscription);
    case 'event':
    case 'amend_event':
    case 'deprecate_event':
      return hear(world, action, at);
    case 'void':
    case 'mark_uncollectible':
      throw new Unclear('the naive model takes nothing back');
    case 'decline':
    case 'payment_method':
      throw new Unclear('the naive model knows no gateway');
    default:
      break;
  }
  const sub = world.subs.find(({ name }) => name === action.subscription);
  if (!sub) throw new Unclear('an action before its subscription');
  if (!isLive(sub)) return false;
  switch (action.action) {
    case 'use':
      if (!use(sub, action, at)) return false;
      billThreshold(world, sub, at);
      return true;
    case 'change':
      return change(world, sub, action, at);
    case 'set_quantity': {
      const { key, quantity, ...rest } = action;
      return change(world, sub, { ...rest, items: [{ key, quantity }] }, at);
    }
    case 'add':
      return change(world, sub, action, at);
    case 'remove': {
      const { keys, ...rest } = action;
      return change(world, sub, { ...rest, remove: keys }, at);
    }
    case 'pause':
      return askPause(world, sub, action, at);
    case 'resume':
      return askResume(world, sub, action, at);
    case 'cancel':
      return cancel(world, sub, action, at);
    case 'uncancel':
      if (sub.cancelAt === null) return false;
      sub.cancelAt = null;
      return true;
    case 'end_trial':
      if (sub.status !== 'trialing') return false;
      bill(world.books, sub, at, endTrial(sub, at));
      return true;
    case 'extend_trial': {
      const until = Date.parse(action.trial_end);
      if (sub.status !== 'trialing' || sub.trialEnd === null || until <= at) return false;
      sub.trialEnd = until;
      return true;
    }
    case 'schedule':
      return schedule(world, sub, action);
    case 'cancel_scheduled':
      if (action.effective_at !== undefined) throw new Unclear('one of several is canceled');
      if (sub.planned.length === 0) return false;
      sub.planned = [];
      return true;
  }
}

/** What was said of an event, and the thresholds that it reaches; saying the same once more reaches none. */
function hear(
  world: World,
  said: Of<'event'> | Of<'amend_event'> | Of<'deprecate_event'>,
  at: number,
): boolean {
  const { words } = world;
  if (!tell(world, said, at)) return false;
  for (const sub of world.subs)
    if (world.words > words && isTouched(world, sub, said)) billThreshold(world, sub, at);
  return true;
}

function subscribe(world: World, asked: Of<'subscribe'>, at: number): boolean {
  const { body, subs, books } = world;
  const items = itemsOf(body, asked);
  if (isClaimed(world, asked, items)) return false;
  const sold = body.catalogue.plans.find(({ id }) => id === asked.plan);
  if (!sold) throw new Unclear('a stored plan');
  const zone = body.customer.time_zone ?? 'UTC';
  const startsAt = asked.start_at === undefined ? at : Date.parse(asked.start_at);
  const sub: Sub = {
    name: asked.subscription,
    status: 'scheduled',
    states: [],
    plan: asked.plan,
    usageScope: asked.usage_scope,
    zone,
    basis: asked.proration_basis,
    calendar: asked.billing_cycle === 'calendar',
    fixedAnchor: asked.billing_anchor !== undefined,
    anchor: asked.billing_anchor === undefined ? startsAt : Date.parse(asked.billing_anchor),
    trialUsage: asked.trial_usage,
    startsAt,
    trialEnd: trialEndOf(asked, sold.trial_days ?? null, startsAt, zone),
    cycles: asked.cycles ?? null,
    endsAt: null,
    pausedAt: null,
    cancelAt: asked.cancel_at === undefined ? null : Date.parse(asked.cancel_at),
    cancelsWithPeriod: false,
    cancelGivesBack: false,
    netDays: asked.collection_method === 'send_invoice' ? (asked.net_days ?? 30) : null,
    items,
    used: new Map(),
    counts: (item, stretch) => counted(world, sub, item, stretch),
    closes: (closed) => close(world, sub, closed),
    closed: [],
    late: () => (world.metered.has(sub) ? lateLines(world, sub) : []),
    billed: [],
    pending: [],
    passed: zero,
    thresholdAt: null,
    planned: [],
  };
  subs.push(sub);
  // What is charged once waits for the first invoice, and a trial does not put that off.
  sub.pending = (asked.once ?? []).map(({ add_on }) => onceLine(sub, onceIn(body, add_on), startsAt));
  if (startsAt > at) enter(sub, 'scheduled', at);
  else bill(books, sub, at, liveThrough(sub, startsAt, at), 'last');
  return true;
}

/** Whether another one bills what a meter counts for the customer (rule 29b). */
function isClaimed(
  { subs }: World,
  { usage_scope: scope }: Of<'subscribe'>,
  items: readonly Item[],
): boolean {
  const meters = new Set(items.flatMap(({ price }) => price.meter ?? []));
  if (scope === 'subscription' || meters.size === 0) return false;
  const others = subs.filter((sub) => isLive(sub) && sub.usageScope === 'customer');
  if (others.some((sub) => sub.items.some(({ price }) => meters.has(price.meter ?? '')))) return true;
  if (others.length > 0) throw new Unclear('two that may want to count the same one day');
  return false;
}

function onceIn(body: SimulationBody, addOn: string): PriceBody {
  const [price] = body.catalogue.add_ons.find(({ id }) => id === addOn)?.prices ?? [];
  return price ?? unclear('a stored add-on');
}

function itemsOf(body: SimulationBody, asked: Of<'subscribe'>): Item[] {
  const sold = body.catalogue.plans.find(({ id }) => id === asked.plan);
  const ofPlan = (asked.items ?? sold?.prices.map(({ key }) => ({ key, quantity: '1' })) ?? []).map(
    ({ key, quantity }) => ({
      plan: asked.plan,
      price: sold?.prices.find((price) => price.key === key),
      quantity,
    }),
  );
  const added = (asked.add_ons ?? []).flatMap(({ add_on, quantity }) => {
    const prices = body.catalogue.add_ons.find(({ id }) => id === add_on)?.prices ?? [];
    return prices.map((price) => ({ plan: add_on, price, quantity }));
  });
  return [...ofPlan, ...added].map(({ plan, price, quantity }) => {
    if (!price) throw new Unclear('an unknown key');
    return {
      key: price.key,
      plan,
      price,
      quantity: new Decimal(quantity ?? '1'),
      from: null,
      whole: null,
      end: null,
      fees: [],
      instalments: zero,
    };
  });
}

function trialEndOf(
  asked: Of<'subscribe'>,
  ofPlan: number | null,
  startsAt: number,
  zone: string,
): number | null {
  if (asked.trial_end !== undefined) return Date.parse(asked.trial_end);
  const days = asked.trial_days ?? ofPlan ?? 0;
  return days === 0 ? null : atWallTime(wallTime(startsAt, zone) + days * DAY, zone);
}

/** A start in the past: the periods that went by are billed at once, on one invoice (rule 31d). */
function liveThrough(sub: Sub, startsAt: number, at: number): Lines {
  const lines = activate(sub, startsAt);
  for (const state of sub.states) state.from = at;
  for (;;) {
    const end = firstEndOf(sub) ?? trialEndIn(sub);
    if (startsAt === at || end === null || end > at) return lines;
    if (sub.endsAt !== null && sub.endsAt < at)
      throw new Unclear('it would have ended before it was asked for');
    if (sub.endsAt === at && end === at)
      return [...lines, ...finish(sub, at, 'expired', { credit: false, dayToo: 'begun' })];
    if (sub.status === 'trialing') lines.push(...endTrial(sub, end));
    else lines.push(...advance(sub, end, NO_CUT).now);
  }
}

const trialEndIn = (sub: Sub) => (sub.status === 'trialing' ? sub.trialEnd : null);

function use(sub: Sub, { key, quantity, properties }: Of<'use'>, at: number): boolean {
  const item = sub.items.find((one) => one.key === key);
  if (item?.price.billing !== 'usage' || item.price.meter !== null) return false;
  if (sub.pausedAt !== null || sub.status === 'scheduled') return false;
  const used = sub.used.get(key) ?? [];
  used.push({ at, quantity: new Decimal(quantity), properties });
  sub.used.set(key, used);
  return true;
}

function askPause(world: World, sub: Sub, asked: Of<'pause'>, at: number): boolean {
  if (sub.pausedAt !== null || sub.status === 'scheduled' || sub.cancelAt !== null) return false;
  const resumeAt = asked.resume_at === undefined ? null : Date.parse(asked.resume_at);
  const run = (_: Sub, when: number) => {
    // What rests already has nothing to do then.
    if (sub.pausedAt !== null) return;
    bill(world.books, sub, when, pause(sub, when, asked.credit));
    if (resumeAt === null || resumeAt >= (sub.endsAt ?? Infinity)) return;
    const resume = (_sub: Sub, then: number) => resumeNow(world, sub, then);
    sub.planned.push({ at: resumeAt, mode: 'at', about: null, kind: 'resume', run: resume });
    sub.planned.sort((a, b) => a.at - b.at);
  };
  const when = whenOf(sub, asked.effective ?? 'now', at);
  if (resumeAt !== null && resumeAt <= when) return false;
  if (when === at) run(sub, at);
  else plan(sub, { at: when, mode: modeOf(asked.effective), about: null, kind: 'pause', run });
  return true;
}

function askResume(world: World, sub: Sub, asked: Of<'resume'>, at: number): boolean {
  if (sub.pausedAt === null) return false;
  if (asked.effective !== undefined && asked.effective !== 'now') throw new Unclear('a resumption for later');
  resumeNow(world, sub, at);
  return true;
}

/** When a command is to happen. */
export function whenOf(sub: Sub, effective: string, at: number): number {
  if (effective === 'now') return at;
  if (effective !== 'period_end') return Date.parse(effective);
  return periodEndOf(sub, null) ?? unclear('the end of a period that does not run');
}

export const modeOf = (effective: string | undefined) => (effective === 'period_end' ? 'period_end' : 'at');

function unclear(why: string): never {
  throw new Unclear(why);
}

function cancel(world: World, sub: Sub, asked: Of<'cancel'>, at: number): boolean {
  if (asked.mode === 'now') {
    const how = { credit: asked.credit === 'prorate', dayToo: 'always' as const };
    const hadBegun = sub.status !== 'scheduled';
    bill(world.books, sub, at, finish(sub, at, 'canceled', how), hadBegun ? 'last' : 'usual');
    return true;
  }
  const when = asked.mode === 'at' ? Date.parse(asked.cancel_at ?? '') : whenOf(sub, 'period_end', at);
  if (when <= at) return false;
  sub.cancelAt = when;
  sub.cancelsWithPeriod = asked.mode === 'period_end';
  sub.cancelGivesBack = asked.credit === 'prorate';
  sub.planned = sub.planned.filter((planned) => planned.at < when);
  return true;
}

function schedule(world: World, sub: Sub, { phases }: Of<'schedule'>): boolean {
  if (sub.pausedAt !== null) throw new Unclear('a schedule while paused');
  const starts = phases.map(({ start_at }) => (start_at === undefined ? Number.NaN : Date.parse(start_at)));
  const over = Math.min(sub.cancelAt ?? Infinity, sub.endsAt ?? Infinity);
  if (starts.some((start) => Number.isNaN(start) || start <= world.now))
    throw new Unclear('phases by cycles');
  if (starts.some((start) => start >= over)) return false;
  if ((sub.calendar || sub.fixedAnchor) && phases.some(({ anchor }) => anchor === 'reset')) return false;
  const moves = phases.map(({ proration, anchor }) => proration === 'none' && anchor !== 'keep');
  if (moves.some(Boolean)) throw new Unclear('a phase that moves the calendar without money');
  sub.planned = phases.map((phase, index) => ({
    at: starts[index] ?? 0,
    mode: 'at' as const,
    about: null,
    kind: 'change' as const,
    run: (_: Sub, when: number) => {
      change(world, sub, { ...phase, effective: 'now' }, when, true);
    },
  }));
  return true;
}
