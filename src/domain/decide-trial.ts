import { conclude, periodOf } from './conclude.ts';
import { assertTrialLength, trialReminder } from './decide-create.ts';
import type { Decision } from './decision.ts';
import { DomainError } from './errors.ts';
import type { Life } from './life.ts';
import type { Subscription } from './subscription.ts';
import { isBilledInTrial, trialItem } from './trial-periods.ts';

/** The trial gets another end, and with it whatever waits for that end. Throws `trial_too_long`. */
export function extendTrial(life: Life, trialEnd: Date, at: Date, reminderDays: number | null): Decision {
  const { subscription, priced } = life;
  if (trialEnd <= at) {
    throw new DomainError('trial_too_long', 'The new end of the trial has passed.', {
      errors: [
        {
          path: 'trial_end',
          code: 'in_past',
          message: `Use an instant after ${at.toISOString()}, or end the trial now.`,
        },
      ],
    });
  }
  assertTrialLength(subscription.startedAt ?? at, trialEnd, subscription.timeZone, 'trial_end');
  const extended = { ...subscription, trialEndsAt: trialEnd };
  const items = priced.map((entry) => {
    const { item } = entry;
    const start = item.currentPeriodStart;
    if (isBilledInTrial(subscription, entry) && start) return trialItem(extended, entry, start);
    return { ...item, currentPeriodEnd: trialEnd };
  });
  return conclude(life, {
    subscription: {
      ...extended,
      ...periodOf(items),
      trialReminderAt: reminderOf(subscription, trialEnd, at, reminderDays),
      ...(subscription.cancelMode === 'period_end' ? { cancelAt: trialEnd } : {}),
    },
    items,
    at,
    events: ['subscription.trial_extended'],
  });
}

/** Planned anew for the new end. Whoever has been told already is told again only when there is time for it. */
function reminderOf(subscription: Subscription, trialEnd: Date, at: Date, days: number | null): Date | null {
  const planned = trialReminder(trialEnd, days, subscription.timeZone, at);
  const isTold = subscription.trialReminderAt === null;
  return isTold && planned?.getTime() === at.getTime() ? null : planned;
}
