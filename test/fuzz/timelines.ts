import fc from 'fast-check';
import {
  addOnOf,
  type Body,
  type Currency,
  DIGITS,
  planOf,
  rarely,
  rawAddOn,
  rawPlan,
  type Setting,
} from './catalogues.ts';
import { actionsOf, rawAction, seats } from './deeds.ts';
import { atWallTime, DAY, dayAfter } from './naive-calendar.ts';

/** Random bodies of `POST /v1/simulations`: each is a life of up to three years that the API would accept. */

/** Zones with and without daylight saving on both sides of the equator, with odd offsets and midnights that are skipped. */
export const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Los_Angeles',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Sydney',
  'Australia/Lord_Howe',
  'Australia/Adelaide',
  'America/St_Johns',
  'Pacific/Chatham',
  'Pacific/Auckland',
  'America/Santiago',
  'America/Havana',
  'Africa/Cairo',
  'Asia/Beirut',
  'Atlantic/Azores',
  'Europe/London',
  'America/Sao_Paulo',
  'Asia/Tokyo',
] as const;

const DATES = (
  '2027-01-01 2027-01-31 2027-01-30 2027-01-29 2027-01-28 2028-02-29 2027-08-31 ' +
  '2027-03-14 2027-03-28 2027-10-31 2027-11-07 2027-02-28 2026-12-31 2027-05-17'
).split(' ');
const TIMES = [
  '00:00:00.000',
  '12:12:12.345',
  '23:59:59.999',
  '23:30:00.000',
  '02:30:00.000',
  '00:00:00.001',
];

const rawTimeline = fc.record({
  zone: fc.constantFrom(...ZONES),
  currency: fc.constantFrom(...(Object.keys(DIGITS) as Currency[])),
  date: fc.constantFrom(...DATES),
  time: fc.constantFrom(...TIMES),
  second: fc.boolean(),
  calendar: rarely(fc.constant(true), 4),
  anchorDays: rarely(fc.integer({ min: -40, max: 6 }), 8),
  trialDays: rarely(fc.integer({ min: 1, max: 45 }), 5),
  trialUsage: rarely(fc.constant('billed' as const), 4),
  netDays: rarely(fc.integer({ min: 5, max: 90 }), 6),
  cycles: rarely(fc.integer({ min: 1, max: 12 }), 10),
  backDays: rarely(fc.integer({ min: 1, max: 80 }), 10),
  leadDays: rarely(fc.integer({ min: 1, max: 40 }), 12),
  once: rarely(fc.constant(true), 3),
  balance: rarely(fc.integer({ min: 1, max: 50_000 }), 8),
  quantity: seats,
  plans: fc.array(rawPlan, { minLength: 1, maxLength: 4 }),
  addOns: fc.array(rawAddOn, { maxLength: 2 }),
  actions: fc.array(rawAction, { maxLength: 10 }),
  months: fc.oneof(
    { withCrossShrink: true },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 36 }) },
    { weight: 5, arbitrary: fc.constant(36) },
  ),
});
export type RawTimeline = typeof rawTimeline extends fc.Arbitrary<infer T> ? T : never;

/** Bodies that differ in everything a simulation can be told of a life whose charges succeed. */
export const timeline: fc.Arbitrary<Body> = rawTimeline.map(bodyOf);

export const iso = (t: number) => new Date(t).toISOString();

function bodyOf(raw: RawTimeline): Body {
  const setting: Setting = { currency: raw.currency, calendar: raw.calendar === true };
  const plans = raw.plans.map((plan, n) => planOf(plan, `p${n}`, setting));
  const addOns = raw.addOns.map((addOn, n) => addOnOf(addOn, `a${n}`, setting));
  const wall = Date.parse(`${raw.date}T${raw.time}Z`);
  const at = atWallTime(wall, raw.zone);
  const shifted = (days: number) => atWallTime(wall + days * DAY, raw.zone);
  const startsAt = shifted(raw.leadDays ?? -(raw.backDays ?? 0));
  const until = dayAfter(Math.floor(wall / DAY), { unit: 'month', count: 1 }, raw.months) * DAY;
  const setUp = addOns.find(({ prices }) => prices[0]?.interval === null);
  const anchored = raw.anchorDays !== null && !setting.calendar;
  const trialDays = raw.backDays === null ? (raw.trialDays ?? 0) : 0;
  const life = { ...setting, zone: raw.zone, startsAt, asked: at, until, trialDays, second: raw.second };
  return {
    catalogue: { plans, add_ons: addOns },
    customer: {
      time_zone: raw.zone,
      currency: raw.currency,
      ...(raw.balance === null ? {} : { balance: printed(raw.balance, DIGITS[raw.currency]) }),
    },
    tenant: { backdate_days_max: 90 },
    timeline: [
      {
        at: iso(at),
        action: 'subscribe',
        subscription: 'main',
        plan: 'p0',
        items: plans[0]?.prices.map(({ key }) => ({ key, quantity: key === 'seats' ? raw.quantity : 1 })),
        ...(startsAt === at ? {} : { start_at: iso(startsAt) }),
        ...(trialDays > 0 ? { trial_days: trialDays } : {}),
        ...(trialDays > 0 && raw.trialUsage ? { trial_usage: raw.trialUsage } : {}),
        ...(setting.calendar ? { billing_cycle: 'calendar' } : {}),
        ...(anchored ? { billing_anchor: iso(startsAt + (raw.anchorDays ?? 0) * DAY) } : {}),
        ...(raw.second ? { proration_basis: 'second' } : {}),
        ...(raw.netDays === null ? {} : { collection_method: 'send_invoice', net_days: raw.netDays }),
        ...(raw.cycles === null ? {} : { cycles: raw.cycles }),
        ...(raw.once && setUp ? { once: [{ add_on: setUp.id }] } : {}),
      },
      ...actionsOf(raw.actions, { ...life, plans, addOns, sends: raw.netDays !== null, fixed: anchored }),
    ],
    until: iso(until),
  };
}

const printed = (amount: number, digits: number) => (amount / 10 ** digits).toFixed(digits);
