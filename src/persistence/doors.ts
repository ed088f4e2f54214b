import type { EntityName, MikroORM } from '@mikro-orm/postgresql';
import type { Pool } from 'pg';
import { isId } from '../domain/ids.ts';
import { type Mapping, mappingOf } from './mapping.ts';
import type { Outcome } from './pipeline.ts';
import { Prepared } from './prepared.ts';
import { Reading, type Session, Transaction, Writing } from './session.ts';

/**
 * One open transaction. Only persistence looks inside; everybody else hands it on, and it never outlives the call
 * of the door that made it.
 */
export class Tx {
  readonly #session: Session;
  readonly #mappings: Mappings;

  constructor(session: Session, mappings: Mappings) {
    this.#session = session;
    this.#mappings = mappings;
  }

  run(text: string, values: readonly unknown[]): Promise<Outcome> {
    return this.#session.run(text, values);
  }

  /** The same for a statement whose outcome says nothing: it travels with the next one, or with the commit. */
  later(text: string, values: readonly unknown[]): void {
    this.#session.later(text, values);
  }

  mapping<T extends object>(entity: EntityName<T>): Mapping {
    return this.#mappings(entity);
  }
}

type Mappings = <T extends object>(entity: EntityName<T>) => Mapping;

/**
 * The doors to the data. The login role owns nothing and inherits nothing, so code that forgets a door gets
 * "permission denied", never another tenant's rows.
 */
export interface Database extends AsyncDisposable {
  /** A transaction that sees and writes one tenant's rows. */
  withTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Looks at one tenant's rows, statement by statement; a write is refused. What must not move meanwhile needs `withTenant`. */
  lookAsTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Writes one tenant's rows, statement by statement, each committed when it is answered: for what is a single statement,
   * in a single round trip.
   */
  writeAsTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A transaction across tenants. `reason` names the caller in `pg_stat_activity`, for whoever looks there. */
  asSystem<T>(reason: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** A connection otherwise plans a statement five times before it keeps a plan, and to plan one costs as much as to run it. */
const PLANNED_ONCE = { plan_cache_mode: 'force_generic_plan' };

export function doorsOf(orm: MikroORM, pool: Pool): Database {
  const mappings = mappingsOf(orm);
  const prepared = new Prepared();
  const open = async <T>(settings: Record<string, string>, work: (tx: Tx) => Promise<T>): Promise<T> => {
    const transaction = new Transaction(pool, settings, prepared);
    let result: T;
    try {
      result = await work(new Tx(transaction, mappings));
      await transaction.commit();
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
    return result;
  };
  const close = async () => {
    await pool.end();
    await orm.close();
  };
  const tenant = (tenantId: string) => {
    if (!isId('ten', tenantId)) throw new RangeError('this door needs the id of a tenant');
    return { role: 'perennial_app', 'app.tenant_id': tenantId };
  };

  return {
    withTenant: async (tenantId, work) => open(tenant(tenantId), work),
    lookAsTenant: async (tenantId, work) =>
      work(new Tx(new Reading(pool, tenant(tenantId), prepared), mappings)),
    writeAsTenant: async (tenantId, work) =>
      work(new Tx(new Writing(pool, { ...tenant(tenantId), ...PLANNED_ONCE }, prepared), mappings)),
    asSystem: (reason, work) =>
      open({ role: 'perennial_system', 'app.tenant_id': '', application_name: `perennial ${reason}` }, work),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function mappingsOf(orm: MikroORM): Mappings {
  const known = new Map<unknown, Mapping>();
  return (entity) => {
    let mapping = known.get(entity);
    if (!mapping) {
      mapping = mappingOf(orm.getMetadata().get(entity));
      known.set(entity, mapping);
    }
    return mapping;
  };
}
