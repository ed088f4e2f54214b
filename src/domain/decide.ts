import { decideCancel, decideExpire } from './decide-end.ts';
import { decideApplyChange } from './decide-scheduled.ts';
import { decideActivate, decideClosePeriod, decideEndTrial, decideRemindTrial } from './decide-step.ts';
import { decideBillThreshold } from './decide-threshold.ts';
import type { Decision } from './decision.ts';
import type { Life } from './life.ts';
import type { NextStep } from './next-step.ts';

/**
 * What a due step does. `hasPaymentMethod`: whether the customer has a method that charges could go to; only the end
 * of a trial asks (billing rule 10).
 */
export function decideStep(life: Life, { step, at }: NextStep, hasPaymentMethod: boolean): Decision {
  switch (step) {
    case 'activate':
      return decideActivate(life, at);
    case 'bill_threshold':
      return decideBillThreshold(life, at);
    case 'remind_trial':
      return decideRemindTrial(life, at);
    case 'apply_change':
      return decideApplyChange(life, at, hasPaymentMethod);
    case 'end_trial':
      return decideEndTrial(life, at, hasPaymentMethod);
    case 'close_period':
      return decideClosePeriod(life, at);
    case 'cancel':
      return decideCancel(life, at, life.subscription.cancelCredit);
    case 'expire':
      return decideExpire(life, at);
  }
}
