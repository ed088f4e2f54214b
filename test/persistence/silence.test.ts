import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { isPassing, toChargeFailure } from '../../activities/failure.ts';
import { connect } from '../../src/persistence/database.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { query } from '../../src/persistence/rows.ts';
import { databaseTrouble } from '../../src/persistence/trouble.ts';
import { createTestDatabase } from '../support/database.ts';
import { startProxy, type Proxy as TcpProxy } from '../support/proxy.ts';

/** A server that is frozen keeps its connections and says nothing; nobody may wait for it for ever. */
const stack = new AsyncDisposableStack();
let proxy: TcpProxy;
let database: Database;
beforeAll(async () => {
  const { url } = stack.use(await createTestDatabase());
  proxy = stack.use(await startProxy(url));
  const options = { url: proxy.url, poolSize: 2, applicationName: 'silence test' };
  database = stack.use(await connect({ ...options, statementMsMax: 2_000, cutsSilence: true }));
});
afterAll(() => stack.disposeAsync());

const one = () => database.asSystem('test', (tx) => query<{ one: number }>(tx, sql`select 1 as one`));

test('whoever waits for a silent server is told that it is away, and served again once it speaks', async () => {
  expect(await one()).toEqual([{ one: 1 }]);
  proxy.mute();
  // More than the pool holds: some wait for an answer, the others for a connection.
  const ends = await Promise.allSettled([one(), one(), one(), one()]);
  for (const end of ends) {
    const error: unknown = end.status === 'rejected' ? end.reason : null;
    expect([databaseTrouble(error), isPassing(error)]).toEqual(['away', true]);
    // A charge comes back soon, though its retries are otherwise patient for the gateway's sake.
    expect(toChargeFailure(error)).toMatchObject({ nonRetryable: false, nextRetryDelay: '10 seconds' });
  }
  proxy.unmute();
  expect(await one()).toEqual([{ one: 1 }]);
});

test('a transaction that was cut off in the middle leaves nothing to whoever gets the next connection', async () => {
  const temporary = database.asSystem('test', async (tx) => {
    await query(tx, sql`select set_config('app.tenant_id', 'somebody', true)`);
    proxy.mute();
    await query(tx, sql`select 1`);
  });
  await expect(temporary).rejects.toThrow('silent');
  proxy.unmute();
  const [row] = await database.asSystem('test', (tx) =>
    query<{ tenant: string }>(tx, sql`select current_setting('app.tenant_id', true) as tenant`),
  );
  expect(row).toEqual({ tenant: '' });
});

test('connections that broke in the middle of transactions do not use up the pool', async () => {
  for (let time = 1; time <= 3; time += 1) {
    const cut = Promise.allSettled(
      [1, 2].map(() =>
        database.asSystem('test', async (tx) => {
          await query(tx, sql`select 1`);
          await query(tx, sql`select pg_terminate_backend(pg_backend_pid())`);
        }),
      ),
    );
    expect((await cut).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await one()).toEqual([{ one: 1 }]);
  }
});
