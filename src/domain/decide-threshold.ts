import { Bill } from './bill.ts';
import { conclude } from './conclude.ts';
import type { Decision } from './decision.ts';
import type { Life } from './life.ts';
import { crossedThreshold } from './threshold.ts';

/**
 * The running period has come to a threshold: what was used so far and is not billed yet goes on an invoice (billing rule
 * 29c). The periods run on, and what closes them bills the rest. Where nothing is crossed any more, because a period ended
 * meanwhile, nothing is billed.
 */
export function decideBillThreshold(life: Life, at: Date): Decision {
  const subscription = { ...life.subscription, thresholdAt: null };
  const crossed = crossedThreshold(life, at);
  if (!crossed) return conclude(life, { subscription, at });
  const bill = new Bill();
  for (const line of crossed.lines) bill.chargeInstalment(line);
  return conclude(life, {
    subscription: { ...subscription, thresholdBilledAt: at, thresholdPassed: crossed.passed },
    at,
    bill,
    reason: 'threshold',
    collect: subscription.collectionMethod === 'charge_automatically',
  });
}
