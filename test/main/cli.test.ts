import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { hashApiKey } from '../../api/api-key.ts';
import { findKeyHolder } from '../../src/persistence/api-keys.ts';
import { newId } from '../../src/platform/ids.ts';
import { freePort } from '../../src/platform/port.ts';
import { disarm, plant, plantTenant } from '../persistence/plant-rows.ts';
import { runCli } from '../support/cli.ts';
import { createTestDatabase } from '../support/database.ts';
import { keptWorld } from '../support/kept-world.ts';
import type { World } from '../support/world.ts';

const theWorld = keptWorld({ env: { LOG_LEVEL: 'fatal' } });
let world: World;
beforeAll(async () => {
  world = theWorld();
});

const cli = (args: readonly string[], env: Record<string, string | null> = {}) => runCli(world, args, env);

describe('whatever is called', () => {
  const UNKNOWN = 'sub_01kaj3n6xve9ytv0w4s5h7m2pq';
  const verbs = [
    ['subscription', 'show', UNKNOWN],
    ['subscription', 'retry', UNKNOWN],
    ['subscription', 'recheck', UNKNOWN],
    ['invoice', 'show', 'INV-999999'],
    ['delivery', 'retry', 'del_01kaj3n6xve9ytv0w4s5h7m2pq'],
    ['events', 'replay', '--from', '2026-01-01T00:00:00Z', '--endpoint', 'we_01kaj3n6xve9ytv0w4s5h7m2pq'],
    ['key', 'create', '--name', 'x', '--tenant', 'ten_01kaj3n6xve9ytv0w4s5h7m2pq'],
  ];

  test.each(verbs)('%s %s says that an id is unknown, and how it is looked for', async (...args) => {
    const ended = await cli(args);
    expect(ended).toMatchObject({ code: 2, out: '' });
    expect(ended.err).toMatch(/^There is no .* in this database\. It is looked for by an id/);
  });

  const lists = ['subscription list', 'invoice list', 'delivery list', 'usage list', 'import list'];
  const commands = [
    ...verbs.map((words) => words.slice(0, 2).join(' ')),
    ...lists,
    'tenant create',
    'reconcile',
  ];
  test.each(commands)('%s knows which flags there are', async (called) => {
    const bogus = await cli([...called.split(' '), '--bogus']);
    expect(bogus).toMatchObject({ code: 2, out: '' });
    expect(bogus.err).toMatch(/^Unknown option '--bogus'/);
    expect(bogus.err).toContain(`npm run cli -- ${called}`);
    expect(bogus.err).toMatch(/--json .*\n.*--help/);
  });

  test('without a command, or with one that is not there, the commands are listed', async () => {
    expect((await cli(['--help'])).out).toContain('subscription retry <id or external id>');
    const help = await cli(['subscription', 'retry', '--help']);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain('npm run cli -- subscription retry <id or external id> [flags]');
    expect(help.out).toContain('Exit code: 0 done; 1 refused');
    const unknown = await cli(['subscription', 'destroy', '--json']);
    expect(unknown).toMatchObject({
      code: 2,
      json: { error: { kind: 'unusable', message: 'There is no command "subscription destroy".' } },
    });
    expect(unknown.err).toContain('subscription retry <id or external id>');
    expect(await cli(['subscription', 'show'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('<id or external id> is missing.'),
    });
    expect(await cli(['subscription', 'show', 'one', 'two'])).toMatchObject({
      code: 2,
      err: expect.stringContaining("Unexpected argument 'two'"),
    });
  });

  test('a database that is away, or that nobody named, is said so', async () => {
    const nowhere = `postgres://perennial_login:x@127.0.0.1:${await freePort()}/perennial`;
    const away = await cli(['subscription', 'show', UNKNOWN, '--json'], { DATABASE_URL: nowhere });
    expect(away).toMatchObject({ code: 2, json: { error: { kind: 'unusable' } } });
    expect(away.err).toMatch(
      /^The database at 127\.0\.0\.1:\d+ does not answer \(.*\): is `npm start` running/,
    );
    expect(away.err).not.toContain('perennial_login');
    const unnamed = await cli(['subscription', 'show', UNKNOWN], { DATABASE_URL: null });
    expect(unnamed).toMatchObject({ code: 2, err: expect.stringContaining('DATABASE_URL is not set') });
  });
});

describe('on rows of two tenants', () => {
  const tenants = [newId('ten'), newId('ten')].sort();
  const [one = '', other = ''] = tenants;
  let planted: Awaited<ReturnType<typeof createTestDatabase>>;
  let env: Record<string, string>;
  beforeAll(async () => {
    planted = await createTestDatabase();
    env = { DATABASE_URL: planted.url, DATABASE_OWNER_URL: planted.ownerUrl };
    const owner = new pg.Client({ connectionString: planted.ownerUrl });
    await owner.connect();
    try {
      await disarm(owner);
      for (const tenantId of tenants) {
        await plantTenant(owner, tenantId);
        for (const table of ['subscriptions', 'payment_attempts', 'events', 'webhook_deliveries'])
          await plant(owner, table, tenantId);
      }
      const blocked = `blocked_reason = 'no such zone'`;
      const late = `next_step = 'close_period', next_step_at = now() - interval '1 hour'`;
      await owner.query(
        `update subscriptions set external_id = 'twice', ${blocked} where tenant_id = '${one}'`,
      );
      await owner.query(
        `update subscriptions set external_id = 'twice', ${late} where tenant_id = '${other}'`,
      );
      await owner.query(`update payment_attempts set status = 'unknown' where tenant_id = '${one}'`);
      await owner.query(
        `update webhook_deliveries set status = 'dead', last_error = 'refused' where tenant_id = '${one}'`,
      );
      await owner.query(`insert into usage_imports (id, tenant_id, format, status, created_at, updated_at)
        select 'import ' || minutes, '${one}', 'csv', 'running', now(), now() - minutes * interval '1 minute'
        from (values (2), (20)) as ago(minutes)`);
      await owner.query(`insert into usage_import_chunks (import_id, n, tenant_id, first_row, rows, content)
        values ('import 20', 1, '${one}', 1, 3, 'x')`);
    } finally {
      await owner.end();
    }
  });
  afterAll(async () => {
    await planted[Symbol.asyncDispose]();
  });

  test('a name that both use is not guessed at', async () => {
    const ended = await cli(['subscription', 'recheck', 'external:twice'], env);
    expect(ended.code).toBe(2);
    const places = tenants.map((tenantId) => `  row of ${tenantId}  of ${tenantId}\n`);
    expect(ended.err).toBe(
      `Several tenants call a subscription twice: name one by its id, or add --tenant <id>.\n${places.join('')}`,
    );
  });

  test('what the metrics count is named: blocked, late, unclear, given up', async () => {
    const all = await cli(['subscription', 'list', '--json'], env);
    const blocked = { id: `row of ${one}`, tenant: one, next_step: null, blocked_reason: 'no such zone' };
    const late = { id: `row of ${other}`, tenant: other, next_step: { step: 'close_period' } };
    expect(all.json).toMatchObject({ subscriptions: [blocked, late] });
    const only = await cli(['subscription', 'list', '--late', '--json'], env);
    expect(only.json).toMatchObject({ subscriptions: [late] });
    expect((await cli(['subscription', 'list', '--limit', '0'], env)).err).toMatch(
      /^--limit: write a whole number/,
    );

    const unclear = await cli(['invoice', 'list'], env);
    expect(unclear.out).toMatch(new RegExp(`row of ${one} +${one} +row of ${one} +unknown .* ago +1 times`));
    expect(unclear.out).not.toContain(other);
    const dead = await cli(['delivery', 'list'], env);
    expect(dead.out).toMatch(new RegExp(`^row of ${one} .* refused$`, 'm'));
    expect(dead.out).not.toContain(other);
  });

  test('an import that stands still is named, with its workflow', async () => {
    const standing = await cli(['import', 'list'], env);
    expect(standing.out).toMatch(
      new RegExp(`^import 20 +${one} +.* ago +3 rows +import-usage/import 20$`, 'm'),
    );
    expect(standing.out).not.toContain('import 2 ');
    const named = await cli(['import', 'list', '--json'], env);
    expect(named.json).toMatchObject({ imports: [{ import: 'import 20', rows_left: 3 }] });
  });

  test('where all is well, lists say so', async () => {
    expect((await cli(['subscription', 'list'])).out).toBe('No subscription is blocked or late.\n');
    expect((await cli(['invoice', 'list'])).out).toBe('No charge is unclear.\n');
    expect((await cli(['delivery', 'list', '--json'])).json).toEqual({ deliveries: [] });
    expect((await cli(['usage', 'list', '--json'])).json).toEqual({ usage: [] });
    expect((await cli(['import', 'list'])).out).toBe('No import of usage stands still.\n');
  });
});

describe('tenants and keys', () => {
  test('a tenant is opened, and a key that works is shown once', async () => {
    const opened = await cli(['tenant', 'create', '--name', 'Acme', '--mode', 'test', '--json']);
    expect(opened.code).toBe(0);
    const tenant = opened.json['tenant'] as { id: string; account: string };
    const made = await cli([
      'key',
      'create',
      '--tenant',
      tenant.id,
      '--name',
      'backend',
      '--scopes',
      'read',
      '--json',
    ]);
    const shown = made.json['api_key'] as { id: string; key: string; scopes: string[] };
    expect(shown.scopes).toEqual(['read']);
    const holder = await world.database.asSystem('test', (tx) =>
      findKeyHolder(tx, hashApiKey(shown.key, world.config.secrets.keyPepper)),
    );
    expect(holder).toMatchObject({ tenantId: tenant.id, mode: 'test', scopes: ['read'] });

    const again = await cli([
      'tenant',
      'create',
      '--name',
      'B',
      '--mode',
      'test',
      '--account',
      tenant.account,
    ]);
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('has a test tenant already') });
  });

  test('what is missing or malformed is named by its flag', async () => {
    expect((await cli(['tenant', 'create', '--name', 'Acme', '--mode', 'real'])).err).toMatch(/^--mode: /);
    expect((await cli(['tenant', 'create', '--mode', 'test'])).err).toBe('--name is missing.\n');
    expect((await cli(['key', 'create', '--name', 'x'])).err).toMatch(/^Name the tenant/);
    const bare = await cli(['tenant', 'create', '--name', 'A', '--mode', 'live'], {
      PERENNIAL_MASTER_KEY: null,
    });
    expect(bare).toMatchObject({ code: 2, err: expect.stringContaining('PERENNIAL_KEY_PEPPER') });
  });
});
