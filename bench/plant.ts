import type { Customer, PaymentMethod } from '../src/domain/customer.ts';
import { createSubscription } from '../src/domain/decide-create.ts';
import { decideActivate } from '../src/domain/decide-step.ts';
import { Decimal } from '../src/domain/money.ts';
import { derived } from '../src/domain/next-step.ts';
import type { Price } from '../src/domain/plan.ts';
import { gateways } from '../src/gateways/registry.ts';
import { insertCoverage } from '../src/persistence/coverage.ts';
import { CustomerSchema, PaymentMethodSchema } from '../src/persistence/customers.ts';
import { PlanSchema, PlanVersionSchema, PriceSchema } from '../src/persistence/plans.ts';
import { insertRow, insertRows } from '../src/persistence/rows.ts';
import { insertSubscription, type SubscriptionFacts } from '../src/persistence/subscription-facts.ts';
import { newId } from '../src/platform/ids.ts';
import type { Stage } from '../test/faults/stage.ts';

/** How long the planted subscriptions' periods are. */
export const PERIOD_MS = 30 * 86_400_000;

/**
 * Subscriptions as if they had begun one period ago, so that all of them renew at `dueAt`: rows as the product writes
 * them, made by its domain. The period that is about to end was given away, so that no invoice stands behind it.
 *
 * @returns their ids.
 */
export async function plantSubscriptions(
  stage: Stage,
  { count, dueAt, charged }: { count: number; dueAt: Date; charged: boolean },
): Promise<string[]> {
  const { tenantId, database } = stage;
  const at = new Date(dueAt.getTime() - PERIOD_MS);
  const price = await plantPlan(stage, at);
  const customers = Array.from({ length: count }, () => customerAt(tenantId, at));
  const methods = charged ? await attachMethods(stage, customers, at) : [];
  const facts = customers.map(({ id }) => begun(tenantId, id, price, at, charged));
  await database.withTenant(tenantId, async (tx) => {
    await insertRows(tx, CustomerSchema, customers);
    await insertRows(tx, PaymentMethodSchema, methods);
    for (const one of facts) {
      await insertSubscription(tx, one);
      const { item } = one.priced[0] ?? { item: null };
      if (!item) continue;
      const period = { start: at, end: dueAt };
      const given = {
        itemId: item.id,
        side: 'fee',
        period,
        reason: 'waived',
        line: null,
        pendingLine: null,
      } as const;
      await insertCoverage(tx, tenantId, [given], { lineIds: [], pendingIds: [] });
    }
  });
  return facts.map(({ subscription }) => subscription.id);
}

async function plantPlan({ tenantId, database }: Stage, at: Date): Promise<Price> {
  const planId = newId('plan');
  const price: Price = {
    id: newId('price'),
    tenantId,
    planId,
    planVersion: 1,
    key: 'base',
    name: 'Base',
    currency: 'USD',
    subscriptionId: null,
    itemId: null,
    terms: { model: 'flat', unitAmount: new Decimal('19.99') },
    billing: 'licensed',
    meterId: null,
    minimum: null,
    maximum: null,
    timing: 'in_advance',
    intervalUnit: 'day',
    intervalCount: PERIOD_MS / 86_400_000,
    createdAt: at,
  };
  await database.withTenant(tenantId, async (tx) => {
    await insertRow(tx, PlanSchema, {
      id: planId,
      tenantId,
      kind: 'plan',
      externalId: null,
      name: 'Bench',
      description: null,
      archivedAt: null,
      metadata: {},
      createdAt: at,
      updatedAt: at,
    });
    const version = {
      planId,
      version: 1,
      tenantId,
      active: true,
      trialDays: null,
      usageThresholds: [],
      invoiceGraceHours: null,
      createdAt: at,
    };
    await insertRow(tx, PlanVersionSchema, version);
    await insertRow(tx, PriceSchema, price);
  });
  return price;
}

function customerAt(tenantId: string, at: Date): Customer {
  return {
    id: newId('cus'),
    tenantId,
    externalId: null,
    name: 'Ada',
    email: null,
    timeZone: null,
    currency: null,
    testClockId: null,
    metadata: {},
    deletedAt: null,
    createdAt: at,
    updatedAt: at,
  };
}

async function attachMethods(
  { tenantId, gatewayUrl }: Stage,
  customers: readonly Customer[],
  at: Date,
): Promise<PaymentMethod[]> {
  await using charging = gateways({ sandboxUrl: gatewayUrl });
  const gateway = charging.get('sandbox');
  const methods: PaymentMethod[] = [];
  for (const { id: customerId } of customers) {
    const attached = await gateway.attachMethod('tok_succeeds');
    if (attached.kind !== 'attached') throw new Error(attached.message);
    const { methodRef: gatewayRef, brand, last4, expMonth, expYear } = attached;
    methods.push({
      id: newId('pm'),
      tenantId,
      customerId,
      gateway: 'sandbox',
      gatewayRef,
      brand,
      last4,
      expMonth,
      expYear,
      isDefault: true,
      metadata: {},
      detachedAt: null,
      createdAt: at,
      updatedAt: at,
    });
  }
  return methods;
}

function begun(
  tenantId: string,
  customerId: string,
  price: Price,
  at: Date,
  charged: boolean,
): SubscriptionFacts & { segments: ReturnType<typeof createSubscription>['segments'] } {
  const terms = {
    externalId: null,
    customerId,
    planId: price.planId,
    planVersion: price.planVersion,
    testClockId: null,
    currency: price.currency,
    timeZone: 'UTC',
    prorationBasis: 'second',
    billingCycle: 'anniversary',
    billingAnchor: null,
    collectionMethod: charged ? 'charge_automatically' : 'send_invoice',
    netDays: charged ? null : 30,
    paymentBehavior: 'allow_incomplete',
    trialEndBehavior: 'activate',
    startAt: null,
    trialDays: null,
    trialEnd: null,
    trialReminderDays: null,
    backdateDaysMax: 90,
    lateWindowDays: 35,
    usageRetentionDays: null,
    cancelAt: null,
    items: [{ key: price.key, price, quantity: new Decimal(1) }],
    metadata: {},
  } as const;
  const created = createSubscription(terms, { tenantId, subscriptionId: newId('sub'), newId }, at);
  const life = { ...created, changes: [], pending: [] };
  const { subscription, items } = decideActivate(life, at);
  return {
    ...life,
    // Nothing was to be paid for the first period.
    subscription: derived({ ...subscription, incompleteSince: null, expiresAt: null }),
    priced: created.priced.map((entry, index) => ({ ...entry, item: items[index] ?? entry.item })),
  };
}
