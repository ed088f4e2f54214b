import fc from 'fast-check';
import type { Body, PlanIn } from './catalogues.ts';
import { rarely } from './catalogues.ts';
import { rawMetering, withMeters } from './metered-timelines.ts';
import { timeline } from './timelines.ts';

/**
 * Random lives that can be played on the real stack as well as simulated. To the changes of `timelines.ts` come the
 * troubles that only a gateway and a due date make: charges that fail, money from outside, drafts that wait, a second
 * subscription of the same customer.
 */

const DAY_MS = 86_400_000;
/** Every renewal costs the real stack some 50 ms, so its lives are shorter than those that are only calculated. */
const DAYS_MAX = 900;
/** What is used is used in the first five months, and whoever looks at thresholds takes a second for each event. */
const METERED_DAYS_MAX = 300;

const trouble = fc.record({
  part: fc.integer({ min: 1, max: 999 }),
  kind: fc.constantFrom('soft', 'soft', 'hard', 'mended', 'mended', 'pay', 'charge', 'void', 'give_up'),
});
type Trouble = typeof trouble extends fc.Arbitrary<infer T> ? T : never;

const troubles = fc.record({
  events: fc.oneof(
    { weight: 3, arbitrary: fc.constant([] as Trouble[]) },
    { weight: 2, arbitrary: fc.array(trouble, { minLength: 1, maxLength: 5 }) },
  ),
  days: fc.integer({ min: 200, max: DAYS_MAX }),
  graceHours: rarely(fc.integer({ min: 1, max: 100 }), 6),
  method: rarely(fc.constantFrom('declines', 'none'), 12),
  endAction: rarely(fc.constantFrom('cancel', 'unpaid', 'pause', 'leave_past_due'), 3),
  behavior: rarely(fc.constantFrom('default_active', 'error_if_incomplete', 'default_incomplete'), 6),
  atTrialEnd: rarely(fc.constantFrom('pause', 'cancel'), 4),
  /** Of each plan that says it for itself. */
  planGraceHours: rarely(
    fc.array(rarely(fc.integer({ min: 0, max: 60 }), 2), { minLength: 4, maxLength: 4 }),
    5,
  ),
  second: rarely(fc.integer({ min: 1, max: 900 }), 5),
});
type Troubles = typeof troubles extends fc.Arbitrary<infer T> ? T : never;

export const liveTimeline: fc.Arbitrary<Body> = fc
  .tuple(timeline, troubles, rarely(rawMetering, 3))
  .map(([body, more, metering]) => withTroubles(metering ? withMeters(body, metering) : body, more));

type Action = Body['timeline'][number];

function withTroubles(body: Body, more: Troubles): Body {
  const first = body.timeline.find(({ action }) => action === 'subscribe');
  const isMetered = (body.catalogue?.meters ?? []).length > 0;
  const startsAt = Date.parse(first?.at ?? body.until);
  const days = isMetered ? Math.min(more.days, METERED_DAYS_MAX) : more.days;
  const until = Math.min(Date.parse(body.until), startsAt + days * DAY_MS);
  const at = (part: number) => startsAt + Math.floor(((until - startsAt) * part) / 1_000);
  const added = [
    ...more.events.map((event) => happening(event, at(event.part))),
    ...secondSubscription(first, more.second === null ? null : at(more.second), isMetered),
  ];
  const timeline = [...body.timeline.map((action) => subscribing(action, more)), ...added]
    .filter((action) => Date.parse(action.at) <= until)
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const { balance: _, ...customer } = body.customer ?? {};
  const { plans = [], ...catalogue } = body.catalogue ?? {};
  return {
    ...body,
    catalogue: { ...catalogue, plans: plans.map((plan, n) => withGrace(plan, more.planGraceHours?.[n])) },
    customer: { ...customer, payment_method: more.method ?? 'succeeds' },
    tenant: { ...body.tenant, ...settings(more) },
    timeline,
    until: iso(until),
  };
}

function withGrace(plan: PlanIn, hours: number | null | undefined): PlanIn {
  return hours === null || hours === undefined ? plan : { ...plan, invoice_grace_hours: hours };
}

function settings({ graceHours, endAction }: Troubles): NonNullable<Body['tenant']> {
  return {
    ...(graceHours === null ? {} : { invoice_grace_hours: graceHours }),
    ...(endAction === null ? {} : { dunning_policy: { retry_days: [1, 3, 5, 7], end_action: endAction } }),
  };
}

function subscribing(action: Action, { behavior, atTrialEnd }: Troubles): Action {
  if (action.action !== 'subscribe') return action;
  return {
    ...action,
    ...(behavior === null ? {} : { payment_behavior: behavior }),
    ...(atTrialEnd === null ? {} : { trial_end_behavior: atTrialEnd }),
  };
}

function happening({ kind }: Trouble, at: number): Action {
  switch (kind) {
    case 'soft':
      return { at: iso(at), action: 'decline' };
    case 'hard':
      return { at: iso(at), action: 'decline', hard: true };
    case 'mended':
      return { at: iso(at), action: 'payment_method' };
    case 'pay':
      return { at: iso(at), action: 'pay' };
    case 'charge':
      return { at: iso(at), action: 'pay', charge: true };
    case 'void':
      return { at: iso(at), action: 'void' };
    case 'give_up':
      return { at: iso(at), action: 'mark_uncollectible' };
  }
}

/** The same plan once more, as it is: two subscriptions share a customer's balance and the line of his unpaid invoices. */
function secondSubscription(first: Action | undefined, at: number | null, isMetered: boolean): Action[] {
  if (at === null || first?.action !== 'subscribe') return [];
  const { plan, items } = first;
  const common = { at: iso(at), action: 'subscribe', subscription: 'second', plan } as const;
  // What a meter counts for the first is its own, unless the second counts only what names it.
  const scope = isMetered ? { usage_scope: 'subscription' as const } : {};
  return [{ ...common, ...(items ? { items } : {}), ...scope }];
}

const iso = (t: number) => new Date(t).toISOString();
