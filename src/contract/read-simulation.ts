import { composeChange } from '../domain/compose-change.ts';
import { currencyFor, NET_DAYS_DEFAULT, trialDaysFor } from '../domain/creation-defaults.ts';
import type { SubscriptionTerms } from '../domain/decide-create.ts';
import type { DunningPolicy } from '../domain/dunning.ts';
import type { FieldError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import { instantWhere } from '../domain/simulate/civil-time.ts';
import type { Action, Deed, Script, SimulatedMethod } from '../domain/simulate/script.ts';
import { checkCatalogue, checkLimits } from './check-simulation.ts';
import { type FindStored, SimulatedCatalogue } from './simulated-catalogue.ts';
import { commandsOf, type Reading, refusal, wantedOf } from './simulated-commands.ts';
import { rulesOf } from './simulated-meters.ts';
import type { SimulationAction } from './simulation-actions.ts';
import { SIMULATION_STEPS_MAX, type SimulationBody } from './simulations.ts';
import { toDunningPolicy } from './tenants.ts';

/** What a simulation takes from the tenant that asks for it, unless its body says otherwise. */
export type SimulationDefaults = {
  timeZone: string;
  invoiceGraceHours: number;
  dunningPolicy: DunningPolicy | null;
  backdateDaysMax: number;
  trialReminderDays: number | null;
  lateWindowDays: number;
};

/** A tenant that has changed none of its settings. */
export const PLAIN_TENANT: SimulationDefaults = {
  timeZone: 'UTC',
  invoiceGraceHours: 0,
  dunningPolicy: null,
  backdateDaysMax: 90,
  trialReminderDays: null,
  lateWindowDays: 35,
};

type Reader = {
  body: SimulationBody;
  catalogue: SimulatedCatalogue;
  defaults: SimulationDefaults;
  timeZone: string;
  errors: FieldError[];
};

/**
 * The script of a simulation: every reference found, every instant read where the customer is. Throws
 * `validation_failed` with all fields that are wrong: what is not sold, an action of a subscription that is not there
 * yet, and what lies beyond the limits.
 */
export function readSimulation(
  body: SimulationBody,
  findStored: FindStored,
  defaults: SimulationDefaults,
): Script {
  const timeZone = body.customer.time_zone ?? defaults.timeZone;
  const errors: FieldError[] = [];
  const instants = body.timeline.map(({ at }) => instantWhere(at, timeZone));
  const first = new Date(Math.min(...instants.map((instant) => instant.getTime())));
  const catalogue = new SimulatedCatalogue(body, findStored, first);
  const reader = { body, catalogue, defaults, timeZone, errors };
  checkCatalogue(body, timeZone, errors);
  const order = instants
    .map((at, index) => ({ at, index }))
    .sort((a, b) => a.at.getTime() - b.at.getTime() || a.index - b.index);
  const names = new Set<string>();
  const actions = order.flatMap(({ at, index }): Action[] => {
    const action = body.timeline[index];
    const deed = action ? deedOf(reader, action, index, names) : null;
    return deed ? [{ ...deed, at, index }] : [];
  });
  const until = instantWhere(body.until, timeZone);
  checkLimits(errors, { first, last: order.at(-1)?.at ?? first, until, names });
  if (errors.length > 0) throw refusal(errors);
  return { settings: settingsOf(reader), actions, until, stepsMax: SIMULATION_STEPS_MAX };
}

function settingsOf({ body, catalogue, defaults, timeZone }: Reader): Script['settings'] {
  const { customer, tenant } = body;
  return {
    method: methodOf(customer.payment_method),
    balances: new Map(
      customer.balance && customer.currency ? [[customer.currency, new Decimal(customer.balance)]] : [],
    ),
    invoiceGraceHours: tenant.invoice_grace_hours ?? defaults.invoiceGraceHours,
    trialReminderDays: defaults.trialReminderDays,
    lateWindowDays: tenant.late_window_days ?? defaults.lateWindowDays,
    meters: rulesOf(body, timeZone),
    thresholdsOf: (subscription) => catalogue.current(subscription).thresholds,
    graceHoursOf: (subscription) => catalogue.current(subscription).graceHours,
    dunningPolicy:
      tenant.dunning_policy === undefined
        ? defaults.dunningPolicy
        : tenant.dunning_policy && toDunningPolicy(tenant.dunning_policy),
  };
}

function methodOf(kind: 'succeeds' | 'declines' | 'none'): SimulatedMethod {
  return kind === 'declines' ? { kind, hard: false, code: 'card_declined' } : { kind };
}

function declining({ hard, code }: Extract<SimulationAction, { action: 'decline' }>): SimulatedMethod {
  return { kind: 'declines', hard, code: code ?? (hard ? 'stolen_card' : 'card_declined') };
}

/** Null when something is wrong with it; `reader.errors` say what. */
function deedOf(reader: Reader, action: SimulationAction, index: number, names: Set<string>): Deed | null {
  const path = `timeline[${index}]`;
  const { errors, catalogue, timeZone } = reader;
  checkReferences(reader, action, path);
  switch (action.action) {
    case 'subscribe': {
      const { subscription: name } = action;
      if (names.has(name))
        errors.push({
          path: `${path}.subscription`,
          code: 'duplicate',
          message: `There is a subscription "${name}" already; give this one another name.`,
        });
      names.add(name);
      const terms = termsOf(reader, action, index);
      return terms && { kind: 'subscribe', name, terms };
    }
    case 'decline':
      return { kind: 'method', method: declining(action) };
    case 'payment_method':
      return { kind: 'method', method: methodOf(action.behaves) };
    default:
      break;
  }
  if (action.action === 'deprecate_event')
    return { kind: 'event', name: null, deed: 'deprecate', key: action.idempotency_key };
  const { subscription: name } = action;
  if (name !== undefined && !names.has(name)) {
    const later = reader.body.timeline.some(
      (other) => other.action === 'subscribe' && other.subscription === name,
    );
    errors.push({
      path: `${path}.subscription`,
      code: later ? 'not_yet_there' : 'unknown_subscription',
      message: later
        ? `"${name}" does not exist yet at ${action.at}; let its subscribe come before.`
        : `No subscribe makes a subscription "${name}"; add one, or name another.`,
    });
    return null;
  }
  if (action.action === 'pay' || action.action === 'void' || action.action === 'mark_uncollectible') {
    const deed = action.action === 'pay' && action.charge ? 'charge' : action.action;
    return { kind: 'invoices', deed, name: name ?? null, number: action.invoice ?? null };
  }
  if (action.action === 'event' || action.action === 'amend_event') return eventOf(action, timeZone);
  if (name === undefined) return null;
  if (action.action === 'use') {
    return usageOf(reader, action, path);
  }
  const reading: Reading = { catalogue, timeZone, index };
  return { kind: 'command', name, ask: (life) => commandsOf(action, life, reading) };
}

function eventOf(
  action: Extract<SimulationAction, { action: 'event' | 'amend_event' }>,
  timeZone: string,
): Deed {
  const { at, subscription: name = null, timestamp = at, properties = {} } = action;
  const usedAt = instantWhere(timestamp, timeZone);
  const deed = action.action === 'event' ? 'send' : 'amend';
  const { idempotency_key: key, event_name: eventName } = action;
  return { kind: 'event', name, deed, key, eventName, usedAt, properties };
}

function usageOf(
  { timeZone, errors }: Reader,
  {
    at,
    subscription: name,
    key,
    quantity,
    properties,
    timestamp,
  }: Extract<SimulationAction, { action: 'use' }>,
  path: string,
): Deed {
  const reported = instantWhere(at, timeZone);
  const usedAt = timestamp === undefined ? reported : instantWhere(timestamp, timeZone);
  if (usedAt > reported) {
    const message = `Write an instant up to ${reported.toISOString()}, when it is reported, or leave it out.`;
    errors.push({ path: `${path}.timestamp`, code: 'in_future', message });
  }
  return { kind: 'use', name, key, quantity: new Decimal(quantity), properties, usedAt };
}

function termsOf(
  { body, catalogue, defaults, timeZone, errors }: Reader,
  action: Extract<SimulationAction, { action: 'subscribe' }>,
  index: number,
): SubscriptionTerms | null {
  const path = `timeline[${index}]`;
  const plan = catalogue.find('plan', action.plan, action.plan_version ?? null);
  if (!plan) return null;
  const currencies = [...new Set(plan.prices.map((price) => price.currency))];
  const currency = currencyFor(action.currency, body.customer.currency ?? null, plan.prices);
  if (currency === null) {
    const message = `The plan is sold in ${currencies.join(', ')}: say which, or give the customer a currency.`;
    errors.push({ path: `${path}.currency`, code: 'required', message });
    return null;
  }
  const nothing = { currency, plan: null, items: [] };
  const composed = composeChange(nothing, { ...wantedOf(action, catalogue, String(index)), plan });
  // Whoever named no items chose the currency, not the prices.
  const field = (error: FieldError) => (error.path === 'plan' ? 'currency' : error.path);
  errors.push(...composed.errors.map((error) => ({ ...error, path: `${path}.${field(error)}` })));
  const where = (text: string | undefined) => (text === undefined ? null : instantWhere(text, timeZone));
  return {
    externalId: null,
    customerId: 'customer',
    planId: plan.planId,
    planVersion: plan.version,
    // In a simulation time never passes unnoticed, as under a test clock.
    testClockId: 'simulation',
    currency,
    timeZone,
    prorationBasis: action.proration_basis,
    billingCycle: action.billing_cycle,
    billingAnchor: where(action.billing_anchor),
    collectionMethod: action.collection_method,
    netDays: action.collection_method === 'send_invoice' ? (action.net_days ?? NET_DAYS_DEFAULT) : null,
    paymentBehavior: action.payment_behavior,
    trialEndBehavior: action.trial_end_behavior,
    trialUsage: action.trial_usage,
    usageScope: action.usage_scope,
    cycles: action.cycles ?? null,
    startAt: where(action.start_at),
    backdateDaysMax: body.tenant.backdate_days_max ?? defaults.backdateDaysMax,
    trialDays: trialDaysFor(
      { days: action.trial_days, hasEnd: action.trial_end !== undefined },
      plan.trialDays,
    ),
    trialEnd: where(action.trial_end),
    trialReminderDays: defaults.trialReminderDays,
    cancelAt: where(action.cancel_at),
    items: composed.change.set,
    once: composed.change.once,
    metadata: {},
  };
}

/** Every plan and add-on that an action names is there. */
function checkReferences({ catalogue, errors }: Reader, action: SimulationAction, path: string): void {
  const parts =
    action.action === 'schedule'
      ? action.phases.map((phase, n) => ({ part: phase, at: `${path}.phases[${n}]` }))
      : [{ part: action, at: path }];
  for (const { part, at } of parts) {
    if ('plan' in part && part.plan !== undefined)
      catalogue.get('plan', part.plan, part.plan_version ?? null, { path: `${at}.plan`, errors });
    for (const field of ['add_ons', 'once'] as const) {
      const named =
        field in part ? (part as { [F in typeof field]?: { add_on: string }[] })[field] : undefined;
      for (const [n, { add_on: addOn }] of (named ?? []).entries())
        catalogue.get('add_on', addOn, null, { path: `${at}.${field}[${n}].add_on`, errors });
    }
  }
}
