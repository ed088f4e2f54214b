import { invoiceOf, type LineDraft } from './build-invoice.ts';
import type { Decision } from './decision.ts';

/**
 * The decision with what it gives back of these lines left for the next invoice. A charge of theirs is under way: while it
 * is, nobody knows whether the money was paid, and only money that was paid may be given back (billing rule 13).
 * `waiting`: how many lines of the invoice waited for it; they stand last and stay where they are.
 */
export function putOffCredits(decision: Decision, ofLines: ReadonlySet<string>, waiting: number): Decision {
  const { invoice } = decision;
  const taken = decision.takesPending ? waiting : 0;
  const own = invoice ? invoice.lines.length - taken : 0;
  const isPutOff = (line: LineDraft, n: number) => n < own && givesBack(line, ofLines);
  const put = invoice?.lines.filter(isPutOff) ?? [];
  if (!invoice || put.length === 0) return decision;
  const places = new Map<number, number>();
  for (const [n, line] of invoice.lines.entries()) if (!isPutOff(line, n)) places.set(n, places.size);
  const kept = invoice.lines.filter((line, n) => !isPutOff(line, n));
  const left = invoiceOf(kept, invoice.billingReason, invoice.at);
  return {
    ...decision,
    invoice: left,
    takesPending: left !== null && decision.takesPending,
    pending: [...decision.pending, ...put],
    coverage: decision.coverage.map((stretch) => ({
      ...stretch,
      line: stretch.line === null ? null : (places.get(stretch.line) ?? null),
    })),
  };
}

/** Whether a decision gives back something of these lines, on paper or for later. */
export function givesBackOf({ invoice, pending }: Decision, ofLines: ReadonlySet<string>): boolean {
  return [...(invoice?.lines ?? []), ...pending].some((line) => givesBack(line, ofLines));
}

function givesBack({ reverses }: LineDraft, ofLines: ReadonlySet<string>): boolean {
  return reverses !== null && reverses.lineId !== null && ofLines.has(reverses.lineId);
}
