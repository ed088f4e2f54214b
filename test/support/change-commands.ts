import { expect } from '@jest/globals';
import type { ChangeCommand } from '../../src/contract/commands.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { InvoiceLineSchema, InvoiceSchema } from '../../src/persistence/invoices.ts';
import { findRows } from '../../src/persistence/rows.ts';
import type { Plan } from './stories.ts';
import type { World } from './world.ts';

/** Bodies of change commands as the API writes them, and what they leave behind. */

const NO_CHANGE: ChangeCommand['change'] = {
  plan: null,
  set: [],
  remove: [],
  once: [],
  proration: null,
  anchor: null,
  billing_anchor: null,
  trial: 'keep',
};

/** A change at once, unless `rest` says otherwise. */
export const becoming = (
  change: Partial<ChangeCommand['change']>,
  rest: Partial<ChangeCommand> = {},
): ChangeCommand => ({
  effective: 'now',
  at: null,
  preview_token: null,
  prices: [],
  ...rest,
  change: { ...NO_CHANGE, ...change },
});

/** The change to all prices of another plan. */
export const toPlan = ({ planId, prices }: Plan, changes: Partial<ChangeCommand['change']> = {}) => ({
  plan: { plan: planId, version: 1 },
  set: prices.map(({ key, id }) => ({ key, price: id, quantity: '1' })),
  ...changes,
});

/** Another quantity of a plan's first price. */
export const seats = ({ prices: [price] }: Plan, quantity: string) => ({
  set: [{ key: price?.key ?? '', price: price?.id ?? '', quantity }],
});

/** One row per invoice, oldest first: why, status, total, and the amounts of its lines. */
export async function bills(world: World, subscriptionId: string): Promise<string[]> {
  return world.inTenant(async (tx) => {
    const invoices = await findRows(tx, InvoiceSchema, { subscriptionId }, { orderBy: { id: 'asc' } });
    const lines = await findRows(
      tx,
      InvoiceLineSchema,
      { invoiceId: { $in: invoices.map(({ id }) => id) } },
      { orderBy: { n: 'asc' } },
    );
    return invoices.map(({ id, status, total, billingReason }) => {
      const own = lines.filter(({ invoiceId }) => invoiceId === id);
      return `${billingReason} ${status} ${total.toFixed()} = ${own.map(({ amount }) => amount.toFixed()).join(' + ')}`;
    });
  });
}

export const promisesKept = async (world: World) =>
  expect(await askRows(world.database, new Date())).toEqual([]);
