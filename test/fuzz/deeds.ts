import fc from 'fast-check';
import type { AddOnIn, Body, PlanIn } from './catalogues.ts';
import { DAY, type Grid, type Interval, periodAround } from './naive-calendar.ts';

/** What happens in a random life, and when: at the first instant of a period, just after, in its middle, at its last. */

type ActionIn = Body['timeline'][number];
const SPOTS = ['start', 'just_after', 'middle', 'last', 'anywhere'] as const;

const moment = fc.record({
  period: fc.nat({ max: 40 }),
  spot: fc.constantFrom(...SPOTS),
  part: fc.nat({ max: 999 }),
});
export type Moment = typeof moment extends fc.Arbitrary<infer T> ? T : never;

const effective = fc.constantFrom('now', 'now', 'now', 'period_end', 'ahead', null);
const money = {
  proration: fc.constantFrom(
    'invoice_now' as const,
    'invoice_now' as const,
    'next_invoice' as const,
    'none' as const,
    null,
  ),
  effective,
  ahead: moment,
};

const raw = <Name extends string, Fields extends object>(kind: Name, fields: fc.Arbitrary<Fields>) =>
  fc.tuple(moment, fields).map(([at, rest]) => ({ kind, moment: at, ...rest }));

/** Often one that is the bound of a tier. */
export const seats = fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(1, 5, 10, 20));
const plan = { plan: fc.nat({ max: 3 }), quantity: seats, ...money };
const quantity = fc.record(plan);
const nothing = fc.record({});

const use = fc.record({
  key: fc.nat({ max: 3 }),
  times: fc.integer({ min: 1, max: 4 }),
  amount: fc.nat({ max: 9_999 }),
  scale: fc.nat({ max: 2 }),
  region: fc.constantFrom('eu', 'us', 'jp'),
});
const change = fc.record({
  ...plan,
  anchor: fc.constantFrom(null, null, null, 'keep' as const, 'reset' as const),
  billingAnchor: fc.constantFrom(null, null, null, null, null, 1, 5),
  trial: fc.constantFrom('keep' as const, 'end' as const),
});
const pause = fc.record({
  credit: fc.boolean(),
  end: fc.boolean(),
  resumeAt: fc.boolean(),
  days: fc.nat({ max: 80 }),
});
const cancel = fc.record({
  mode: fc.constantFrom('now', 'now', 'period_end', 'at' as const),
  credit: fc.boolean(),
  ahead: moment,
  undone: fc.boolean(),
});
const phase = fc.record({
  days: fc.integer({ min: 1, max: 200 }),
  anchor: fc.constantFrom(null, 'keep' as const, 'reset' as const),
  ...plan,
});
const removed = fc.record({ key: fc.constantFrom('a0', 'a1', 'seats', 'usage'), ...money });
const added = fc.record({ addOn: fc.nat({ max: 1 }), quantity: fc.integer({ min: 1, max: 5 }), ...money });
const phases = fc.record({ phases: fc.array(phase, { minLength: 1, maxLength: 3 }) });
const longer = fc.record({ days: fc.integer({ min: 1, max: 60 }) });

export const rawAction = fc.oneof(
  { weight: 9, arbitrary: raw('use', use) },
  { weight: 6, arbitrary: raw('set_quantity', quantity) },
  { weight: 6, arbitrary: raw('change', change) },
  { weight: 2, arbitrary: raw('add', added) },
  { weight: 1, arbitrary: raw('remove', removed) },
  { weight: 3, arbitrary: raw('pause', pause) },
  { weight: 1, arbitrary: raw('resume', nothing) },
  { weight: 1, arbitrary: raw('cancel', cancel) },
  { weight: 1, arbitrary: raw('uncancel', nothing) },
  { weight: 1, arbitrary: raw('end_trial', nothing) },
  { weight: 1, arbitrary: raw('extend_trial', longer) },
  { weight: 1, arbitrary: raw('schedule', phases) },
  { weight: 1, arbitrary: raw('cancel_scheduled', nothing) },
  { weight: 1, arbitrary: raw('pay', nothing) },
);
export type RawAction = typeof rawAction extends fc.Arbitrary<infer T> ? T : never;

/** What is known of the life when its actions are put on dates. */
export type LifeAhead = {
  zone: string;
  calendar: boolean;
  second: boolean;
  asked: number;
  startsAt: number;
  until: number;
  trialDays: number;
  plans: PlanIn[];
  addOns: AddOnIn[];
  sends: boolean;
  /** Its anchor was given, so that nothing resets it. */
  fixed: boolean;
};

/** The actions in the order of time. Usage never falls on the instant of another action, where its order would matter. */
export function actionsOf(list: readonly RawAction[], life: LifeAhead): ActionIn[] {
  const dated = list.flatMap((action) => {
    const at = instantOf(action.moment, life);
    return written(action, at, life).map((one) => ({ at: Date.parse(one.at), one }));
  });
  return dated
    .filter(({ at }) => at > life.asked && at < life.until)
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

/** By the boundaries of the plan it starts with; the changes before may have moved them, which is just as well. */
function instantOf({ period, spot, part }: Moment, life: LifeAhead): number {
  const interval = (life.plans[0]?.prices[0]?.interval ?? { unit: 'month', count: 1 }) as Interval;
  const anchor = life.startsAt + life.trialDays * DAY;
  const grid: Grid = {
    zone: life.zone,
    basis: life.second ? 'second' : 'day',
    calendar: life.calendar,
    anchor,
  };
  let around = periodAround(grid, { unit: interval.unit, count: interval.count ?? 1 }, anchor);
  for (let n = 0; n < period && around.end < life.until; n += 1)
    around = periodAround(grid, { unit: interval.unit, count: interval.count ?? 1 }, around.end);
  const length = around.end - around.start;
  const within = {
    start: 0,
    just_after: 1,
    middle: length / 2,
    last: length - 1,
    anywhere: (length * part) / 1_000,
  };
  return around.start + Math.floor(within[spot]);
}

const iso = (t: number) => new Date(t).toISOString();

function written(action: RawAction, at: number, life: LifeAhead): ActionIn[] {
  const common = { at: iso(at), subscription: 'main' };
  switch (action.kind) {
    case 'use':
      return usesOf(action, at, life);
    case 'set_quantity':
      if (!life.plans.some(({ prices }) => prices.some(({ key }) => key === 'seats'))) return [];
      return [
        {
          ...common,
          action: 'set_quantity',
          key: 'seats',
          quantity: action.quantity,
          ...moneyOf(action, at, life),
        },
      ];
    case 'change':
      return [
        {
          ...common,
          action: 'change',
          ...planFields(action, life),
          ...moneyOf(action, at, life),
          ...(action.anchor && !life.calendar && !life.fixed ? { anchor: action.anchor } : {}),
          ...(action.billingAnchor && !life.calendar && !action.anchor
            ? { billing_anchor: iso(at + action.billingAnchor * DAY), effective: 'now' }
            : {}),
          ...(life.trialDays > 0 ? { trial: action.trial } : {}),
        },
      ];
    case 'add': {
      const addOn = life.addOns[action.addOn];
      if (!addOn) return [];
      const counts = addOn.prices[0]?.model === 'per_unit';
      const list = [{ add_on: addOn.id, quantity: counts ? action.quantity : 1 }];
      const once = addOn.prices[0]?.interval === null;
      return [
        {
          ...common,
          action: 'add',
          ...(once ? { once: list } : { add_ons: list }),
          ...moneyOf(action, at, life),
        },
      ];
    }
    case 'remove':
      return [{ ...common, action: 'remove', keys: [action.key], ...moneyOf(action, at, life) }];
    case 'pause':
      return [
        {
          ...common,
          action: 'pause',
          credit: action.credit,
          ...(action.end ? { effective: 'period_end' } : {}),
          ...(action.resumeAt && !action.end ? { resume_at: iso(at + (1 + action.days) * DAY) } : {}),
        },
        ...(action.resumeAt
          ? []
          : [{ ...common, at: iso(at + action.days * DAY), action: 'resume' as const }]),
      ];
    case 'resume':
      return [{ ...common, action: 'resume' }];
    case 'cancel':
      return [
        cancelOf(action, common, life),
        ...(action.undone && action.mode !== 'now'
          ? [{ ...common, at: iso(at + DAY), action: 'uncancel' as const }]
          : []),
      ];
    case 'uncancel':
    case 'cancel_scheduled':
      return [{ ...common, action: action.kind }];
    case 'end_trial':
    case 'extend_trial': {
      if (life.trialDays === 0) return [];
      const then = Math.floor(life.startsAt + (life.trialDays * DAY * action.moment.part) / 1_000);
      if (action.kind === 'end_trial') return [{ ...common, at: iso(then), action: 'end_trial' }];
      const days = life.trialDays + action.days;
      return [
        { ...common, at: iso(then), action: 'extend_trial', trial_end: iso(life.startsAt + days * DAY) },
      ];
    }
    case 'schedule':
      return [{ ...common, action: 'schedule', phases: phasesOf(action.phases, at, life) }];
    case 'pay':
      return life.sends ? [{ at: iso(at), action: 'pay' }] : [];
  }
}

const METERED = ['usage', 'events'] as const;

/** What was used, some days apart. */
function usesOf(
  { key, times, amount, scale, region }: Of<'use'>,
  at: number,
  { plans }: LifeAhead,
): ActionIn[] {
  const sold = (some: readonly PlanIn[]) =>
    METERED.filter((one) => some.some(({ prices }) => prices.some((price) => price.key === one)));
  const keys = [...sold(plans.slice(0, 1)), ...sold(plans.slice(0, 1)), ...sold(plans)];
  const chosen = keys[key % keys.length];
  if (!chosen) return [];
  return Array.from({ length: times }, (_, n) => ({
    at: iso(at + 61_007 + n * 11 * DAY),
    subscription: 'main',
    action: 'use' as const,
    key: chosen,
    quantity: (amount / 10 ** scale).toFixed(scale),
    properties: { region },
  }));
}

type Of<Kind extends RawAction['kind']> = Extract<RawAction, { kind: Kind }>;

function cancelOf(
  { mode, credit, ahead }: Of<'cancel'>,
  common: { at: string; subscription: string },
  life: LifeAhead,
): ActionIn {
  const then = instantOf(ahead, life);
  const given = credit ? 'prorate' : 'none';
  if (mode === 'at' && then > Date.parse(common.at))
    return { ...common, action: 'cancel', mode, cancel_at: iso(then), credit: given };
  if (mode === 'now') return { ...common, action: 'cancel', mode, credit: given };
  return { ...common, action: 'cancel', credit: given };
}

type Phase = Of<'schedule'>['phases'][number];

function phasesOf(phases: readonly Phase[], at: number, life: LifeAhead) {
  let start = at;
  return phases.map((phase) => {
    start += phase.days * DAY;
    const { proration } = moneyOf(phase, at, life);
    const anchor = life.calendar || life.fixed ? 'keep' : phase.anchor;
    return {
      start_at: iso(start),
      ...(anchor === null ? {} : { anchor }),
      ...planFields(phase, life),
      ...(proration ? { proration } : {}),
    };
  });
}

/** A plan with all of its prices, so that nothing is left to what a change of plan does by default. */
function planFields({ plan: index, quantity }: { plan: number; quantity: number }, { plans }: LifeAhead) {
  const chosen = plans[index % plans.length];
  const items = chosen?.prices.map(({ key }) => ({ key, quantity: key === 'seats' ? quantity : 1 }));
  return { plan: chosen?.id ?? 'p0', items };
}

type Money = {
  proration: 'invoice_now' | 'next_invoice' | 'none' | null;
  effective: string | null;
  ahead: Moment;
};

function moneyOf({ proration, effective: when, ahead }: Money, at: number, life: LifeAhead) {
  const then = instantOf(ahead, life);
  const chosen = when === 'ahead' ? (then > at ? iso(then) : 'period_end') : when;
  return {
    ...(proration === null ? {} : { proration }),
    ...(chosen === null ? {} : { effective: chosen }),
  };
}
