import type { ChangeDraft } from '../domain/classify-change.ts';
import type { Command } from '../domain/command.ts';
import type { SubscriptionCommand } from '../domain/decide-command.ts';
import { DomainError } from '../domain/errors.ts';
import { Decimal } from '../domain/money.ts';
import type { Price } from '../domain/plan.ts';
import { readTerms } from '../domain/price-terms.ts';
import {
  type ChangeBody,
  cancelCommand,
  cancelScheduledChangeCommand,
  changeCommand,
  extendTrialCommand,
  type PrivatePrice,
  pauseCommand,
  resumeCommand,
  scheduleCommand,
} from './commands.ts';

/** A command as the domain knows it; what it says beside that is for whoever applies it. */
export type ReadCommand = {
  command: SubscriptionCommand;
  /** The instant that it names, or null: in the past it is dated back, a later one is scheduled. */
  datedTo: Date | null;
  previewToken: string | null;
};

type Body = Pick<Command, 'id' | 'kind' | 'body'>;

/**
 * Reads the body of a command's row. `prices`: every price it names, private ones too. Throws `transition_not_allowed`
 * for a kind that no live subscription takes.
 */
export function readCommand({ id, kind, body }: Body, prices: ReadonlyMap<string, Price>): ReadCommand {
  switch (kind) {
    case 'cancel': {
      const { mode, at, reason, credit, preview_token } = cancelCommand.parse(body);
      return read({ kind, mode, at: instant(at), reason, credit }, null, preview_token);
    }
    case 'change': {
      const { change, effective, at, preview_token } = changeCommand.parse(body);
      const draft = readChange(change, prices);
      return read({ kind, change: draft, effective, at: instant(at) }, at, preview_token);
    }
    case 'pause': {
      const { credit, resume_at, effective, at, preview_token } = pauseCommand.parse(body);
      const resumeAt = instant(resume_at);
      return read({ kind, credit, resumeAt, effective, at: instant(at) }, at, preview_token);
    }
    case 'resume': {
      const { effective, at, preview_token } = resumeCommand.parse(body);
      return read({ kind, effective, at: instant(at) }, at, preview_token);
    }
    case 'schedule': {
      const { phases, preview_token } = scheduleCommand.parse(body);
      const drafts = phases.map(({ at, change }) => ({
        at: new Date(at),
        change: readChange(change, prices),
      }));
      return read({ kind, scheduleId: id, phases: drafts }, null, preview_token);
    }
    case 'cancel_scheduled_change':
      return read({ kind, id: cancelScheduledChangeCommand.parse(body).scheduled_change });
    case 'extend_trial':
      return read({ kind, trialEnd: new Date(extendTrialCommand.parse(body).trial_end) });
    case 'uncancel':
    case 'end_trial':
      return read({ kind });
    default:
      throw new DomainError(
        'transition_not_allowed',
        `A live subscription does not take the command "${kind}".`,
      );
  }
}

/** The ids of the prices that a body names, and the rows that it brings along for this subscription alone. */
export function pricesIn({ kind, body }: Pick<Command, 'kind' | 'body'>): {
  named: string[];
  own: readonly PrivatePrice[];
} {
  const { changes, own } = pricedBody(kind, body);
  const named = changes.flatMap(({ set, once }) => [...set, ...once].map(({ price }) => price));
  const brought = new Set(own.map(({ id }) => id));
  return { named: named.filter((id) => !brought.has(id)), own };
}

function pricedBody(kind: Command['kind'], body: unknown): { changes: ChangeBody[]; own: PrivatePrice[] } {
  if (kind === 'change') {
    const { change, prices } = changeCommand.parse(body);
    return { changes: [change], own: prices };
  }
  if (kind === 'schedule') {
    const { phases, prices } = scheduleCommand.parse(body);
    return { changes: phases.map(({ change }) => change), own: prices };
  }
  return { changes: [], own: [] };
}

/** A private price as the row that will be written with its command. */
export function readPrivatePrice(
  { plan, plan_version, item, meter, terms, minimum, maximum, interval, ...price }: PrivatePrice,
  of: { tenantId: string; subscriptionId: string; at: Date },
): Price {
  return {
    ...price,
    tenantId: of.tenantId,
    subscriptionId: of.subscriptionId,
    planId: plan,
    planVersion: plan_version,
    itemId: item,
    meterId: meter,
    terms: readTerms(terms),
    minimum: minimum === null ? null : new Decimal(minimum),
    maximum: maximum === null ? null : new Decimal(maximum),
    intervalUnit: interval?.unit ?? null,
    intervalCount: interval?.count ?? null,
    createdAt: of.at,
  };
}

function read(
  command: SubscriptionCommand,
  at: string | null = null,
  token: string | null = null,
): ReadCommand {
  return { command, datedTo: instant(at), previewToken: token };
}

function readChange(
  { plan, set, remove, once, proration, anchor, billing_anchor, trial }: ChangeBody,
  prices: ReadonlyMap<string, Price>,
): ChangeDraft {
  const target = ({ key, price: priceId, quantity }: ChangeBody['set'][number]) => {
    const price = prices.get(priceId);
    if (!price) throw new DomainError('not_found', `price ${priceId} has no row`);
    return { key, price, quantity: new Decimal(quantity) };
  };
  return {
    plan: plan && { planId: plan.plan, version: plan.version },
    set: set.map(target),
    remove,
    once: once.map(target),
    proration,
    anchor,
    billingAnchor: instant(billing_anchor),
    trial,
  };
}

function instant(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

/** The token that a command carries, whatever it asks for; null without one. */
export function previewTokenOf({ body }: Pick<Command, 'body'>): string | null {
  return typeof body.preview_token === 'string' ? body.preview_token : null;
}
