import type { SimulationBody } from '../../src/contract/simulations.ts';
import { instantWhere } from '../../src/domain/simulate/civil-time.ts';
import { USAGE_REFUSALS } from '../../src/domain/usage-event.ts';
import { expectOk, type Reply, type Send } from './live-stage.ts';

/** A life that is being played: who lives it, and what its subscriptions are called on the real stack. */
export type Played = {
  send: Send;
  customerId: string;
  timeZone: string;
  /** The ids of subscriptions by the names of the timeline. */
  ids: Map<string, string>;
};

type Action = SimulationBody['timeline'][number];
type Of<Name extends Action['action']> = Extract<Action, { action: Name }>;

/** Tokens of the sandbox gateway for how a simulated customer's method behaves. */
export const TOKENS = { succeeds: 'tok_succeeds', declines: 'tok_insufficient_funds', hard: 'tok_stolen' };

/** A timeline asks for something that the real stack has no request for. */
export class Unplayable extends Error {}

/**
 * The codes of a refusal: the problem's own, and those of the fields it names. The API looks at fields before it asks the
 * engine, so what the engine calls `cancel_at_in_past` may be there the reason of a `validation_failed`.
 */
export type Refusal = readonly string[];

/** Does one action through the API. Answers its refusal, or null. */
export async function act(played: Played, action: Action): Promise<Refusal | null> {
  switch (action.action) {
    case 'subscribe':
      return subscribe(played, action);
    case 'pay':
    case 'void':
    case 'mark_uncollectible':
      return settleOpen(played, action);
    case 'decline':
      return attach(played, action.hard ? TOKENS.hard : TOKENS.declines);
    case 'event':
    case 'amend_event':
    case 'deprecate_event':
      return onEvent(played, action);
    case 'payment_method':
      // A method that subscriptions are charged to cannot be taken away, only replaced.
      if (action.behaves === 'none') throw new Unplayable('a payment method is taken away');
      return attach(played, TOKENS[action.behaves]);
    default:
      return onSubscription(played, action);
  }
}

async function subscribe(played: Played, action: Of<'subscribe'>): Promise<Refusal | null> {
  const { at: _at, action: _action, subscription: name, plan, add_ons: addOns, once, ...rest } = action;
  const reply = await played.send('POST', '/v1/subscriptions', {
    ...rest,
    customer: played.customerId,
    plan: external(plan),
    ...(addOns ? { add_ons: addOns.map(addOn) } : {}),
    ...(once ? { once: once.map(addOn) } : {}),
    ...instants(played, { start_at: action.start_at, trial_end: action.trial_end }),
    ...instants(played, { billing_anchor: action.billing_anchor, cancel_at: action.cancel_at }),
  });
  const begun = begunBy(reply);
  if (begun === null) return refusal(reply);
  played.ids.set(name, begun);
  return null;
}

/** The subscription that a creation made: with all or nothing one that ended at once, which is answered as a failure. */
function begunBy({ status, body }: Reply): string | null {
  if (status < 400) return String(body['id']);
  const { subscription = null } = (body['details'] ?? {}) as { subscription?: string | null };
  return body['code'] === 'first_payment_failed' ? subscription : null;
}

type EventAction = Of<'event' | 'amend_event' | 'deprecate_event'>;

/** What is said of an event of use; the customer's test clock says what time it is. */
async function onEvent(played: Played, action: EventAction): Promise<Refusal | null> {
  const path = `/v1/events/${encodeURIComponent(action.idempotency_key)}`;
  if (action.action === 'deprecate_event') return refusal(await played.send('POST', `${path}/deprecate`, {}));
  const { at, action: _action, subscription: name, timestamp = at, idempotency_key: key, ...said } = action;
  const id = name === undefined ? undefined : played.ids.get(name);
  if (name !== undefined && id === undefined) return ['not_found'];
  const event = {
    ...said,
    customer_id: played.customerId,
    timestamp: instant(played, timestamp),
    ...(id === undefined ? {} : { subscription_id: id }),
  };
  if (action.action === 'amend_event') return ofEvent(refusal(await played.send('PUT', path, event)));
  const { data } = expectOk(await played.send('POST', '/v1/events', { ...event, idempotency_key: key }));
  const [outcome] = data as { code?: string | null }[];
  return outcome?.code ? ofEvent([outcome.code]) : null;
}

/** The engine has one word for an event that it does not take, and the reason beside it. */
function ofEvent(codes: Refusal | null): Refusal | null {
  const isOfEvent = codes?.some((code) => Object.hasOwn(USAGE_REFUSALS, code));
  return codes && isOfEvent ? ['usage_not_accepted', ...codes] : codes;
}

type OnSubscription = Exclude<
  Action,
  Of<'subscribe' | 'pay' | 'void' | 'mark_uncollectible' | 'decline' | 'payment_method'> | EventAction
>;

async function onSubscription(played: Played, action: OnSubscription): Promise<Refusal | null> {
  const id = played.ids.get(action.subscription);
  if (id === undefined) return ['not_found'];
  if (action.action === 'cancel_scheduled') return cancelScheduled(played, id, action);
  const [path, body] = requestOf(played, action);
  return refusal(await played.send('POST', `/v1/subscriptions/${id}/${path}`, body));
}

/** The request of the API that an action stands for. */
function requestOf(
  played: Played,
  action: Exclude<OnSubscription, Of<'cancel_scheduled'>>,
): [path: string, body: object] {
  const { at, subscription: _, ...fields } = action;
  switch (fields.action) {
    case 'use': {
      const { key, quantity, properties, timestamp = at } = fields;
      return ['usage', { key, quantity, properties, timestamp: instant(played, timestamp) }];
    }
    case 'change':
      return ['change', { ...changeOf(played, fields), ...effective(played, fields.effective) }];
    case 'set_quantity': {
      const { key, quantity, proration } = fields;
      return ['quantity', { key, quantity, ...said({ proration }), ...effective(played, fields.effective) }];
    }
    case 'add':
      return ['change', { ...changeOf(played, fields), ...effective(played, fields.effective) }];
    case 'remove': {
      const { keys: remove, proration } = fields;
      return ['change', { remove, ...said({ proration }), ...effective(played, fields.effective) }];
    }
    case 'pause': {
      const { credit } = fields;
      const resumeAt = instants(played, { resume_at: fields.resume_at });
      return ['pause', { credit, ...resumeAt, ...effective(played, fields.effective) }];
    }
    case 'resume':
      return ['resume', effective(played, fields.effective)];
    case 'cancel': {
      const { mode, credit, reason } = fields;
      return ['cancel', { mode, credit, ...said({ reason }), ...instants(played, { at: fields.cancel_at }) }];
    }
    case 'uncancel':
    case 'end_trial':
      return [fields.action, {}];
    case 'extend_trial':
      return ['extend_trial', instants(played, { trial_end: fields.trial_end })];
    case 'schedule': {
      const phases = fields.phases.map((phase) => ({
        ...changeOf(played, phase),
        ...said({ after_cycles: phase.after_cycles }),
        ...instants(played, { start_at: phase.start_at }),
      }));
      return ['schedule', { phases }];
    }
  }
}

type ChangeFields = Partial<Omit<Of<'change'>, 'at' | 'action' | 'subscription' | 'effective'>>;

/** The fields of a change in the words of the API: what the catalogue names has an `external_id` there. */
function changeOf(played: Played, fields: ChangeFields): object {
  const { plan, plan_version, items, add_ons, remove, prices, once, proration, anchor, trial } = fields;
  return {
    ...said({ plan_version, items, remove, prices, proration, anchor, trial }),
    ...(plan === undefined ? {} : { plan: external(plan) }),
    ...(add_ons === undefined ? {} : { add_ons: add_ons.map(addOn) }),
    ...(once === undefined ? {} : { once: once.map(addOn) }),
    ...instants(played, { billing_anchor: fields.billing_anchor }),
  };
}

async function cancelScheduled(
  { send, timeZone }: Played,
  id: string,
  action: Of<'cancel_scheduled'>,
): Promise<Refusal | null> {
  const wanted =
    action.effective_at === undefined ? null : instantWhere(action.effective_at, timeZone).toISOString();
  const { data } = expectOk(
    await send('GET', `/v1/subscriptions/${id}/scheduled_changes?status=pending&limit=100`),
  );
  const meant = (data as { id: string; effective_at: string }[]).filter(
    (change) => wanted === null || change.effective_at === wanted,
  );
  // There is nothing that a request could name.
  if (meant.length === 0) return ['scheduled_change_not_pending', 'subscription_ended'];
  for (const change of meant) {
    const refused = refusal(await send('DELETE', `/v1/subscriptions/${id}/scheduled_changes/${change.id}`));
    if (refused) return refused;
  }
  return null;
}

/** What is open is paid, taken back or given up, the oldest invoice first. */
async function settleOpen(
  { send, customerId, ids }: Played,
  action: Of<'pay' | 'void' | 'mark_uncollectible'>,
): Promise<Refusal | null> {
  if (action.invoice !== undefined) throw new Unplayable('one invoice is named by its simulated number');
  const id = action.subscription === undefined ? undefined : ids.get(action.subscription);
  if (action.subscription !== undefined && id === undefined) return ['not_found'];
  const of = id === undefined ? `customer=${customerId}` : `subscription=${id}`;
  const { data } = expectOk(await send('GET', `/v1/invoices?status=open&limit=100&${of}`));
  const open = (data as { id: string }[]).toReversed();
  if (open.length === 0) return ['nothing_to_pay'];
  const body = action.action === 'pay' && !action.charge ? { paid_out_of_band: true } : {};
  for (const invoice of open) {
    const refused = refusal(await send('POST', `/v1/invoices/${invoice.id}/${action.action}`, body));
    if (refused && !refused.includes('payment_declined')) return refused;
  }
  return null;
}

/** The customer's method from here on. */
export async function attach({ send, customerId }: Played, token: string): Promise<Refusal | null> {
  return refusal(await send('POST', `/v1/customers/${customerId}/payment_methods`, { token, default: true }));
}

function refusal({ status, body }: Reply): Refusal | null {
  if (status < 400) return null;
  if (status >= 500) throw new Error(`the API answered ${status}: ${JSON.stringify(body)}`);
  const fields = (body['errors'] ?? []) as { code: string }[];
  return [String(body['code']), ...fields.map(({ code }) => code)];
}

/** The id of a catalogue is the `external_id` of what was created from it. */
const external = (id: string) => `external:${id}`;
const addOn = <T extends { add_on: string }>(asked: T) => ({ ...asked, add_on: external(asked.add_on) });

const instant = ({ timeZone }: Played, text: string) => instantWhere(text, timeZone).toISOString();

function instants(played: Played, fields: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, text]) =>
      text === undefined ? [] : [[name, instant(played, text)]],
    ),
  );
}

function effective(played: Played, when: string | undefined): { effective?: string } {
  if (when === undefined) return {};
  return { effective: when === 'now' || when === 'period_end' ? when : instant(played, when) };
}

/** Only what was said: an absent field is not the same as an empty one. */
function said<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
