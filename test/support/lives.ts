import { lifeAfter } from '../../src/domain/apply-decision.ts';
import { decideStep } from '../../src/domain/decide.ts';
import { createSubscription, type SubscriptionTerms } from '../../src/domain/decide-create.ts';
import type { Decision } from '../../src/domain/decision.ts';
import type { Life } from '../../src/domain/life.ts';
import { Decimal } from '../../src/domain/money.ts';
import { withIds } from '../../src/domain/new-ids.ts';
import { derived, type NextStep } from '../../src/domain/next-step.ts';
import type { Price } from '../../src/domain/plan.ts';
import type { Usage } from '../../src/domain/price-terms.ts';

export type { Life } from '../../src/domain/life.ts';

/** One step of a life, as it was decided. */
export type Lived = NextStep & { decision: Decision; life: Life };

export const utc = (text: string): Date => new Date(text.length === 10 ? `${text}T00:00:00Z` : text);
export const day = (instant: Date | null | undefined): string | null =>
  instant?.toISOString().slice(0, 10) ?? null;

export type PriceChanges = Partial<Price> & {
  model?: 'flat' | 'per_unit' | 'minimum_commitment';
  unitAmount?: string;
};

export function aPrice(changes: PriceChanges = {}): Price {
  const { model = 'flat', unitAmount = '30', key = 'fee', ...rest } = changes;
  return {
    id: `price_${key}`,
    tenantId: 'ten',
    planId: 'plan',
    planVersion: 1,
    key,
    name: 'Fee',
    currency: 'USD',
    subscriptionId: null,
    itemId: null,
    meterId: null,
    terms: { model, unitAmount: new Decimal(unitAmount) },
    billing: 'licensed',
    minimum: null,
    maximum: null,
    timing: 'in_advance',
    intervalUnit: 'month',
    intervalCount: 1,
    createdAt: utc('2026-01-01'),
    ...rest,
  };
}

export function someTerms(changes: Partial<SubscriptionTerms> = {}): SubscriptionTerms {
  return {
    externalId: null,
    customerId: 'cus',
    planId: 'plan',
    planVersion: 1,
    testClockId: null,
    currency: 'USD',
    timeZone: 'UTC',
    prorationBasis: 'day',
    billingCycle: 'anniversary',
    billingAnchor: null,
    collectionMethod: 'charge_automatically',
    netDays: null,
    paymentBehavior: 'default_active',
    trialEndBehavior: 'activate',
    startAt: null,
    trialDays: null,
    trialEnd: null,
    trialReminderDays: null,
    cancelAt: null,
    items: [{ key: 'fee', price: aPrice(), quantity: new Decimal(1) }],
    metadata: {},
    ...changes,
  };
}

/** A subscription as it is asked for at `at`, before anything of it has happened. */
export function conceive(terms: Partial<SubscriptionTerms>, at: string): Life {
  let n = 0;
  const newId = (prefix: 'si' | 'seg') => `${prefix}_${++n}`;
  const { subscription, priced } = createSubscription(
    someTerms(terms),
    { tenantId: 'ten', subscriptionId: 'sub', newId },
    utc(at),
  );
  return {
    subscription: derived(subscription),
    priced: priced.map((entry) => ({ ...entry, fees: [] })),
    changes: [],
    pending: [],
  };
}

let given = 0;
const newId = (prefix: string) => `${prefix}_${++given}`;

/** The decision with the ids that whoever stores it gives. */
export const named = (decision: Decision): Decision => withIds(decision, newId);

/** What a decision leaves behind, as it would be stored; `owed` is what nobody has paid of its invoice. */
export function after(life: Life, decision: Decision, owed = '0'): Life {
  const lines = decision.invoice?.lines ?? [];
  return lifeAfter(life, decision, {
    newId,
    invoiceId: decision.invoice && newId('inv'),
    lineIds: lines.map(() => newId('il')),
    owed: new Decimal(owed),
  });
}

/** The life with what was used since the last boundary of its usage prices, and what its commitments are measured against. */
export function using(life: Life, used: Record<string, string>, spent = '0'): Life {
  const usageOf = (key: string): Usage => ({
    quantity: new Decimal(used[key] ?? 0),
    events: [],
    buckets: null,
  });
  return {
    ...life,
    priced: life.priced.map((entry) => ({
      ...entry,
      ...(entry.price.billing === 'usage' ? { usage: usageOf(entry.item.key) } : {}),
      ...(entry.price.terms.model === 'minimum_commitment' ? { spent: new Decimal(spent) } : {}),
    })),
  };
}

/** Runs the steps that are due up to `until`, in order. `pays`: whether there is a usable payment method. */
export function live(life: Life, until: string, pays = true): { life: Life; lived: Lived[] } {
  const lived: Lived[] = [];
  let now = life;
  for (;;) {
    const { nextStep: step, nextStepAt: at } = now.subscription;
    if (!step || !at || at > utc(until)) return { life: now, lived };
    const decision = named(decideStep(now, { step, at }, pays));
    now = after(now, decision);
    lived.push({ step, at, decision, life: now });
    if (lived.length > 5_000) throw new Error('this life does not come to an end');
  }
}
