import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { isId } from '../domain/ids.ts';

/**
 * One open transaction. Only persistence looks inside; everybody else hands it on, and it never outlives the call
 * of the door that made it.
 */
export type Tx = EntityManager;

/**
 * The two doors to the data. The login role owns nothing and inherits nothing, so code that forgets a door gets
 * "permission denied", never another tenant's rows.
 */
export interface Database extends AsyncDisposable {
  /** A transaction that sees and writes one tenant's rows. */
  withTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A transaction across tenants. `reason` names the caller in `pg_stat_activity`, for whoever looks there. */
  asSystem<T>(reason: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function doorsOf(orm: MikroORM): Database {
  const open = <T>(variables: Record<string, string>, work: (tx: Tx) => Promise<T>): Promise<T> => {
    const em = orm.em.fork();
    // `role` is a setting like any other, so role and tenant are set by one statement, and both end with the transaction.
    em.setSessionContext({ variables });
    return em.transactional(work);
  };

  return {
    withTenant(tenantId, work) {
      if (!isId('ten', tenantId))
        return Promise.reject(new RangeError('withTenant needs the id of a tenant'));
      return open({ role: 'perennial_app', 'app.tenant_id': tenantId }, work);
    },
    asSystem(reason, work) {
      return open(
        { role: 'perennial_system', 'app.tenant_id': '', application_name: `perennial ${reason}` },
        work,
      );
    },
    close: () => orm.close(),
    [Symbol.asyncDispose]: () => orm.close(),
  };
}
