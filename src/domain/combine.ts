import { lifeAfter, NOT_YET } from './apply-decision.ts';
import { invoiceOf, type LineDraft } from './build-invoice.ts';
import type { Coverage, Decision } from './decision.ts';
import type { Life } from './life.ts';
import { isNew } from './new-ids.ts';

/**
 * Two decisions about one life as one, with one invoice dated `at`: `first`, and what `decideNext` makes of the life
 * that it leaves.
 */
export function combined(
  life: Life,
  first: Decision,
  decideNext: (then: Life) => Decision,
  at: Date,
): Decision {
  const then = withRunning(life, lifeAfter(life, first, NOT_YET));
  const second = decideNext(then);
  const own = {
    first: ownLines(first, life.pending.length),
    second: ownLines(second, then.pending.length),
  };
  const takesFirst = second.takesPending;
  const takesPending = first.takesPending || second.takesPending;
  const lines = [
    ...own.first,
    ...own.second,
    ...(takesFirst ? first.pending : []),
    ...(takesPending ? life.pending.map(({ line }) => line) : []),
  ];
  const reason = second.invoice?.billingReason ?? first.invoice?.billingReason ?? 'subscription_update';
  const alive = new Set(second.items.map(({ id }) => id));
  return {
    ...second,
    items: [...first.items.filter(({ id }) => !alive.has(id)), ...second.items],
    segments: [...first.segments, ...second.segments],
    invoice: invoiceOf(lines, reason, at),
    pending: takesFirst ? second.pending : [...first.pending, ...second.pending],
    takesPending,
    credits: [...first.credits, ...second.credits],
    coverage: [
      ...first.coverage.map((stretch) =>
        takesFirst ? taken(stretch, own.first.length + own.second.length) : stretch,
      ),
      ...second.coverage.map((stretch) =>
        shifted(stretch, own.first.length, takesFirst ? 0 : first.pending.length),
      ),
    ],
    truncations: [...first.truncations, ...second.truncations],
    ...changesOf(first, second),
    events: [...new Set([...first.events, ...second.events])],
    collect: first.collect || second.collect,
    voidOpenInvoices: first.voidOpenInvoices || second.voidOpenInvoices,
  };
}

/** What was used and spent in a period that goes on through the first decision is still known to the second. */
function withRunning(life: Life, then: Life): Life {
  const priced = then.priced.map((entry) => {
    const had = life.priced.find(({ item }) => item.id === entry.item.id);
    const start = entry.item.currentPeriodStart?.getTime();
    const goesOn = start !== undefined && start === had?.item.currentPeriodStart?.getTime();
    return had && goesOn && had.price.id === entry.price.id ? { ...had, ...entry } : entry;
  });
  return { ...then, priced };
}

function ownLines({ invoice, takesPending }: Decision, pending: number): readonly LineDraft[] {
  if (!invoice) return [];
  return takesPending ? invoice.lines.slice(0, invoice.lines.length - pending) : invoice.lines;
}

function taken(stretch: Coverage, offset: number): Coverage {
  const { pendingLine } = stretch;
  return pendingLine === null ? stretch : { ...stretch, line: offset + pendingLine, pendingLine: null };
}

function shifted(stretch: Coverage, lines: number, pending: number): Coverage {
  const { line, pendingLine } = stretch;
  return {
    ...stretch,
    line: line === null ? null : line + lines,
    pendingLine: pendingLine === null ? null : pendingLine + pending,
  };
}

/** What the second made of changes that the first had only just scheduled happens to them before anybody sees them. */
function changesOf(first: Decision, second: Decision): Pick<Decision, 'finished' | 'scheduled' | 'moved'> {
  const over = new Set(second.finished.map(({ id }) => id));
  const moved = new Map([...first.moved, ...second.moved].map(({ id, effectiveAt }) => [id, effectiveAt]));
  return {
    finished: [...first.finished, ...second.finished].filter(({ id }) => !isNew(id)),
    scheduled: [...first.scheduled, ...second.scheduled]
      .filter(({ id }) => !over.has(id))
      .map((change) => ({ ...change, effectiveAt: moved.get(change.id) ?? change.effectiveAt })),
    moved: [...moved]
      .filter(([id]) => !isNew(id) && !over.has(id))
      .map(([id, effectiveAt]) => ({ id, effectiveAt })),
  };
}
