/** Something whose workflow has to run while its row says so. */
export type Entity = {
  kind: 'subscription' | 'invoice' | 'testClock' | 'webhookEndpoint' | 'migratePlan' | 'importUsage';
  tenantId: string;
  id: string;
};

/** A workflow that runs, as far as an operator sees it from outside. */
export type Running = {
  startedMs: number;
  /** What it says it waits for; null for kinds that do not say. */
  step: string | null;
  atMs: number | null;
};

/** The same, looked at closely. */
export type Looked = Running & {
  /** It is at work, or about to be: whatever it waits for may have changed before we can say anything about it. */
  busy: boolean;
  /** How often the code failed to go on from where it is; 0 while all is well. */
  failures: number;
};

/**
 * What repairs need of Temporal. Lists lag behind and are only asked for suspects; `look` is exact. Nothing here can do
 * harm when it was not needed: a workflow that runs is not started again, and a recheck carries nothing.
 */
export interface Engine {
  /** Those of the entities whose workflow seems to run, by id. */
  running(kind: Entity['kind'], ids: readonly string[]): Promise<Map<string, Running>>;
  /** All entities of a kind whose workflow seems to run, by id, a page at a time. */
  everyRunning(kind: Entity['kind']): AsyncIterable<ReadonlyMap<string, Running>>;
  look(kind: Entity['kind'], id: string): Promise<Looked | null>;
  /** False: it ran already. */
  start(entity: Entity): Promise<boolean>;
  /** Lets the workflow read its row again. `orStart`: one that does not run is started; otherwise that is no trouble. */
  recheck(entity: Pick<Entity, 'kind' | 'id'> & { tenantId: string | null }, orStart: boolean): Promise<void>;
}

/** Whom a nudge concerns, by its kind in the row. */
export const NUDGED = {
  subscription: 'subscription',
  invoice: 'invoice',
  test_clock: 'testClock',
  plan_migration: 'migratePlan',
  usage_import: 'importUsage',
} as const;
