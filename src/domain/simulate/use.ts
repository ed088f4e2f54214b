import { assertUsageAccepted } from '../accept-usage.ts';
import type { Decimal } from '../money.ts';
import type { Lived } from './world.ts';

/** Notes what was used, in the order of time, unless the subscription takes no usage of that kind and instant any more. */
export function use(
  lived: Lived,
  used: { key: string; quantity: Decimal; properties: Readonly<Record<string, string>>; usedAt: Date },
): void {
  const { key, quantity, properties, usedAt: at } = used;
  assertUsageAccepted(lived.life, key, at);
  const later = lived.used.findIndex((other) => other.at > at);
  lived.used.splice(later < 0 ? lived.used.length : later, 0, {
    key,
    at,
    quantity,
    properties: { ...properties },
  });
}
