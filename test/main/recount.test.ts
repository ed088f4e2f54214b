import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { askRows } from '../../src/persistence/invariants.ts';
import { leadRollUp, rollUp } from '../../src/persistence/roll-up.ts';
import { query } from '../../src/persistence/rows.ts';
import { childVariables } from '../../src/platform/config.ts';
import { newId } from '../../src/platform/ids.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import { dice, plantEvents, plantRule, randomEvent, ruleOf } from '../support/usage.ts';

const run = promisify(execFile);
let tenant: LoneTenant;
const meterId = newId('mtr');

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 3 });
  const roll = dice(3);
  await tenant.within(async (tx) => {
    await plantRule(tx, ruleOf(tenant.id, 'sum', { meterId, groupBy: ['region'] }));
    const events = Array.from({ length: 300 }, (_, n) => randomEvent(roll, `key-${n}`));
    await plantEvents(
      tx,
      tenant.id,
      events.map((event, n) => ({ ...event, customerId: `cus_${n % 7}` })),
    );
  });
  // A meter that is new is built part by part.
  const once = () =>
    tenant.database.asSystem('test', async (tx) => (await leadRollUp(tx)) && (await rollUp(tx, 1_000)).more);
  while (await once());
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

type Answer = { code: number; cells: number; differences: number; repaired: number; rows: unknown[] };

async function recount(...flags: string[]): Promise<Answer> {
  const env = childVariables({ DATABASE_URL: tenant.url });
  const args = ['src/main/recount.ts', '--tenant', tenant.id, '--json', ...flags];
  const { code, stdout } = await run(process.execPath, args, { env }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code, ...JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') };
}

test('an id that nobody has is not taken for one that has nothing', async () => {
  for (const wrong of [
    ['--tenant', 'ten_nobody'],
    ['--meter', 'mtr_nobody'],
  ]) {
    const env = childVariables({ DATABASE_URL: tenant.url });
    const asked = run(process.execPath, ['src/main/recount.ts', ...wrong], { env });
    await expect(asked).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`no ${wrong[1] === 'ten_nobody' ? 'tenant ten' : 'meter mtr'}_nobody`),
    });
  }
});

const brokenNow = async () => (await askRows(tenant.database, new Date())).map(({ promise }) => promise);

test('sub-totals that differ from a count of the events are found and repaired', async () => {
  const whole = await recount();
  expect(whole).toMatchObject({ code: 0, differences: 0, repaired: 0 });
  expect(whole.cells).toBeGreaterThan(100);
  expect(await brokenNow()).not.toContain('rollups_are_their_events');

  await tenant.database.asSystem('test', async (tx) => {
    await query(tx, sql`update usage_rollups set sum = sum + 1 where customer_id = 'cus_3'`);
    await query(tx, sql`delete from usage_rollups where customer_id = 'cus_5'`);
    await query(tx, sql`update usage_rollups set customer_id = 'cus_9' where customer_id = 'cus_6'`);
  });
  expect(await brokenNow()).toContain('rollups_are_their_events');
  const found = await recount('--dry-run', '--meter', meterId);
  expect([found.code, found.repaired, found.rows.length]).toEqual([1, 0, 20]);
  expect(found.differences).toBeGreaterThan(50);

  expect(await recount()).toMatchObject({
    code: 0,
    differences: found.differences,
    repaired: found.differences,
  });
  expect(await recount()).toMatchObject({ code: 0, cells: whole.cells, differences: 0 });
  expect(await brokenNow()).not.toContain('rollups_are_their_events');
});
