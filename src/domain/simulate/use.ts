import { assertUsageAccepted } from '../accept-usage.ts';
import type { Decimal } from '../money.ts';
import { noteCrossing } from '../threshold.ts';
import { change } from './apply.ts';
import { touches } from './counts.ts';
import type { SimulatedEvent } from './events.ts';
import { lifeAt } from './facts.ts';
import type { Lived, World } from './world.ts';

/**
 * Notes what was used, in the order of time, unless the subscription takes no usage of that kind and instant any more,
 * and the threshold that it reaches.
 */
export function use(
  world: World,
  lived: Lived,
  used: { key: string; quantity: Decimal; properties: Readonly<Record<string, string>>; usedAt: Date },
  at: Date,
): void {
  const { key, quantity, properties, usedAt } = used;
  assertUsageAccepted(lived.life, key, usedAt);
  const next = lived.used.findIndex((other) => other.at > usedAt);
  lived.used.splice(next < 0 ? lived.used.length : next, 0, {
    key,
    at: usedAt,
    quantity,
    properties: { ...properties },
  });
  noteThreshold(world, lived, at);
}

/** Notes the thresholds of whoever bills what changed when these events came or were voided, as the worker does. */
export function noteThresholds(world: World, changed: readonly SimulatedEvent[], at: Date): void {
  if (changed.length === 0) return;
  for (const lived of world.lives.values()) {
    const { subscription, priced } = lived.life;
    const meters = priced.flatMap(({ item, price }) => (item.endedAt ? [] : (price.meterId ?? [])));
    const isTouched = changed.some((event) => meters.some((meterId) => touches(world, event, meterId)));
    if (isTouched && !subscription.endedAt) noteThreshold(world, lived, at);
  }
}

function noteThreshold(world: World, lived: Lived, at: Date): void {
  if (world.settings.thresholdsOf(lived.life.subscription).length === 0) return;
  const noted = noteCrossing(lifeAt(world, lived, new Date(at.getTime() + 1)), at);
  if (noted) change(lived, noted, at);
}
