import type { Client } from '@temporalio/client';
import type { Database } from '../../persistence/doors.ts';
import type { Broken } from '../../persistence/invariants/promised.ts';
import { askRows, ROW_PROMISES } from '../../persistence/invariants.ts';
import { clock } from '../../platform/clock.ts';
import { askGatewayLog, GATEWAY_PROMISES } from './gateway-log.ts';
import { askWorkflows, WORKFLOW_PROMISES } from './workflows.ts';

/** `checked`: how many promises were asked for. `skipped`: those that could not be, because nobody answered. */
export type Invariants = { checked: number; broken: Broken[]; skipped: string[] };

/**
 * Asks for every promise: of the rows always, of Temporal and of the sandbox gateway's log where they are given and
 * answer. Changes nothing, and may run while everything works.
 */
export async function checkInvariants(
  database: Database,
  others: {
    temporal?: Client | undefined;
    gatewayUrl?: string | null | undefined;
    at?: Date | undefined;
  } = {},
): Promise<Invariants> {
  const at = others.at ?? clock.now();
  const rows = await askRows(database, at);
  const gateway = others.gatewayUrl ? await askGatewayLog(database, others.gatewayUrl) : null;
  const workflows = others.temporal ? await askWorkflows(database, others.temporal, at) : null;
  const skipped = [
    ...(gateway ? [] : Object.keys(GATEWAY_PROMISES)),
    ...(workflows ? [] : Object.keys(WORKFLOW_PROMISES)),
  ];
  const all =
    ROW_PROMISES.length + Object.keys(GATEWAY_PROMISES).length + Object.keys(WORKFLOW_PROMISES).length;
  return {
    checked: all - skipped.length,
    broken: [...rows, ...(gateway ?? []), ...(workflows ?? [])],
    skipped,
  };
}

/** Every promise with its sentence, in the order in which they are asked for. */
export function everyPromise(): { promise: string; sentence: string }[] {
  const elsewhere = Object.entries({ ...GATEWAY_PROMISES, ...WORKFLOW_PROMISES });
  return [...ROW_PROMISES, ...elsewhere.map(([promise, sentence]) => ({ promise, sentence }))];
}
