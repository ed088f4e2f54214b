import { countEvents } from '../count-events.ts';
import type { Decision } from '../decision.ts';
import { stretchKey } from '../life.ts';
import { type CountingRule, usageOfCount, versionAt } from '../meter.ts';
import type { Price } from '../plan.ts';
import type { Usage } from '../price-terms.ts';
import type { PricedItem, Subscription } from '../subscription.ts';
import type { SimulatedEvent } from './events.ts';
import type { World } from './world.ts';

/** What meters make of the events of a simulation. */

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
  return countFor(world, owner, price, ruleAt(world, price.meterId, start), { start, end });
}

/**
 * What was used in the periods that a decision about a start in the past bills, by their `stretchKey`. The events may have
 * come before the subscription.
 */
export function countedIn(
  world: World,
  owner: Owner,
  priced: readonly PricedItem[],
  coverage: Decision['coverage'],
): ReadonlyMap<string, Usage> {
  const counted = new Map<string, Usage>();
  for (const { itemId, side, reason, period } of coverage) {
    const price = priced.find(({ item }) => item.id === itemId)?.price;
    if (side !== 'usage' || reason !== 'billed' || !price?.meterId) continue;
    const rule = ruleAt(world, price.meterId, period.start);
    counted.set(stretchKey(itemId, period.start), countFor(world, owner, price, rule, period));
  }
  return counted;
}

/** The version of a meter that counts a period which begins at `start`. */
function ruleAt({ settings }: World, meterId: string, start: Date): CountingRule {
  const rule = versionAt(settings.meters.get(meterId) ?? [], start);
  if (!rule) throw new RangeError(`meter ${meterId} has no version`);
  return rule;
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

/**
 * Whether what a meter counts may be different since an event came or was voided: what is no number to any of its versions
 * changes nothing by coming.
 */
export function touches({ settings }: World, event: SimulatedEvent, meterId: string): boolean {
  const stretch = { start: event.at, end: new Date(event.at.getTime() + 1) };
  return (settings.meters.get(meterId) ?? []).some(
    (rule) =>
      rule.eventName === event.eventName &&
      (event.voided !== null ||
        rule.aggregation === 'unique_count' ||
        countEvents(rule, [event], { ...stretch, timeZone: 'UTC', by: [], perEvent: false }).eventCount > 0),
  );
}
