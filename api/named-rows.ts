import type { Tx } from '../src/persistence/doors.ts';
import {
  findCustomerByReference,
  findPlanByReference,
  findSubscriptionByReference,
} from '../src/persistence/find-by-reference.ts';

const NAMED = {
  customer: { find: findCustomerByReference, column: 'customerId' },
  subscription: { find: findSubscriptionByReference, column: 'subscriptionId' },
  plan: { find: findPlanByReference, column: 'planId' },
} as const;

type Name = keyof typeof NAMED;
type Columns = Partial<Record<(typeof NAMED)[Name]['column'], string>>;

/** The filters of a list that name rows, in the words of the tables; null when one names nothing, so that nothing matches. */
export async function namedRows(
  tx: Tx,
  query: { [name in Name]?: string | undefined },
): Promise<Columns | null> {
  const columns: Columns = {};
  for (const name of ['customer', 'subscription', 'plan'] as const) {
    const reference = query[name];
    if (reference === undefined) continue;
    const { find, column } = NAMED[name];
    const row = await find(tx, reference);
    if (row === null) return null;
    columns[column] = row.id;
  }
  return columns;
}
