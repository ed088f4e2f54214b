import { DomainError } from './errors.ts';
import type { Life } from './life.ts';
import { isEnded } from './subscription.ts';

/**
 * Throws unless what was used at `at` of the item `key` can still be billed: `item_unknown` for an item that is not
 * there, `usage_not_accepted` for one that is not billed by usage, for a subscription that has not begun, is paused or
 * has ended, and for an instant whose period is closed.
 */
export function assertUsageAccepted(
  { subscription, priced }: Pick<Life, 'subscription' | 'priced'>,
  key: string,
  at: Date,
): void {
  const refuse = (reason: string, message: string, path?: 'key' | 'timestamp') =>
    new DomainError('usage_not_accepted', message, {
      reason,
      ...(path ? { errors: [{ path, code: reason, message }] } : {}),
    });
  const { status, endedAt, startedAt, startsAt } = subscription;
  if (isEnded(status))
    throw refuse(
      'ended',
      `The subscription is ${status} since ${endedAt?.toISOString()}; nothing is billed any more.`,
    );
  if (!startedAt)
    throw refuse(
      'not_started',
      `The subscription begins at ${startsAt.toISOString()}; report what is used from then on.`,
      'timestamp',
    );
  if (status === 'paused')
    throw refuse('paused', 'The subscription is paused and nothing is billed meanwhile; resume it first.');
  const entry = priced.find(({ item }) => item.key === key);
  if (!entry) {
    const keys = priced.map(({ item }) => `"${item.key}"`).join(', ');
    const message = `The subscription has no item "${key}"; it has ${keys}.`;
    throw new DomainError('item_unknown', message, {
      key,
      errors: [{ path: 'key', code: 'item_unknown', message }],
    });
  }
  if (entry.price.billing !== 'usage')
    throw refuse(
      'not_metered',
      `"${key}" is billed by its quantity, not by usage; change its quantity instead.`,
      'key',
    );
  if (entry.price.meterId !== null)
    throw refuse(
      'counted_by_meter',
      `"${key}" is counted by a meter; send what was used as events, which the meter counts.`,
      'key',
    );
  const { currentPeriodStart: start } = entry.item;
  if (start && at < start)
    throw refuse(
      'period_closed',
      `What was used before ${start.toISOString()} has been billed; use an instant from then on.`,
      'timestamp',
    );
}
