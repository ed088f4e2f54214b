import { Context } from '@temporalio/activity';
import { toFailure } from './failure.ts';
import { chargesOfEndedInvoices, waitingInvoices } from './repairs/invoices.ts';
import {
  callbacks,
  clocks,
  endpoints,
  events,
  expiredCommands,
  imports,
  migrations,
  nudges,
} from './repairs/left-behind.ts';
import type { Pass, Repair, RepairDeps, RepairKind } from './repairs/repair.ts';
import { subscriptions } from './repairs/subscriptions.ts';

/** In this order: what the relay carries first, because it explains why a workflow does not know its row. */
const PASSES: readonly [name: string, pass: Pass][] = [
  ['commands', expiredCommands],
  ['events', events],
  ['callbacks', callbacks],
  ['nudges', nudges],
  ['subscriptions', subscriptions],
  ['invoices', waitingInvoices],
  ['charges', chargesOfEndedInvoices],
  ['clocks', clocks],
  ['migrations', migrations],
  ['imports', imports],
  ['endpoints', endpoints],
];

/** Where a reconciliation is: the pass, and how far it has come in it. */
export type ReconcilePlace = { pass: string; after: string | null };

export type ReconcileOptions = {
  /** Tell what would be done, and do nothing. */
  dryRun: boolean;
  /** Go on from here; from the beginning when absent. */
  from?: ReconcilePlace | undefined;
  beat?: ((place: ReconcilePlace) => void) | undefined;
};

/**
 * Compares every row that waits for something with the workflow that is to wake it, and brings together what does not
 * agree. The row is the truth: a workflow is started, told to read its row again, or left alone. Yields each repair once
 * it was made; in a dry run, what would be made. May run at any time, and beside another one. Throws when the database or
 * Temporal is away.
 */
export async function* reconcile(deps: RepairDeps, options: ReconcileOptions): AsyncGenerator<Repair> {
  const { dryRun, from, beat } = options;
  const first = from
    ? Math.max(
        0,
        PASSES.findIndex(([name]) => name === from.pass),
      )
    : 0;
  for (const [n, [name, pass]] of PASSES.slice(first).entries()) {
    const after = n === 0 ? (from?.after ?? null) : null;
    const run = { dryRun, after, beat: (to: string | null) => beat?.({ pass: name, after: to }) };
    yield* pass(deps, run);
  }
}

export type ReconcileActivityDeps = RepairDeps & {
  /** Hears of each repair: logs and counts it. */
  onRepair(repair: Repair): void;
};

export type ReconcileAnswer = { repairs: Partial<Record<RepairKind, number>> };

const HEARTBEAT_MS = 5_000;

export function createReconcileActivities(deps: ReconcileActivityDeps) {
  return {
    /** All of it. A worker that dies leaves the place it had come to, and the next one goes on from there. */
    async reconcileAll(): Promise<ReconcileAnswer> {
      const context = Context.current();
      let place = (context.info.heartbeatDetails as ReconcilePlace | undefined) ?? undefined;
      const beat = setInterval(() => context.heartbeat(place), HEARTBEAT_MS);
      const repairs: ReconcileAnswer['repairs'] = {};
      try {
        const onPlace = (reached: ReconcilePlace) => {
          context.cancellationSignal.throwIfAborted();
          place = reached;
        };
        for await (const repair of reconcile(deps, { dryRun: false, from: place, beat: onPlace })) {
          repairs[repair.kind] = (repairs[repair.kind] ?? 0) + 1;
          deps.onRepair(repair);
        }
        return { repairs };
      } catch (error) {
        throw toFailure(error, true);
      } finally {
        clearInterval(beat);
      }
    },
  };
}

export type ReconcileActivities = ReturnType<typeof createReconcileActivities>;
