import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { startPostgres } from '../../src/platform/embedded-postgres.ts';
import { freePort } from '../../src/platform/port.ts';

test('PostgreSQL keeps its files in a folder that is closed to everybody else', async () => {
  const closed = await mkdtemp(join(tmpdir(), 'perennial-closed-'));
  await chmod(closed, 0o700);
  const dir = join(closed, 'project', 'data');
  await mkdir(dir, { recursive: true });
  try {
    const options = {
      dir,
      port: await freePort(),
      password: 'a secret',
      maxConnections: 10,
      ephemeral: true,
    };
    const server = await startPostgres(options);
    const client = new pg.Client({ connectionString: server.urlOf('postgres') });
    try {
      await client.connect();
      const { rows } = await client.query<{ answer: number }>('select 42 as answer');
      expect(rows).toEqual([{ answer: 42 }]);
    } finally {
      await client.end();
      await server.stop();
    }
  } finally {
    await rm(closed, { recursive: true, force: true });
  }
});
