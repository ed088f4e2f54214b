import {
  type Decision,
  decideActivate,
  decideCancel,
  decideClosePeriod,
  decideEndTrial,
  decideExpire,
  decideRemindTrial,
} from './decide-step.ts';
import type { NextStep } from './next-step.ts';
import type { PricedItem, Subscription } from './subscription.ts';

/**
 * What a due step does. `hasPaymentMethod`: whether the customer has a method that charges could go to; only the end
 * of a trial asks (billing rule 10).
 */
export function decideStep(
  subscription: Subscription,
  priced: readonly PricedItem[],
  { step, at }: NextStep,
  hasPaymentMethod: boolean,
): Decision {
  switch (step) {
    case 'activate':
      return decideActivate(subscription, priced, at);
    case 'remind_trial':
      return decideRemindTrial(subscription, priced);
    case 'end_trial':
      return decideEndTrial(subscription, priced, at, hasPaymentMethod);
    case 'close_period':
      return decideClosePeriod(subscription, priced, at);
    case 'cancel':
      return decideCancel(subscription, priced, at);
    case 'expire':
      return decideExpire(subscription, priced, at);
  }
}
