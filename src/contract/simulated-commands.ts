import type { ChangeDraft, Effect } from '../domain/classify-change.ts';
import { composeChange, type Holding, holdingAfter, type WantedChange } from '../domain/compose-change.ts';
import type { SubscriptionCommand } from '../domain/decide-command.ts';
import { DomainError, type FieldError } from '../domain/errors.ts';
import type { Life } from '../domain/life.ts';
import { Decimal } from '../domain/money.ts';
import { phaseStarts } from '../domain/phase-starts.ts';
import { instantWhere } from '../domain/simulate/civil-time.ts';
import { agreedPrices, type SimulatedCatalogue } from './simulated-catalogue.ts';
import type { SimulationAction } from './simulation-actions.ts';

/** What an action on a subscription is read with. */
export type Reading = { catalogue: SimulatedCatalogue; timeZone: string; index: number };

type Of<Name extends SimulationAction['action']> = Extract<SimulationAction, { action: Name }>;
/** The actions that are commands of a subscription. */
export type CommandAction = Of<
  | 'change'
  | 'set_quantity'
  | 'add'
  | 'remove'
  | 'pause'
  | 'resume'
  | 'cancel'
  | 'uncancel'
  | 'end_trial'
  | 'extend_trial'
  | 'schedule'
  | 'cancel_scheduled'
>;
type ChangeFields = Partial<Omit<Of<'change'>, 'at' | 'action' | 'subscription' | 'effective'>>;

/** The commands that an action comes to, for what the subscription is by then. Throws `validation_failed` for what it has not. */
export function commandsOf(action: CommandAction, life: Life, reading: Reading): SubscriptionCommand[] {
  const where = (text: string | undefined) =>
    text === undefined ? null : instantWhere(text, reading.timeZone);
  switch (action.action) {
    case 'change':
    case 'set_quantity':
    case 'add':
    case 'remove': {
      const holding = holdingOf(life, reading.catalogue);
      const { change } = readChange(holding, fieldsOf(action), reading, String(reading.index));
      return [{ kind: 'change', change, ...effectOf(action.effective, reading) }];
    }
    case 'pause': {
      const { effective, at } = effectOf(action.effective ?? 'now', reading);
      const { credit } = action;
      return [
        { kind: 'pause', credit, resumeAt: where(action.resume_at), effective: effective ?? 'now', at },
      ];
    }
    case 'resume': {
      const { effective, at } = effectOf(action.effective ?? 'now', reading);
      return [{ kind: 'resume', effective: effective === 'at' ? 'at' : 'now', at }];
    }
    case 'cancel': {
      const { mode, credit } = action;
      return [{ kind: 'cancel', mode, credit, at: where(action.cancel_at), reason: action.reason ?? null }];
    }
    case 'uncancel':
      return [{ kind: 'uncancel' }];
    case 'end_trial':
      return [{ kind: 'end_trial' }];
    case 'extend_trial':
      return [{ kind: 'extend_trial', trialEnd: instantWhere(action.trial_end, reading.timeZone) }];
    case 'schedule':
      return [scheduleOf(action, life, reading)];
    case 'cancel_scheduled':
      return cancelScheduled(life, where(action.effective_at));
  }
}

/** Absent: what the engine does by default. */
function effectOf(
  effective: string | undefined,
  { timeZone }: Reading,
): { effective: Effect | null; at: Date | null } {
  if (effective === undefined) return { effective: null, at: null };
  if (effective === 'now' || effective === 'period_end') return { effective, at: null };
  return { effective: 'at', at: instantWhere(effective, timeZone) };
}

/** Every action that changes what a subscription consists of, as the fields of a change. */
function fieldsOf(action: Of<'change' | 'set_quantity' | 'add' | 'remove'>): ChangeFields {
  const { proration } = action;
  switch (action.action) {
    case 'change':
      return action;
    case 'set_quantity':
      return { items: [{ key: action.key, quantity: action.quantity }], proration };
    case 'add':
      return { items: action.items, add_ons: action.add_ons, once: action.once, proration };
    case 'remove':
      return { remove: action.keys, proration };
  }
}

/** What a change is thought from. */
function holdingOf(life: Life, catalogue: SimulatedCatalogue): Holding {
  const { subscription, priced } = life;
  const items = priced.map(({ item, price, quantity }) => ({ key: item.key, price, quantity }));
  return { currency: subscription.currency, plan: catalogue.current(subscription), items };
}

type Read = { change: ChangeDraft; after: Holding };

function readChange(
  holding: Holding,
  fields: ChangeFields,
  { catalogue, timeZone }: Reading,
  salt: string,
): Read {
  const { plan_version: version = null } = fields;
  const reference = fields.plan ?? catalogue.referenceTo(holding.plan?.planId ?? '');
  const takes = fields.plan !== undefined || version !== null;
  const plan = takes ? catalogue.find('plan', reference, version) : null;
  if (takes && !plan) {
    const message = `There is no version ${version} of plan "${reference}"; give it in catalogue.`;
    throw refusal([{ path: 'plan_version', code: 'not_found', message }]);
  }
  const { change, errors } = composeChange(holding, { ...wantedOf(fields, catalogue, salt), plan });
  if (errors.length > 0) throw refusal(errors);
  return {
    change: {
      ...change,
      proration: fields.proration ?? null,
      anchor: fields.anchor ?? null,
      billingAnchor:
        fields.billing_anchor === undefined ? null : instantWhere(fields.billing_anchor, timeZone),
      trial: fields.trial ?? 'keep',
    },
    after: holdingAfter(holding, change, plan),
  };
}

/** What is asked for beside the plan, with its add-ons found. */
export function wantedOf(
  fields: Pick<ChangeFields, 'items' | 'add_ons' | 'once' | 'remove' | 'prices'>,
  catalogue: SimulatedCatalogue,
  salt: string,
): Omit<WantedChange, 'plan'> {
  const addOns = (asked: ChangeFields['add_ons']) =>
    (asked ?? []).flatMap(({ add_on: reference, key, quantity }) => {
      const sold = catalogue.find('add_on', reference, null);
      return sold ? [{ sold, key: key ?? null, quantity: units(quantity) }] : [];
    });
  return {
    items: fields.items?.map(({ key, quantity }) => ({ key, quantity: units(quantity) })) ?? null,
    addOns: addOns(fields.add_ons),
    once: addOns(fields.once),
    remove: fields.remove ?? [],
    prices: agreedPrices(fields.prices ?? [], salt),
  };
}

function units(quantity: string | undefined): Decimal | null {
  return quantity === undefined ? null : new Decimal(quantity);
}

/** Each phase is thought from what the phases before it leave. */
function scheduleOf({ phases, at }: Of<'schedule'>, life: Life, reading: Reading): SubscriptionCommand {
  const { catalogue, timeZone, index } = reading;
  let holding = holdingOf(life, catalogue);
  const asked = phases.map(({ start_at: startAt, after_cycles: cycles }) => ({
    startAt: startAt === undefined ? null : instantWhere(startAt, timeZone),
    cycles: cycles ?? null,
  }));
  const now = instantWhere(at, timeZone);
  const starts = phaseStarts(life.subscription, holding.items, asked, now);
  const drafts = phases.map((phase, n) => {
    const { change, after } = readChange(holding, phase, reading, `${index}.${n}`);
    holding = after;
    return { at: starts[n] ?? now, change };
  });
  return { kind: 'schedule', scheduleId: `schedule ${index}`, phases: drafts };
}

function cancelScheduled(life: Life, effectiveAt: Date | null): SubscriptionCommand[] {
  const meant = life.changes.filter(
    (change) => effectiveAt === null || change.effectiveAt.getTime() === effectiveAt.getTime(),
  );
  if (meant.length > 0) return meant.map(({ id }) => ({ kind: 'cancel_scheduled_change', id }));
  throw new DomainError(
    'scheduled_change_not_pending',
    'There is no such change waiting; nothing was canceled.',
  );
}

/** A refusal that names every field that cannot be used. */
export function refusal(errors: readonly FieldError[]): DomainError {
  const [first] = errors;
  const detail = first ? `${first.path}: ${first.message}` : 'Some fields cannot be used.';
  return new DomainError('validation_failed', detail, { errors: [...errors] });
}
