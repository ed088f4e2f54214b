import type { ItemTarget } from '../domain/change.ts';
import type { SubscriptionCommand } from '../domain/decide-command.ts';
import type { ChangeBody, ChangeCommand } from './commands.ts';

/** A change of the catalogue's prices as the body of its command row; `readCommand` is the way back. */
export function moveBody({
  change,
  effective,
  at,
}: Extract<SubscriptionCommand, { kind: 'change' }>): ChangeCommand {
  const { plan, set, remove, once, proration, anchor, billingAnchor, trial } = change;
  return {
    effective,
    at: at?.toISOString() ?? null,
    preview_token: null,
    prices: [],
    change: {
      plan: plan && { plan: plan.planId, version: plan.version },
      set: set.map(target),
      remove: [...remove],
      once: once.map(target),
      proration,
      anchor,
      billing_anchor: billingAnchor?.toISOString() ?? null,
      trial,
    },
  };
}

function target({ key, price, quantity }: ItemTarget): ChangeBody['set'][number] {
  return { key, price: price.id, quantity: quantity.toFixed() };
}
