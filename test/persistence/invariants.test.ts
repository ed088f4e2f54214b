import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { checkInvariants, everyPromise } from '../../src/main/invariants/ask.ts';
import { GATEWAY_PROMISES } from '../../src/main/invariants/gateway-log.ts';
import { WORKFLOW_PROMISES } from '../../src/main/invariants/workflows.ts';
import { connect } from '../../src/persistence/database.ts';
import type { Database } from '../../src/persistence/doors.ts';
import { type Broken, readOnly } from '../../src/persistence/invariants/promised.ts';
import { askRows } from '../../src/persistence/invariants.ts';
import { nudge, settleNudge } from '../../src/persistence/nudges.ts';
import { query } from '../../src/persistence/rows.ts';
import { childVariables } from '../../src/platform/config.ts';
import { WORKFLOWS, workflowId } from '../../workflows/messages.ts';
import { seedTenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';
import { type Cast, castOf } from './broken-promises/cast.ts';
import { LIFE_CASES } from './broken-promises/lives.ts';
import { METERED_CASES } from './broken-promises/metered.ts';
import { MIGRATION_CASES } from './broken-promises/migrations.ts';
import { MONEY_CASES } from './broken-promises/money.ts';
import { USAGE_CASES } from './broken-promises/usage.ts';
import { manyLives } from './many-lives.ts';

const CASES = [...MONEY_CASES, ...LIFE_CASES, ...MIGRATION_CASES, ...METERED_CASES, ...USAGE_CASES];

let world: World;
let owner: Database;
let cast: Cast;
beforeAll(async () => {
  world = await createWorld();
  owner = await connect({ url: world.ownerUrl, poolSize: 1, applicationName: 'breaks promises' });
  const lives = await manyLives(world);
  await seedTenant(world.database);
  await lives.settled();
  cast = await castOf(world, lives);
});
afterAll(async () => {
  await cast?.receiver[Symbol.asyncDispose]();
  await owner?.close();
  await world?.[Symbol.asyncDispose]();
});

const everything = () =>
  checkInvariants(world.database, { temporal: world.client, gatewayUrl: world.gatewayUrl });
const slugs = (broken: readonly Broken[]) => broken.map(({ promise }) => promise).sort();
const rowsOf = (broken: readonly Broken[], promise: string) =>
  broken.find((one) => one.promise === promise)?.rows;

test('lives of every kind break no promise', async () => {
  expect(await everything()).toEqual({ checked: everyPromise().length, broken: [], skipped: [] });
});

test('every promise of the rows is broken once below', () => {
  const elsewhere = Object.keys({ ...GATEWAY_PROMISES, ...WORKFLOW_PROMISES });
  const broken = [...new Set(CASES.map(({ promise }) => promise)), ...elsewhere];
  expect(broken.sort()).toEqual(
    everyPromise()
      .map(({ promise }) => promise)
      .sort(),
  );
});

test('asking changes nothing, whatever a question says', async () => {
  const attempt = readOnly(world.database, (tx) => query(tx, sql`update customers set name = 'Eve'`));
  await expect(attempt).rejects.toThrow('read-only transaction');
});

describe('broken by hand', () => {
  test.each(CASES)('$promise: $how', async ({ promise, sql: statements, row, also = [] }) => {
    const broken = await breakAndAsk(statements(cast));
    expect(slugs(broken)).toEqual([promise, ...also].sort());
    expect(rowsOf(broken, promise)).toContainEqual(expect.objectContaining(row(cast)));
  });

  test('many broken rows are counted, and the first are shown', async () => {
    const [events] = await breakAndAsk(['update events set sequence = sequence + 1000']);
    expect(events?.rows).toHaveLength(20);
    expect(events?.count).toBeGreaterThan(20);
  });
});

describe("the gateway's own log", () => {
  test('is compared when it answers, and skipped when nobody does', async () => {
    const { skipped, checked } = await checkInvariants(world.database, { gatewayUrl: 'http://127.0.0.1:9' });
    expect(skipped).toEqual([...Object.keys(GATEWAY_PROMISES), ...Object.keys(WORKFLOW_PROMISES)]);
    expect(checked).toBe(everyPromise().length - 4);
  });

  test('gateway_charged_once: a charge stands in the log twice', async () => {
    await using log = await editedLog((charges) => [...charges, { ...charges[0], ref: 'ch_again' }]);
    const { broken } = await checkInvariants(world.database, { gatewayUrl: log.url });
    expect(slugs(broken)).toEqual(['gateway_charged_once']);
    expect(broken[0]?.rows).toEqual([
      { attempt_id: log.charges[0]?.idempotency_key, gateway_refs: [log.charges[0]?.ref, 'ch_again'] },
    ]);
  });

  test('gateway_agrees: a charge that we call settled is not in the log', async () => {
    await using log = await editedLog((charges) => charges.slice(1));
    const { broken } = await checkInvariants(world.database, { gatewayUrl: log.url });
    expect(slugs(broken)).toEqual(['gateway_agrees']);
    expect(broken[0]?.rows).toMatchObject([
      { attempt_id: log.charges[0]?.idempotency_key, gateway: 'no settled charge' },
    ]);
  });

  test('gateway_agrees: the gateway took another amount, or money we know nothing of', async () => {
    await using log = await editedLog(([first, second, ...rest]) => [
      { ...first, amount: '1.00' },
      { ...second, idempotency_key: 'att_nobody' },
      ...rest,
    ]);
    const { broken } = await checkInvariants(world.database, { gatewayUrl: log.url });
    expect(slugs(broken)).toEqual(['gateway_agrees']);
    expect(broken[0]?.rows).toMatchObject([
      {
        attempt_id: log.charges[0]?.idempotency_key,
        amount: '1.00',
        ours: expect.stringContaining('settled'),
      },
      { attempt_id: 'att_nobody', ours: 'no such attempt' },
      { attempt_id: log.charges[1]?.idempotency_key, gateway: 'no settled charge' },
    ]);
  });
});

describe('Temporal and the command line', () => {
  test('a sound installation: exit 0, a table, and with --json one object on the last line', async () => {
    const table = await runCheck();
    expect(table).toMatchObject({ code: 0, errors: '' });
    expect(table.output).toMatch(/kept {8}no_period_twice {2,}No stretch/);
    expect(table.output.trimEnd()).toMatch(new RegExp(`${everyPromise().length} promises kept\\.$`));
    const { code, output } = await runCheck(['--json']);
    expect(code).toBe(0);
    expect(JSON.parse(output.trimEnd().split('\n').at(-1) ?? '')).toEqual({
      checked: everyPromise().length,
      broken: [],
      skipped: [],
    });
  });

  /** Moves the end of a trial by hand, asks, and moves it back. */
  async function askWithMovedTrial(id: string): Promise<Broken[]> {
    const move = (days: number) =>
      world.inTenant((tx) =>
        query(
          tx,
          sql`update subscriptions set next_step_at = next_step_at + make_interval(days => ${days}::int),
          trial_ends_at = trial_ends_at + make_interval(days => ${days}::int) where id = ${id}`,
        ),
      );
    await move(1);
    const { broken } = await everything();
    await move(-1);
    return broken;
  }

  test('workflow_knows_the_row: a row moved on and its workflow was not told', async () => {
    const broken = await askWithMovedTrial(cast.presentTrial);
    expect(slugs(broken)).toEqual(['workflow_knows_the_row']);
    expect(broken[0]?.rows).toMatchObject([
      { subscription_id: cast.presentTrial, next_step: 'end_trial', workflow_step: 'end_trial' },
    ]);
  });

  test('a nudge that is under way explains the difference', async () => {
    const { presentTrial: id } = cast;
    await world.inTenant((tx) =>
      nudge(tx, {
        tenantId: world.tenantId,
        kind: 'subscription',
        entityId: id,
        notBefore: new Date(Date.now() + 3_600_000),
      }),
    );
    expect(await askWithMovedTrial(id)).toEqual([]);
    await world.inTenant((tx) => settleNudge(tx, { workflowId: workflowId.subscription(id), version: 1 }));
  });

  test('one_workflow_per_live_subscription: one lost its workflow, an ended one still has one', async () => {
    const { scheduled, leaver } = cast;
    await world.client.workflow.getHandle(workflowId.subscription(scheduled)).terminate('by a test');
    const haunting = await world.client.workflow.start(WORKFLOWS.subscription, {
      workflowId: workflowId.subscription(leaver),
      taskQueue: 'nobody-works-here',
      args: [{ tenantId: world.tenantId, subscriptionId: leaver }],
    });
    const { broken } = await everything();
    expect(slugs(broken)).toEqual(['one_workflow_per_live_subscription']);
    expect(broken[0]?.rows).toHaveLength(2);
    expect(broken[0]?.rows).toContainEqual(
      expect.objectContaining({ subscription_id: scheduled, row: 'living', workflow: 'none' }),
    );
    expect(broken[0]?.rows).toContainEqual(
      expect.objectContaining({ subscription_id: leaver, row: 'ended', workflow: 'running' }),
    );

    const { code, output } = await runCheck(['--json']);
    expect(code).toBe(1);
    const said = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as { broken: Broken[] };
    expect(slugs(said.broken)).toEqual(['one_workflow_per_live_subscription']);
    expect((await runCheck()).output).toContain(`subscription_id=${scheduled}  row=living  workflow=none`);
    await haunting.terminate('by a test');
  });

  test('beside npm start it finds the settings in the data directory, and without any it says so', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'perennial-invariants-'));
    try {
      const nothing = await runCheck([], { DATABASE_URL: null, PERENNIAL_DATA_DIR: dir });
      expect(nothing).toMatchObject({ code: 2, output: '' });
      expect(nothing.errors).toContain('There is nothing to check: DATABASE_URL is not set');
      await writeFile(
        join(dir, 'env'),
        `DATABASE_URL=${world.config.database.url}\nDATABASE_OWNER_URL=${world.ownerUrl}\n`,
      );
      const found = await runCheck(['--json'], {
        DATABASE_URL: null,
        TEMPORAL_ADDRESS: null,
        PERENNIAL_DATA_DIR: dir,
      });
      expect(found.code).toBe(0);
      expect(JSON.parse(found.output)).toMatchObject({
        broken: [],
        skipped: expect.arrayContaining(Object.keys(WORKFLOW_PROMISES)),
      });
      const away = await runCheck([], { DATABASE_URL: 'postgres://perennial_login@127.0.0.1:9/perennial' });
      expect(away).toMatchObject({
        code: 2,
        errors: expect.stringContaining('The database at 127.0.0.1:9 does not answer'),
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

/** Breaks something as superuser, with triggers and foreign keys asleep, asks, and takes it back. */
async function breakAndAsk(statements: readonly string[]): Promise<Broken[]> {
  const undo = new Error('take it back');
  let broken: Broken[] = [];
  const attempt = owner.asSystem('break', async (tx) => {
    const asSuperuser = [
      'set local role none',
      'set local session_replication_role = replica',
      ...statements,
    ];
    for (const statement of [...asSuperuser, 'set local role perennial_system'])
      await query(tx, sql.raw(statement));
    broken = await askRows({ ...owner, asSystem: (_reason, work) => work(tx) }, new Date());
    throw undo;
  });
  await expect(attempt).rejects.toBe(undo);
  return broken;
}

type LoggedCharge = { ref?: string; idempotency_key?: string; amount?: string };

/** The gateway's log, served with changes: what a gateway that made a mistake would say. */
async function editedLog(edit: (charges: LoggedCharge[]) => LoggedCharge[]) {
  const answer = await fetch(`${world.gatewayUrl}/v1/charges?status=settled&limit=1000`);
  const { data: charges } = (await answer.json()) as { data: LoggedCharge[] };
  const body = JSON.stringify({ object: 'list', data: edit(charges), has_more: false, next_cursor: null });
  const server = createServer((_request, response) => response.end(body));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    charges,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function runCheck(args: string[] = [], changes: Record<string, string | null> = {}) {
  const { database, temporal } = world.config;
  const env = childVariables({
    DATABASE_URL: database.url,
    DATABASE_OWNER_URL: world.ownerUrl,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    SANDBOX_GATEWAY_URL: world.gatewayUrl,
    ...changes,
  });
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../src/main/check-invariants.ts'), ...args],
    { env },
  );
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, output, errors };
}
