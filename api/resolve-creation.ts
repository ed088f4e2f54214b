import type { z } from 'zod';
import type { CreateCommand } from '../src/contract/commands.ts';
import type { subscriptionCreate } from '../src/contract/subscriptions.ts';
import type { Customer } from '../src/domain/customer.ts';
import { DomainError, type FieldError } from '../src/domain/errors.ts';
import type { Price } from '../src/domain/plan.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findCustomerByReference, findPlanByReference } from '../src/persistence/find-by-reference.ts';
import { isExternalIdTaken } from '../src/persistence/list-subscriptions.ts';
import { findPlanAtVersion, type PlanAtVersion } from '../src/persistence/save-plans.ts';
import { invalid } from './validate.ts';
import { timeFor } from './write.ts';

type Body = z.output<typeof subscriptionCreate>;
export type Creation = { customer: Customer; command: CreateCommand; requestedAt: Date };

const DAY_MS = 86_400_000;
const TRIAL_DAYS_MAX = 730;
const START_YEARS_MAX = 10;
const DEFAULT_NET_DAYS = 30;

/**
 * Everything about a new subscription that can be known before its command exists: references become ids, defaults
 * become values, and what cannot be is refused with all fields named.
 */
export async function resolveCreation(tx: Tx, body: Body): Promise<Creation> {
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

  const [sold, { at: requestedAt }, isTaken] = await Promise.all([
    findPlanAtVersion(tx, plan, null),
    timeFor(tx, customer),
    body.external_id !== undefined && isExternalIdTaken(tx, body.external_id),
  ]);
  if (!sold) throw new Error(`plan ${plan.id} is not sold at any version`);
  errors.push(...timeErrors(body, requestedAt));
  const currency = chooseCurrency(body, customer, sold);
  const { items, errors: itemErrors } =
    currency === null ? noCurrency(sold) : chooseItems(body, sold, currency);
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
      start_at: body.start_at ?? null,
      ...trialOf(body, sold),
      billing_cycle: body.billing_cycle,
      billing_anchor: body.billing_anchor ?? null,
      proration_basis: body.proration_basis,
      collection_method: body.collection_method,
      net_days: body.collection_method === 'send_invoice' ? (body.net_days ?? DEFAULT_NET_DAYS) : null,
      payment_behavior: body.payment_behavior,
      trial_end_behavior: body.trial_end_behavior,
      cancel_at: body.cancel_at ?? null,
      metadata: body.metadata ?? {},
    },
  };
}

/** A trial of zero days is no trial; the plan's own counts only when nothing was said. */
function trialOf(body: Body, sold: PlanAtVersion): Pick<CreateCommand, 'trial_days' | 'trial_end'> {
  if (body.trial_end !== undefined) return { trial_days: null, trial_end: body.trial_end };
  const days = body.trial_days ?? sold.version.trialDays ?? 0;
  return { trial_days: days === 0 ? null : days, trial_end: null };
}

function timeErrors(body: Body, now: Date): FieldError[] {
  const errors: FieldError[] = [];
  const start = body.start_at === undefined ? now : new Date(body.start_at);
  if (start < now) {
    errors.push({
      path: 'start_at',
      code: 'in_past',
      message: `Write an instant from ${now.toISOString()} onward, or leave it out to start now.`,
    });
  } else if (start.getTime() - now.getTime() > START_YEARS_MAX * 366 * DAY_MS) {
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

/** What was asked for, else the customer's, else the only one the plan is sold in. */
function chooseCurrency(body: Body, customer: Customer, sold: PlanAtVersion): string | null {
  const currencies = [...new Set(sold.prices.map((price) => price.currency))];
  return body.currency ?? customer.currency ?? (currencies.length === 1 ? (currencies[0] ?? null) : null);
}

function noCurrency(sold: PlanAtVersion): { items: CreateCommand['items']; errors: FieldError[] } {
  const currencies = [...new Set(sold.prices.map((price) => price.currency))].join(', ');
  return {
    items: [],
    errors: [
      {
        path: 'currency',
        code: 'required',
        message: `The plan is sold in ${currencies}: say which, or give the customer a currency.`,
      },
    ],
  };
}

function chooseItems(
  body: Body,
  sold: PlanAtVersion,
  currency: string,
): { items: CreateCommand['items']; errors: FieldError[] } {
  const currencies = [...new Set(sold.prices.map((price) => price.currency))];
  if (!currencies.includes(currency)) {
    const message = `The plan is sold in ${currencies.join(', ')}, not in ${currency}${body.currency === undefined ? " (the customer's currency)" : ''}; use one of these.`;
    return { items: [], errors: [{ path: 'currency', code: 'plan_currency_mismatch', message }] };
  }
  const keys = [...new Set(sold.prices.map((price) => price.key))];
  const asked = body.items ?? keys.map((key) => ({ key, quantity: '1' }));
  const items: CreateCommand['items'] = [];
  const errors: FieldError[] = [];
  for (const [index, { key, quantity }] of asked.entries()) {
    const path = body.items === undefined ? 'currency' : `items[${index}]`;
    const price = sold.prices.find((candidate) => candidate.key === key && candidate.currency === currency);
    if (!keys.includes(key)) {
      errors.push({
        path: `${path}.key`,
        code: 'unknown_key',
        message: `The plan has no price "${key}"; it has ${keys.join(', ')}.`,
      });
    } else if (!price) {
      errors.push({
        path,
        code: 'price_currency_missing',
        message: `The plan has no price "${key}" in ${currency}; publish a version that has one.`,
      });
    } else {
      errors.push(...quantityErrors(price, quantity, `${path}.quantity`));
      items.push({ key, price: price.id, quantity });
    }
  }
  return { items, errors };
}

function quantityErrors(price: Price, quantity: string, path: string): FieldError[] {
  if (price.terms.model !== 'flat' || quantity === '1') return [];
  return [{ path, code: 'quantity_fixed', message: `"${price.key}" is a flat price: its quantity is 1.` }];
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
