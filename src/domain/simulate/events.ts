import { DomainError } from '../errors.ts';
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
 * Takes, amends or deprecates an event of use as the API does. Answers the revisions that begin or cease to count. Throws
 * `usage_not_accepted` for one that no period counts any more or yet, `not_found` and `usage_event_closed` for what
 * cannot be corrected.
 */
export function takeEvent(
  world: World,
  deed: EventDeed,
  subscriptionId: string | null,
  now: Date,
): SimulatedEvent[] {
  const revisions = world.events.filter(({ key }) => key === deed.key);
  const counting = revisions.find(({ voided }) => voided === null);
  if (deed.deed === 'send') {
    const [known] = revisions;
    // What is too old is refused, also when it is said again: its key may be forgotten by then.
    assertInTime(world, deed.usedAt, now);
    if (known) assertSame(known, deed, subscriptionId);
    return known ? [] : [keep(world, eventOf(world, deed, subscriptionId, 0))];
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
    return counting ? [counting] : [];
  }
  if (counting && isSame(counting, deed, subscriptionId)) return [];
  assertInTime(world, deed.usedAt, now);
  const moment = world.nextMoment();
  if (counting) counting.voided = moment;
  const amended = keep(world, { ...eventOf(world, deed, subscriptionId, revisions.length), seen: moment });
  return counting ? [counting, amended] : [amended];
}

function keep({ events }: World, event: SimulatedEvent): SimulatedEvent {
  events.push(event);
  return event;
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
