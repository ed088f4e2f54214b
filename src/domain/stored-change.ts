import type { Change, ItemTarget, PlannedAction, ScheduledChange } from './change.ts';
import type { Obstacle } from './errors.ts';
import { Decimal } from './money.ts';
import type { Price } from './plan.ts';

export const SCHEDULED_CHANGE_STATUSES = ['pending', 'applied', 'replaced', 'canceled'] as const;
export type ScheduledChangeStatus = (typeof SCHEDULED_CHANGE_STATUSES)[number];

/** A scheduled change as a row: what it does stands in ids and strings, and it stays when it is done with. */
export type StoredChange = Omit<ScheduledChange, 'action'> & {
  tenantId: string;
  subscriptionId: string;
  kind: PlannedAction['kind'];
  body: StoredAction;
  status: ScheduledChangeStatus;
  commandId: string | null;
  createdAt: Date;
  finishedAt: Date | null;
  /** Why one that was due did not take place. */
  reason: Obstacle | null;
};

type StoredTarget = { key: string; price: string; quantity: string };

/** The action's fields as plain JSON, in the words of the API; `kind` stands beside it. */
export type StoredAction =
  | {
      plan: { plan: string; version: number } | null;
      set: StoredTarget[];
      remove: string[];
      once: StoredTarget[];
      proration: Change['proration'];
      anchor: Change['anchor'];
      billing_anchor: string | null;
      trial: Change['trial'];
    }
  | { credit: boolean; resume_at: string | null }
  | Record<string, never>;

/** What a row keeps of an action; `readAction` is the way back. */
export function storeAction(action: PlannedAction): StoredAction {
  switch (action.kind) {
    case 'change':
      return storeChange(action.change);
    case 'pause':
      return { credit: action.credit, resume_at: action.resumeAt?.toISOString() ?? null };
    case 'resume':
      return {};
  }
}

function storeChange({ plan, set, remove, once, proration, anchor, billingAnchor, trial }: Change) {
  return {
    plan: plan && { plan: plan.planId, version: plan.version },
    set: set.map(storeTarget),
    remove: [...remove],
    once: once.map(storeTarget),
    proration,
    anchor,
    billing_anchor: billingAnchor?.toISOString() ?? null,
    trial,
  };
}

function storeTarget({ key, price, quantity }: ItemTarget): StoredTarget {
  return { key, price: price.id, quantity: quantity.toFixed() };
}

/** The ids of the prices that a stored action names. */
export function pricesNamed(body: StoredAction): string[] {
  return 'set' in body ? [...body.set, ...body.once].map(({ price }) => price) : [];
}

/** What `storeAction` wrote, as an action again. Throws `RangeError` when a price it names is not among `prices`. */
export function readAction(
  { kind, body }: Pick<StoredChange, 'kind' | 'body'>,
  prices: ReadonlyMap<string, Price>,
): PlannedAction {
  if (kind === 'resume') return { kind };
  if (kind === 'pause' && 'resume_at' in body)
    return { kind, credit: body.credit, resumeAt: body.resume_at === null ? null : new Date(body.resume_at) };
  if (kind === 'change' && 'set' in body) {
    const { plan, remove, proration, anchor, billing_anchor: billingAnchor, trial } = body;
    const target = (stored: StoredTarget) => readTarget(stored, prices);
    const change: Change = {
      plan: plan && { planId: plan.plan, version: plan.version },
      set: body.set.map(target),
      remove,
      once: body.once.map(target),
      proration,
      anchor,
      billingAnchor: billingAnchor === null ? null : new Date(billingAnchor),
      trial,
    };
    return { kind, change };
  }
  throw new RangeError(`a scheduled ${kind} does not say what it does`);
}

function readTarget(
  { key, price: priceId, quantity }: StoredTarget,
  prices: ReadonlyMap<string, Price>,
): ItemTarget {
  const price = prices.get(priceId);
  if (!price) throw new RangeError(`price ${priceId} of a scheduled change has no row`);
  return { key, price, quantity: new Decimal(quantity) };
}
