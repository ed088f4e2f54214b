import type { z } from 'zod';
import type { CreateCommand, PrivatePrice } from '../src/contract/commands.ts';
import type { subscriptionCreate } from '../src/contract/subscriptions.ts';
import { addCivilDays } from '../src/domain/calendar.ts';
import type { ItemTarget } from '../src/domain/change.ts';
import { composeChange } from '../src/domain/compose-change.ts';
import { currencyFor, NET_DAYS_DEFAULT, trialDaysFor } from '../src/domain/creation-defaults.ts';
import type { Customer } from '../src/domain/customer.ts';
import { isTooFarAhead, START_YEARS_MAX } from '../src/domain/decide-create.ts';
import { DomainError, type FieldError } from '../src/domain/errors.ts';
import { Decimal } from '../src/domain/money.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findTenant } from '../src/persistence/find.ts';
import { findCustomerByReference, findPlanByReference } from '../src/persistence/find-by-reference.ts';
import { isExternalIdTaken } from '../src/persistence/list-subscriptions.ts';
import { findPlanAtVersion, type PlanAtVersion } from '../src/persistence/save-plans.ts';
import { type Agreement, agreedPrices } from './agreed-prices.ts';
import { findAddOns } from './find-sold.ts';
import { invalid } from './validate.ts';
import { timeFor } from './write.ts';

type Body = z.output<typeof subscriptionCreate>;
export type Creation = { customer: Customer; command: CreateCommand; requestedAt: Date };

const DAY_MS = 86_400_000;
const TRIAL_DAYS_MAX = 730;

/**
 * Everything about a new subscription that can be known before its command exists: references become ids, defaults
 * become values, and what cannot be is refused with all fields named.
 */
export async function resolveCreation(
  tx: Tx,
  body: Body,
  { tenantId, subscriptionId }: { tenantId: string; subscriptionId: string },
): Promise<Creation> {
  const errors: FieldError[] = [];
  const refuse = (path: string, code: string, message: string) => errors.push({ path, code, message });

  const [customer, plan] = await Promise.all([
    findCustomerByReference(tx, body.customer),
    findPlanByReference(tx, body.plan),
  ]);
  if (!customer) refuse('customer', 'not_found', 'There is no such customer; create it first.');
  else if (customer.deletedAt)
    refuse('customer', 'customer_deleted', 'This customer is deleted; use another one.');
  if (plan?.kind !== 'plan') refuse('plan', 'not_found', 'There is no such plan; create it first.');
  else if (plan.archivedAt) refuse('plan', 'plan_not_active', 'This plan is archived; use another one.');
  if (!customer || !plan || errors.length > 0) throw invalid(errors);

  const [sold, tenant, { at: requestedAt }, isTaken] = await Promise.all([
    findPlanAtVersion(tx, plan, body.plan_version ?? null),
    findTenant(tx, tenantId),
    timeFor(tx, customer),
    body.external_id !== undefined && isExternalIdTaken(tx, body.external_id),
  ]);
  if (!sold) {
    const message = 'The plan has no such version; leave it out for the one that is sold.';
    throw invalid([{ path: 'plan_version', code: 'not_found', message }]);
  }
  const timeZone = customer.timeZone ?? tenant.timeZone;
  const earliest = addCivilDays(requestedAt, -tenant.backdateDaysMax, timeZone);
  errors.push(...timeErrors(body, requestedAt, earliest));
  const currency = currencyFor(body.currency, customer.currency, sold.prices);
  const agreement = { tenantId, subscriptionId, at: requestedAt };
  const {
    items,
    once,
    prices,
    errors: itemErrors,
  } = currency === null ? noCurrency(sold) : await chooseItems(tx, body, sold, currency, agreement);
  errors.push(...itemErrors);
  if (errors.length > 0) throw invalid(errors);
  if (isTaken) throw externalIdTaken();

  return {
    customer,
    requestedAt,
    command: {
      external_id: body.external_id ?? null,
      customer: customer.id,
      plan: plan.id,
      plan_version: sold.version.version,
      currency: currency ?? '',
      items,
      once,
      start_at: body.start_at ?? null,
      trial_days: trialDaysFor(
        { days: body.trial_days, hasEnd: body.trial_end !== undefined },
        sold.version.trialDays,
      ),
      trial_end: body.trial_end ?? null,
      billing_cycle: body.billing_cycle,
      billing_anchor: body.billing_anchor ?? null,
      proration_basis: body.proration_basis,
      collection_method: body.collection_method,
      net_days: body.collection_method === 'send_invoice' ? (body.net_days ?? NET_DAYS_DEFAULT) : null,
      payment_behavior: body.payment_behavior,
      trial_end_behavior: body.trial_end_behavior,
      cancel_at: body.cancel_at ?? null,
      trial_usage: body.trial_usage,
      usage_scope: body.usage_scope,
      cycles: body.cycles ?? null,
      prices,
      metadata: body.metadata ?? {},
    },
  };
}

function timeErrors(body: Body, now: Date, earliest: Date): FieldError[] {
  const errors: FieldError[] = [];
  const start = body.start_at === undefined ? now : new Date(body.start_at);
  if (start < earliest) {
    errors.push({
      path: 'start_at',
      code: 'too_early',
      message: `Write an instant from ${earliest.toISOString()} onward, or leave it out to start now.`,
    });
  } else if (isTooFarAhead(start, now)) {
    errors.push({
      path: 'start_at',
      code: 'too_far',
      message: `A subscription can start at most ${START_YEARS_MAX} years from now.`,
    });
  }
  if (body.trial_end !== undefined) {
    const days = (new Date(body.trial_end).getTime() - start.getTime()) / DAY_MS;
    if (days <= 0)
      errors.push({
        path: 'trial_end',
        code: 'in_past',
        message: `Write an instant after the start, ${start.toISOString()}.`,
      });
    if (days > TRIAL_DAYS_MAX)
      errors.push({
        path: 'trial_end',
        code: 'trial_too_long',
        message: `A trial lasts at most ${TRIAL_DAYS_MAX} days.`,
      });
  }
  if (body.cancel_at !== undefined && new Date(body.cancel_at) <= start) {
    errors.push({
      path: 'cancel_at',
      code: 'in_past',
      message: `Write an instant after the start, ${start.toISOString()}.`,
    });
  }
  return errors;
}

function noCurrency(sold: PlanAtVersion): Chosen {
  const currencies = [...new Set(sold.prices.map((price) => price.currency))].join(', ');
  const message = `The plan is sold in ${currencies}: say which, or give the customer a currency.`;
  return { items: [], once: [], prices: [], errors: [{ path: 'currency', code: 'required', message }] };
}

type Chosen = {
  items: CreateCommand['items'];
  once: CreateCommand['items'];
  prices: PrivatePrice[];
  errors: FieldError[];
};

/** Where the items come from: the plan, add-ons beside it, and prices agreed for them. */
async function chooseItems(
  tx: Tx,
  body: Body,
  sold: PlanAtVersion,
  currency: string,
  agreement: Agreement,
): Promise<Chosen> {
  const currencies = [...new Set(sold.prices.map((price) => price.currency))];
  if (!currencies.includes(currency)) {
    const message = `The plan is sold in ${currencies.join(', ')}, not in ${currency}${body.currency === undefined ? " (the customer's currency)" : ''}; use one of these.`;
    return {
      items: [],
      once: [],
      prices: [],
      errors: [{ path: 'currency', code: 'plan_currency_mismatch', message }],
    };
  }
  const errors: FieldError[] = [];
  const addOns = await findAddOns(tx, body.add_ons, 'add_ons', errors);
  const once = await findAddOns(tx, body.once, 'once', errors);
  const agreed = await agreedPrices(tx, agreement, body.prices ?? []);
  const { change, errors: others } = composeChange(
    { currency, plan: null, items: [] },
    {
      plan: { planId: sold.plan.id, version: sold.version.version, prices: sold.prices },
      items: body.items?.map(({ key, quantity }) => ({ key, quantity: new Decimal(quantity) })) ?? null,
      addOns,
      once,
      remove: [],
      prices: agreed.wanted,
    },
  );
  // Whoever named no items chose the currency, not the prices.
  for (const error of others)
    errors.push(
      error.path === 'plan' && error.code === 'price_currency_missing'
        ? { ...error, path: 'currency' }
        : error,
    );
  return { items: change.set.map(target), once: change.once.map(target), prices: agreed.made, errors };
}

function target({ key, price, quantity }: ItemTarget): CreateCommand['items'][number] {
  return { key, price: price.id, quantity: quantity.toFixed() };
}

function externalIdTaken(): DomainError {
  return new DomainError(
    'external_id_taken',
    'Another subscription has this external_id; choose one of its own.',
    {
      errors: [
        {
          path: 'external_id',
          code: 'taken',
          message: 'Another subscription has it; choose one of its own.',
        },
      ],
    },
  );
}
