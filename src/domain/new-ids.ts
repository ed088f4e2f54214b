import type { Decision } from './decision.ts';

/**
 * Decisions are pure and make no ids. What a decision begins has a placeholder until whoever makes it true gives it its
 * id, and everything in the decision that speaks of it says the placeholder, too.
 */
const PLACEHOLDER = 'new:';

/** The placeholder of the item that begins with this key. */
export function newItemId(key: string): string {
  return `${PLACEHOLDER}item:${key}`;
}

/** The placeholder of the n-th scheduled change that a decision makes. */
export function newChangeId(n: number): string {
  return `${PLACEHOLDER}change:${n}`;
}

/** The placeholder of the n-th line that a decision leaves for the next invoice. */
export function newPendingId(n: number): string {
  return `${PLACEHOLDER}pending:${n}`;
}

export function isNew(id: string): boolean {
  return id.startsWith(PLACEHOLDER);
}

/** The decision with real ids in place of every placeholder, from a source of ids that are never given twice. */
export function withIds(decision: Decision, newId: (prefix: 'si' | 'chg') => string): Decision {
  const given = new Map<string, string>();
  for (const { id } of decision.items) if (isNew(id)) given.set(id, newId('si'));
  for (const { id } of decision.scheduled) if (isNew(id)) given.set(id, newId('chg'));
  if (given.size === 0) return decision;
  const real = (id: string) => given.get(id) ?? id;
  const ofItem = <T extends { itemId: string }>(row: T): T => ({ ...row, itemId: real(row.itemId) });
  const ofLine = <T extends { itemId: string | null }>(line: T): T =>
    line.itemId === null ? line : { ...line, itemId: real(line.itemId) };
  const { invoice } = decision;
  return {
    ...decision,
    items: decision.items.map((item) => ({ ...item, id: real(item.id) })),
    segments: decision.segments.map(ofItem),
    invoice: invoice && { ...invoice, lines: invoice.lines.map(ofLine) },
    pending: decision.pending.map(ofLine),
    coverage: decision.coverage.map(ofItem),
    truncations: decision.truncations.map(ofItem),
    scheduled: decision.scheduled.map((change) => ({ ...change, id: real(change.id) })),
  };
}
