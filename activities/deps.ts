import type { Gateway } from '../src/gateways/port.ts';
import type { Database, Tx } from '../src/persistence/doors.ts';
import type { Presenters, Write } from '../src/persistence/write.ts';

/** What activities are given at start. */
export type ActivityDeps = {
  database: Database;
  gateways: { get(name: string): Gateway };
  present: Presenters;
  now: () => Date;
  /** Opens what the vault sealed: the secret that a gateway signs its callbacks with. */
  openSecret: (sealed: string, at: { tenantId: string; column: string; rowId: string }) => string;
  publicUrl: string;
  log: { warn(facts: object, sentence: string): void; error(facts: object, sentence: string): void };
};

export function writeOf(
  deps: ActivityDeps,
  tx: Tx,
  tenantId: string,
  at: Date,
  cause: { correlationId: string | null; causationId: string | null },
): Write {
  return { tx, tenantId, at, wallNow: deps.now(), cause, present: deps.present };
}
