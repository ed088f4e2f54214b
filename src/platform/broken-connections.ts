import type { Pool, PoolClient } from 'pg';

/**
 * Takes connections that broke in the middle of a transaction back into their pool, which throws them away. The query
 * builder gives a connection back when COMMIT or ROLLBACK was answered, and a broken one answers neither: without this
 * every transaction that was under way when the database crashed would take its place in the pool with it, until none
 * is left and only a restart of the process helps.
 */
export function takeBackBroken(pool: Pool): void {
  const held = new Set<PoolClient>();
  pool.on('acquire', (client) => held.add(client));
  pool.on('release', (_error, client) => held.delete(client));
  pool.on('connect', (client) => {
    client.once('end', () => {
      if (held.has(client)) client.release(true);
    });
  });
}
