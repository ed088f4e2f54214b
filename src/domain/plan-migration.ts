import type { AnchorChange, Proration } from './change.ts';
import type { Effect } from './classify-change.ts';
import { type ComposedChange, composeChange, type Holding, type Sold } from './compose-change.ts';
import type { SubscriptionCommand } from './decide-command.ts';
import type { FieldError } from './errors.ts';
import type { Life } from './life.ts';
import { isEnded, type Subscription, type SubscriptionStatus } from './subscription.ts';

/** Moving the subscribers of a plan to another version of it, each exactly once. */

export const PLAN_MIGRATION_STATUSES = ['running', 'paused', 'completed', 'canceled'] as const;
export type PlanMigrationStatus = (typeof PLAN_MIGRATION_STATUSES)[number];

/**
 * What became of one subscriber: `scheduled` is moved at the instant it waits for, `skipped` needed no move, `refused`
 * may not be moved as it is, `failed` could not be.
 */
export const SUBSCRIBER_STATUSES = [
  'pending',
  'applied',
  'scheduled',
  'refused',
  'skipped',
  'failed',
] as const;
export type SubscriberStatus = (typeof SUBSCRIBER_STATUSES)[number];

/** Which of the plan's subscribers; null: whatever it is. Ended ones never are. */
export type MigrationFilter = {
  status: SubscriptionStatus[] | null;
  customer: string | null;
  currency: string | null;
  /** An instant; those that began, or are to begin, before it. */
  started_before: string | null;
};

export type PlanMigration = {
  id: string;
  tenantId: string;
  planId: string;
  /** Null: all that are older than `toVersion`. */
  fromVersion: number | null;
  toVersion: number;
  filter: MigrationFilter;
  effective: Effect;
  /** Set exactly for the effect `at`. */
  effectiveAt: Date | null;
  proration: Proration | null;
  anchor: AnchorChange | null;
  /** Whether subscribers are moved for whom a change is scheduled, which would then not take place. */
  replacesScheduled: boolean;
  status: PlanMigrationStatus;
  createdAt: Date;
  updatedAt: Date;
  finishedAt: Date | null;
};

/** One subscriber of a migration: a row that is written when it is asked for and has its outcome when it is completed. */
export type MigrationSubscriber = {
  migrationId: string;
  subscriptionId: string;
  tenantId: string;
  fromVersion: number;
  status: SubscriberStatus;
  /** Why, as a code and as a sentence; null where there is nothing to say. */
  reason: string | null;
  message: string | null;
  /** The command that moves it, once there is one. */
  commandId: string | null;
  /** How many commands did not come to an outcome, and when the next one is to be tried. */
  tries: number;
  againAt: Date | null;
  finishedAt: Date | null;
};

/** How soon a subscriber is tried again whose charge was under way, or whose command nobody took in time. */
export const TRY_AGAIN_AFTER_MS = [60_000, 600_000, 3_600_000] as const;

/** What a migration means for a subscription as it stands. */
export type Verdict =
  | { kind: 'move'; change: ComposedChange }
  | { kind: 'skipped' | 'refused'; reason: string; message: string };

type Wanted = Pick<PlanMigration, 'planId' | 'toVersion' | 'replacesScheduled'>;

/**
 * Whether a subscription is to be moved, and what it then consists of: the new version's prices with the quantities it
 * has. A price that was agreed with it alone stays. Whether its state allows a change is for the change itself to say.
 */
export function judgeSubscriber(migration: Wanted, life: Life, from: Sold, to: Sold): Verdict {
  const { subscription, changes } = life;
  const skip = whyNotConcerned(migration, subscription);
  if (skip) return skip;
  const waiting = changes.flatMap(({ action }) => (action.kind === 'change' ? [action.change] : []));
  if (waiting.some(({ plan }) => plan?.planId === to.planId && plan.version === to.version))
    return { kind: 'skipped', reason: 'already_scheduled', message: 'It is scheduled to move there.' };
  if (waiting.length > 0 && !migration.replacesScheduled)
    return {
      kind: 'refused',
      reason: 'change_scheduled',
      message:
        'A change is scheduled for it, which this move would take the place of; set replace_scheduled.',
    };
  const { change, errors } = moveOf(holdingOf(life, from), to);
  const [error] = errors;
  return error ? { kind: 'refused', reason: error.code, message: error.message } : { kind: 'move', change };
}

function whyNotConcerned(
  { planId, toVersion }: Wanted,
  subscription: Pick<Subscription, 'planId' | 'planVersion' | 'status'>,
): Verdict | null {
  const kind = 'skipped';
  if (isEnded(subscription.status)) return { kind, reason: 'ended', message: 'It has ended.' };
  if (subscription.planId !== planId)
    return { kind, reason: 'other_plan', message: 'It is on another plan.' };
  if (subscription.planVersion === toVersion)
    return { kind, reason: 'already_there', message: 'It is on this version.' };
  return null;
}

function holdingOf({ subscription, priced }: Life, from: Sold): Holding {
  const items = priced.map(({ item, price, quantity }) => ({ key: item.key, price, quantity }));
  return { currency: subscription.currency, plan: from, items };
}

function moveOf(holding: Holding, to: Sold): { change: ComposedChange; errors: FieldError[] } {
  const nothingElse = { items: null, addOns: [], once: [], remove: [], prices: [] };
  const { change, errors } = composeChange(holding, { plan: to, ...nothingElse });
  const agreed = new Map(
    holding.items.flatMap((item) =>
      item.price.subscriptionId !== null && item.price.planId === to.planId ? [[item.key, item]] : [],
    ),
  );
  return { change: { ...change, set: change.set.map((target) => agreed.get(target.key) ?? target) }, errors };
}

/** The change that moves a subscriber, as a command of his. */
export function moveCommand(
  {
    effective,
    effectiveAt,
    proration,
    anchor,
  }: Pick<PlanMigration, 'effective' | 'effectiveAt' | 'proration' | 'anchor'>,
  change: ComposedChange,
): Extract<SubscriptionCommand, { kind: 'change' }> {
  const terms = { proration, anchor, billingAnchor: null, trial: 'keep' } as const;
  return { kind: 'change', change: { ...change, ...terms }, effective, at: effectiveAt };
}
