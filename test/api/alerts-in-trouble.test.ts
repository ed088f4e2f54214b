import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { presentFiring } from '../../src/contract/alerts.ts';
import { presenters } from '../../src/contract/presenters.ts';
import { findUnwatchedUsage } from '../../src/persistence/find-trouble.ts';
import { query } from '../../src/persistence/rows.ts';
import { dueTouched, takeTouched } from '../../src/persistence/usage-touched.ts';
import { watchUsage } from '../../src/persistence/watch-usage.ts';
import { type AlertsApi, openAlertsApi } from '../support/alerts.ts';
import { runCli } from '../support/cli.ts';
import { eventually } from '../support/money.ts';

/** Use that somebody has to look at, when that fails or whoever looks dies. */
let api: AlertsApi;
beforeAll(async () => {
  api = await openAlertsApi();
});
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
});

describe('an alert on usage', () => {
  test('that cannot be looked at waits in one row that says why, keeps nobody waiting, and goes on when that is mended', async () => {
    const [{ customer }, other] = [await api.subscriber(), await api.subscriber()];
    await api.alert({ customer, reset: 'month', thresholds: [5] });
    await api.alert({ customer: other.customer, thresholds: [5] });
    const liveIn = (zone: string | null) =>
      api.world.inTenant((tx) =>
        query(tx, sql`update customers set time_zone = ${zone} where id = ${customer}`),
      );
    const waiting = async () =>
      (await api.world.database.asSystem('test', (tx) => findUnwatchedUsage(tx, 100))).filter(
        ({ customerId }) => customerId === customer,
      );
    await liveIn('Nowhere/Land');
    await api.use(customer, 3);
    await eventually(async () => (await waiting()).length === 1);
    await api.use(customer, 3);
    await api.use(other.customer, 6);
    expect(await api.told(other.customer, 1)).toEqual(['alert.triggered 5 at 6']);
    const [row] = await eventually(async () => {
      const rows = await waiting();
      return rows.length === 1 && (rows[0]?.tries ?? 0) > 1 && rows;
    });
    expect(row?.lastError).toContain('Nowhere/Land');
    expect(row && row.nextTryAt > row.since).toBe(true);
    const listed = await runCli(api.world, ['usage', 'list']);
    expect(listed.out).toMatch(new RegExp(`^${customer} .*Nowhere/Land`, 'm'));
    await liveIn(null);
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 5 at 6']);
    await eventually(async () => (await waiting()).length === 0);
  });

  test('is not lost by whoever dies while he looks, and not said twice', async () => {
    const { customer } = await api.subscriber();
    await api.alert({ customer, thresholds: [3] });
    const takeOne = async () =>
      eventually(async () => {
        const due = await api.world.database.asSystem('test', (tx) => dueTouched(tx, 100));
        return due.find((touched) => touched.customerId === customer);
      });
    // Nobody looks but this test; the API alone takes in, and rolls nothing up.
    await eventually(async () => {
      const due = await api.world.database.asSystem('test', (tx) => dueTouched(tx, 100));
      return !due.some((touched) => touched.customerId === customer);
    });
    await api.world.stopWorker();
    await api.use(customer, 3);
    await api.alert({ customer, name: 'Wakes', thresholds: [900] });
    const touched = await takeOne();
    const look = (dies: boolean) =>
      api.world.inTenant(async (tx) => {
        const taken = await takeTouched(tx, touched);
        if (taken) await watchUsage(tx, touched, { present: presenters, presentFiring });
        if (dies) throw new Error('killed');
        return taken;
      });
    await expect(look(true)).rejects.toThrow('killed');
    expect(await look(false)).toBe(true);
    expect(await look(false)).toBe(false);
    await api.world.startWorker();
    expect(await api.told(customer, 1)).toEqual(['alert.triggered 3 at 3']);
  });
});
