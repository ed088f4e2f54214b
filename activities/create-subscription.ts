import type { StoredCreateCommand } from '../src/contract/commands.ts';
import { readPrivatePrice } from '../src/contract/read-command.ts';
import { createSubscription, type NewSubscription } from '../src/domain/decide-create.ts';
import { DomainError } from '../src/domain/errors.ts';
import { Decimal } from '../src/domain/money.ts';
import type { Price } from '../src/domain/plan.ts';
import type { Tenant } from '../src/domain/tenant.ts';
import { CustomerSchema } from '../src/persistence/customers.ts';
import { pricesOf } from '../src/persistence/prices.ts';
import { findRow } from '../src/persistence/rows.ts';
import { SubscriptionSchema } from '../src/persistence/subscriptions.ts';
import type { Write } from '../src/persistence/write.ts';
import { newId } from '../src/platform/ids.ts';

/** The terms of a creation, with the rows they refer to, as a subscription that has not begun, and the prices agreed with it alone. */
export async function newSubscription(
  write: Write,
  subscriptionId: string,
  body: StoredCreateCommand,
  tenant: Tenant,
): Promise<NewSubscription & { own: readonly Price[] }> {
  const { tx } = write;
  const { tenantId, at } = write;
  const own = body.prices.map((price) => readPrivatePrice(price, { tenantId, subscriptionId, at }));
  const [customer, taken, prices] = await Promise.all([
    findRow(tx, CustomerSchema, { id: body.customer }),
    body.external_id === null ? null : findRow(tx, SubscriptionSchema, { externalId: body.external_id }),
    pricesOf(
      tx,
      [...body.items, ...body.once]
        .map((item) => item.price)
        .filter((id) => !own.some((price) => price.id === id)),
    ),
  ]);
  if (!customer || customer.deletedAt)
    throw new DomainError('customer_deleted', 'The customer was deleted meanwhile.');
  if (taken)
    throw new DomainError(
      'external_id_taken',
      `Another subscription already has the external id "${body.external_id}".`,
    );
  const target = ({ key, price: priceId, quantity }: StoredCreateCommand['items'][number]) => {
    const price = own.find(({ id }) => id === priceId) ?? prices.get(priceId);
    if (!price) throw new DomainError('not_found', `price ${priceId} has no row`);
    return { key, price, quantity: new Decimal(quantity) };
  };
  const terms = {
    externalId: body.external_id,
    customerId: customer.id,
    planId: body.plan,
    planVersion: body.plan_version,
    testClockId: customer.testClockId,
    currency: body.currency,
    timeZone: customer.timeZone ?? tenant.timeZone,
    prorationBasis: body.proration_basis,
    billingCycle: body.billing_cycle,
    billingAnchor: optionalDate(body.billing_anchor),
    collectionMethod: body.collection_method,
    netDays: body.net_days,
    paymentBehavior: body.payment_behavior,
    trialEndBehavior: body.trial_end_behavior,
    trialUsage: body.trial_usage,
    usageScope: body.usage_scope,
    cycles: body.cycles,
    startAt: optionalDate(body.start_at),
    backdateDaysMax: tenant.backdateDaysMax,
    trialDays: body.trial_days,
    trialEnd: optionalDate(body.trial_end),
    trialReminderDays: tenant.trialReminderDays,
    cancelAt: optionalDate(body.cancel_at),
    items: body.items.map(target),
    once: body.once.map(target),
    metadata: body.metadata,
  };
  return { ...createSubscription(terms, { tenantId, subscriptionId, newId }, at), own };
}

function optionalDate(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
