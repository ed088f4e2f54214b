import { assertUsageAccepted } from '../accept-usage.ts';
import type { Decimal } from '../money.ts';
import type { Lived } from './world.ts';

/** Notes what was used, unless the subscription takes no usage of that kind then. */
export function use(
  lived: Lived,
  used: { key: string; quantity: Decimal; properties: Readonly<Record<string, string>> },
  at: Date,
): void {
  assertUsageAccepted(lived.life, used.key, at);
  const { key, quantity, properties } = used;
  lived.used.push({ key, at, quantity, properties: { ...properties } });
}
