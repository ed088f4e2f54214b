import type { z } from 'zod';
import type { PricedItem, Subscription } from '../domain/subscription.ts';
import { presentInstant, presentOptionalInstant } from './common.ts';
import { presentPrice } from './prices.ts';
import type { subscriptionItemOut, subscriptionOut } from './subscriptions.ts';

/** A subscription with its items as the world sees it; `items` are those in force, in the order of their keys. */
export function presentSubscription(
  subscription: Subscription,
  items: readonly PricedItem[],
): z.infer<typeof subscriptionOut> {
  return {
    object: 'subscription',
    id: subscription.id,
    external_id: subscription.externalId,
    customer: subscription.customerId,
    plan: subscription.planId,
    plan_version: subscription.planVersion,
    status: subscription.status,
    currency: subscription.currency,
    items: items.map(presentItem),
    current_period: presentPeriod(subscription.currentPeriodStart, subscription.currentPeriodEnd),
    next_step:
      subscription.nextStep && subscription.nextStepAt
        ? { step: subscription.nextStep, at: presentInstant(subscription.nextStepAt) }
        : null,
    time_zone: subscription.timeZone,
    billing_cycle: subscription.billingCycle,
    billing_anchor: presentInstant(subscription.anchorAt),
    proration_basis: subscription.prorationBasis,
    collection_method: subscription.collectionMethod,
    net_days: subscription.netDays,
    payment_behavior: subscription.paymentBehavior,
    trial_end_behavior: subscription.trialEndBehavior,
    start_at: presentInstant(subscription.startsAt),
    started_at: presentOptionalInstant(subscription.startedAt),
    trial_end: presentOptionalInstant(subscription.trialEndsAt),
    trial_ended_at: presentOptionalInstant(subscription.trialEndedAt),
    trial_usage: subscription.trialUsage,
    usage_scope: subscription.usageScope,
    cycles: subscription.cycles,
    ends_at: presentOptionalInstant(subscription.endsAt),
    change_at: presentOptionalInstant(subscription.changeAt),
    expires_at: presentOptionalInstant(subscription.expiresAt),
    paused_at: presentOptionalInstant(subscription.pausedAt),
    past_due_since: presentOptionalInstant(subscription.pastDueSince),
    cancel_at: presentOptionalInstant(subscription.cancelAt),
    cancel_mode: subscription.cancelMode,
    cancel_credit: subscription.cancelCredit,
    canceled_at: presentOptionalInstant(subscription.canceledAt),
    cancellation_reason: subscription.cancellationReason,
    ended_at: presentOptionalInstant(subscription.endedAt),
    latest_invoice: subscription.latestInvoiceId,
    test_clock: subscription.testClockId,
    blocked_reason: subscription.blockedReason,
    revision: subscription.revision,
    metadata: subscription.metadata,
    created_at: presentInstant(subscription.createdAt),
    updated_at: presentInstant(subscription.updatedAt),
  };
}

function presentItem({ item, price, quantity }: PricedItem): z.infer<typeof subscriptionItemOut> {
  return {
    object: 'subscription_item',
    id: item.id,
    key: item.key,
    price: presentPrice(price),
    quantity: quantity.toFixed(),
    current_period: presentPeriod(item.currentPeriodStart, item.currentPeriodEnd),
  };
}

function presentPeriod(start: Date | null, end: Date | null): { start: string; end: string } | null {
  return start && end ? { start: presentInstant(start), end: presentInstant(end) } : null;
}
