import type { ChangeIn } from '../src/contract/changes.ts';
import type { ChangeBody, PrivatePrice } from '../src/contract/commands.ts';
import type { ItemTarget } from '../src/domain/change.ts';
import {
  type ComposedChange,
  composeChange,
  type Holding,
  holdingAfter,
  type Sold,
} from '../src/domain/compose-change.ts';
import type { FieldError } from '../src/domain/errors.ts';
import { Decimal } from '../src/domain/money.ts';
import type { Subscription } from '../src/domain/subscription.ts';
import type { Tx } from '../src/persistence/doors.ts';
import { findPlanByReference, found } from '../src/persistence/find-by-reference.ts';
import { pricedItemsOf } from '../src/persistence/list-subscriptions.ts';
import { findPlanAtVersion } from '../src/persistence/save-plans.ts';
import { agreedPrices } from './agreed-prices.ts';
import { findAddOns, findSold } from './find-sold.ts';
import { invalid } from './validate.ts';

/** The fields of a change, without when it takes place. */
export type ChangeFields = Omit<ChangeIn, 'effective' | 'preview_token'>;
export type ResolvedChange = { change: ChangeBody; prices: PrivatePrice[]; after: Holding };

/** What a subscription consists of now. */
export async function holdingOf(tx: Tx, subscription: Subscription): Promise<Holding> {
  const plan = found(await findPlanByReference(tx, subscription.planId), 'plan');
  const [at, items] = await Promise.all([
    findPlanAtVersion(tx, plan, subscription.planVersion),
    pricedItemsOf(tx, [subscription.id]),
  ]);
  if (!at) throw new Error(`plan ${plan.id} has no version ${subscription.planVersion}`);
  return {
    currency: subscription.currency,
    plan: { planId: plan.id, version: at.version.version, prices: at.prices },
    items: (items.get(subscription.id) ?? []).map(({ item, price, quantity }) => ({
      key: item.key,
      price,
      quantity,
    })),
  };
}

/**
 * A change with its references found and its items named by price: what a command row keeps. It is thought from
 * `holding`; whether the subscription's state allows it is asked when it is applied. `prefix` is where its fields stand
 * in the request. Throws `validation_failed` with all fields that are wrong.
 */
export async function resolveChange(
  tx: Tx,
  { id: subscriptionId, tenantId }: Pick<Subscription, 'id' | 'tenantId'>,
  holding: Holding,
  body: ChangeFields,
  { at, prefix = '' }: { at: Date; prefix?: string },
): Promise<ResolvedChange> {
  const errors: FieldError[] = [];
  const plan = await planOf(tx, holding, body, errors);
  const addOns = await findAddOns(tx, body.add_ons, 'add_ons', errors);
  const once = await findAddOns(tx, body.once, 'once', errors);
  const agreed = await agreedPrices(tx, { tenantId, subscriptionId, at }, body.prices ?? []);
  const wanted = {
    plan,
    items:
      body.items?.map(({ key, quantity }) => ({
        key,
        quantity: quantity === undefined ? null : new Decimal(quantity),
      })) ?? null,
    addOns,
    once,
    remove: body.remove ?? [],
    prices: agreed.wanted,
  };
  if (errors.length === 0) {
    const composed = composeChange(holding, wanted);
    if (composed.errors.length === 0)
      return {
        change: changeBody(composed.change, body),
        prices: agreed.made,
        after: holdingAfter(holding, composed.change, plan),
      };
    errors.push(...composed.errors);
  }
  throw invalid(errors.map((error) => ({ ...error, path: `${prefix}${error.path}` })));
}

/** The plan that is taken; null when it stays as it is. */
async function planOf(
  tx: Tx,
  holding: Holding,
  { plan, plan_version: version }: ChangeFields,
  errors: FieldError[],
): Promise<Sold | null> {
  const reference = plan ?? (version === undefined ? null : holding.plan?.planId);
  if (!reference) return null;
  const wanted = { kind: 'plan', reference, version: version ?? null, path: 'plan' } as const;
  return findSold(tx, { ...wanted, archivedToo: plan === undefined }, errors);
}

function changeBody(composed: ComposedChange, body: ChangeFields): ChangeBody {
  const { plan, set, remove, once } = composed;
  return {
    plan: plan && { plan: plan.planId, version: plan.version },
    set: set.map(target),
    remove: [...remove],
    once: once.map(target),
    proration: body.proration ?? null,
    anchor: body.anchor ?? null,
    billing_anchor: body.billing_anchor ?? null,
    trial: body.trial,
  };
}

function target({ key, price, quantity }: ItemTarget): ChangeBody['set'][number] {
  return { key, price: price.id, quantity: quantity.toFixed() };
}
