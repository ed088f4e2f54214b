import type { Body } from './catalogues.ts';

/**
 * Bodies that are a little smaller than one that shows a difference, the boldest first. Some cannot be simulated at all;
 * whoever tries them leaves those out.
 */
export function smallerBodies(body: Body): Body[] {
  return [
    ...earlierEnds(body),
    ...withoutSome(body.timeline).map((timeline) => ({ ...body, timeline })),
    ...withoutSome(body.catalogue?.plans ?? []).map((plans) => withCatalogue(body, { plans })),
    ...withoutSome(body.catalogue?.add_ons ?? []).map((add_ons) => withCatalogue(body, { add_ons })),
    ...withoutPrices(body),
    ...withoutFields(body),
  ];
}

function withCatalogue(body: Body, changes: Partial<NonNullable<Body['catalogue']>>): Body {
  return { ...body, catalogue: { ...body.catalogue, ...changes } };
}

/** Halfway to the last action, and what comes after the end is left out. */
function earlierEnds(body: Body): Body[] {
  const first = Date.parse(body.timeline[0]?.at ?? body.until);
  const length = Date.parse(body.until) - first;
  return [0.25, 0.5, 0.75, 0.9].map((part) => {
    const until = new Date(first + Math.floor(length * part)).toISOString();
    const timeline = body.timeline.filter(({ at }) => Date.parse(at) <= Date.parse(until));
    return { ...body, timeline, until };
  });
}

/** Without each half, then without each single one. */
function withoutSome<T>(list: readonly T[]): T[][] {
  const middle = Math.ceil(list.length / 2);
  const halves = list.length > 2 ? [list.slice(0, middle), [...list.slice(0, 1), ...list.slice(middle)]] : [];
  return [...halves, ...list.map((_, n) => list.toSpliced(n, 1)).toReversed()];
}

/** Without one price of one plan; no action names its key any more. */
function withoutPrices(body: Body): Body[] {
  const plans = body.catalogue?.plans ?? [];
  return plans.flatMap((plan, n) =>
    plan.prices.length < 2
      ? []
      : plan.prices.map((_, place) => {
          const prices = plan.prices.toSpliced(place, 1);
          return withKnownItems(withCatalogue(body, { plans: plans.with(n, { ...plan, prices }) }));
        }),
  );
}

type Action = Body['timeline'][number];

function withKnownItems(body: Body): Body {
  const plans = body.catalogue?.plans ?? [];
  const timeline = body.timeline.map((action): Action => {
    if ((action.action !== 'subscribe' && action.action !== 'change') || !action.items) return action;
    const plan = plans.find(({ id }) => id === action.plan);
    if (!plan) return action;
    const items = action.items.filter(({ key }) => plan.prices.some((price) => price.key === key));
    return items.length > 0 ? { ...action, items } : action;
  });
  return { ...body, timeline };
}

/** What an action needs in any case. */
const NEEDED = new Set(['at', 'action', 'subscription', 'plan', 'key', 'quantity', 'keys', 'phases']);

/** Without one field of one action, or one setting. */
function withoutFields(body: Body): Body[] {
  const settings = (['tenant', 'customer'] as const).flatMap((part) =>
    Object.keys(body[part] ?? {}).map((name) => ({ ...body, [part]: without(body[part] ?? {}, name) })),
  );
  const actions = body.timeline.flatMap((action, n) =>
    Object.keys(action)
      .filter((name) => !NEEDED.has(name))
      .map((name) => ({ ...body, timeline: body.timeline.with(n, without(action, name)) })),
  );
  return [...settings, ...actions];
}

function without<T extends object>(fields: T, name: string): T {
  return Object.fromEntries(Object.entries(fields).filter(([other]) => other !== name)) as T;
}
