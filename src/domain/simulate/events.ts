import { countEvents } from '../count-events.ts';
import { DomainError } from '../errors.ts';
import { type CountingRule, usageOfCount, versionAt } from '../meter.ts';
import type { Price } from '../plan.ts';
import type { Usage } from '../price-terms.ts';
import type { PricedItem, Subscription } from '../subscription.ts';
import { USAGE_AHEAD_MINUTES, USAGE_REFUSALS, type UsageProperties } from '../usage-event.ts';
import type { EventDeed } from './script.ts';
import type { World } from './world.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** One revision of an event. `seen` and `voided` say in which order things became known; it counts until it is voided. */
export type SimulatedEvent = {
  key: string;
  revision: number;
  eventName: string;
  /** The subscription it names; null: it is everybody's who does not ask for that. */
  subscriptionId: string | null;
  at: Date;
  properties: UsageProperties;
  seen: number;
  voided: number | null;
};

/**
 * Takes, amends or deprecates an event of use as the API does. Throws `usage_not_accepted` for one that no period counts
 * any more or yet, `not_found` and `usage_event_closed` for what cannot be corrected.
 */
export function takeEvent(world: World, deed: EventDeed, subscriptionId: string | null, now: Date): void {
  const revisions = world.events.filter(({ key }) => key === deed.key);
  const counting = revisions.find(({ voided }) => voided === null);
  if (deed.deed === 'send') {
    const [known] = revisions;
    // What is too old is refused, also when it is said again: its key may be forgotten by then.
    assertInTime(world, deed.usedAt, now);
    if (known) assertSame(known, deed, subscriptionId);
    else world.events.push(eventOf(world, deed, subscriptionId, 0));
    return;
  }
  const last = counting ?? revisions.at(-1);
  if (!last)
    throw new DomainError('not_found', `There is no event "${deed.key}" by then; let it be sent before.`);
  if (last.at < earliestOf(world, now))
    throw new DomainError(
      'usage_event_closed',
      "The event is longer ago than the tenant's late_window_days; what was billed of that time stays.",
      { timestamp: last.at.toISOString() },
    );
  if (deed.deed === 'deprecate') {
    if (counting) counting.voided = world.nextMoment();
    return;
  }
  if (counting && isSame(counting, deed, subscriptionId)) return;
  assertInTime(world, deed.usedAt, now);
  const moment = world.nextMoment();
  if (counting) counting.voided = moment;
  world.events.push({ ...eventOf(world, deed, subscriptionId, revisions.length), seen: moment });
}

type Told = Extract<EventDeed, { usedAt: Date }>;

function eventOf(
  world: World,
  { key, eventName, usedAt, properties }: Told,
  subscriptionId: string | null,
  revision: number,
): SimulatedEvent {
  const seen = world.nextMoment();
  return { key, revision, eventName, subscriptionId, at: usedAt, properties, seen, voided: null };
}

function isSame(known: SimulatedEvent, { eventName, usedAt, properties }: Told, id: string | null): boolean {
  const names = new Set([...Object.keys(known.properties), ...Object.keys(properties)]);
  return (
    known.eventName === eventName &&
    known.at.getTime() === usedAt.getTime() &&
    known.subscriptionId === id &&
    [...names].every((name) => known.properties[name] === properties[name])
  );
}

function assertSame(known: SimulatedEvent, deed: Told, subscriptionId: string | null): void {
  if (!isSame(known, deed, subscriptionId)) throw refused('idempotency_key_reused');
}

function assertInTime(world: World, at: Date, now: Date): void {
  if (at < earliestOf(world, now)) throw refused('too_old');
  if (at.getTime() > now.getTime() + USAGE_AHEAD_MINUTES * MINUTE_MS) throw refused('in_future');
}

function earliestOf({ settings }: World, now: Date): Date {
  return new Date(now.getTime() - settings.lateWindowDays * DAY_MS);
}

function refused(reason: keyof typeof USAGE_REFUSALS): DomainError {
  return new DomainError('usage_not_accepted', USAGE_REFUSALS[reason].message, { reason });
}

type Owner = Pick<Subscription, 'id' | 'usageScope' | 'timeZone'>;

/**
 * What the meter of an item counted from the start of its running period until `at`, as the events are known now;
 * undefined for an item without a running period.
 */
export function countedOf(
  world: World,
  owner: Owner,
  { item, price }: PricedItem,
  at: Date,
): Usage | undefined {
  const { currentPeriodStart: start, currentPeriodEnd: periodEnd } = item;
  const end = periodEnd && periodEnd < at ? periodEnd : at;
  if (!start || start >= end || price.meterId === null) return undefined;
  const rule = versionAt(world.settings.meters.get(price.meterId) ?? [], start);
  if (!rule) throw new RangeError(`meter ${price.meterId} has no version`);
  return countFor(world, owner, price, rule, { start, end });
}

/** What a meter counts of a stretch by what is known now, as a price looks at it. */
export function countFor(
  world: World,
  owner: Owner,
  { terms }: Pick<Price, 'terms'>,
  rule: CountingRule,
  { start, end }: { start: Date; end: Date },
): Usage {
  const by = terms.model === 'matrix' ? terms.dimensions : [];
  const perEvent = terms.model === 'percentage';
  const own = world.events.filter(
    ({ eventName, voided, subscriptionId: id }) =>
      eventName === rule.eventName &&
      voided === null &&
      (id === owner.id || (id === null && owner.usageScope === 'customer')),
  );
  const snapshot = String(world.moments);
  const count = {
    ...countEvents(rule, own, { start, end, timeZone: owner.timeZone, by, perEvent }),
    snapshot,
  };
  const { meterId, version: meterVersion } = rule;
  const counted = { meterId, meterVersion, eventCount: count.eventCount, snapshot };
  return { ...usageOfCount(count, rule, by), counted };
}

/** Whether anything about the meter's events of a stretch became known after a moment. */
export function hasUnseen(
  { events }: World,
  { eventName }: Pick<CountingRule, 'eventName'>,
  { start, end }: { start: Date; end: Date },
  since: number,
): boolean {
  return events.some(
    (event) =>
      event.eventName === eventName &&
      event.at >= start &&
      event.at < end &&
      (event.seen > since || (event.voided ?? 0) > since),
  );
}

type Claim = { item: { id: string }; price: Pick<Price, 'meterId'> };

/**
 * Throws `meter_claimed` where another live subscription bills what one of these meters counts for the customer (billing
 * rule 29b).
 */
export function assertMetersFree(
  world: World,
  { id, usageScope }: Pick<Subscription, 'id' | 'usageScope'>,
  items: readonly Claim[],
): void {
  if (usageScope === 'subscription') return;
  for (const { name, life } of world.lives.values()) {
    const { subscription, priced } = life;
    if (subscription.id === id || subscription.endedAt || subscription.usageScope === 'subscription')
      continue;
    const taken = priced.find(
      ({ item, price }) =>
        price.meterId !== null &&
        !item.endedAt &&
        items.some((claim) => claim.price.meterId === price.meterId),
    );
    if (!taken) continue;
    throw new DomainError(
      'meter_claimed',
      `The item "${taken.item.key}" of "${name}" bills what this meter counts. Subscribe with usage_scope "subscription" and name the subscription in its events, or end the other one first.`,
      { subscription: name, item: taken.item.key },
    );
  }
}
