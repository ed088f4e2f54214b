import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rolledMeters } from '../../src/persistence/recount.ts';
import { type RolledUp, rollUp } from '../../src/persistence/roll-up.ts';
import { newId } from '../../src/platform/ids.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import {
  type PlantedEvent,
  plantEvents,
  plantRule,
  restoreEvent,
  ruleOf,
  voidEvent,
} from '../support/usage.ts';

/** An installation that counts nothing but distinct values, which have no sub-totals. */
let tenant: LoneTenant;

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 2 });
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

const MADE = new Date('2026-01-01T00:00:00Z');
const once = () => tenant.database.asSystem('test', (tx) => rollUp(tx, 1_000));

async function makeMeter(createdAt: Date): Promise<string> {
  const rule = ruleOf(tenant.id, 'unique_count', { meterId: newId('mtr') });
  await tenant.within((tx) => plantRule(tx, rule, { createdAt }));
  return rule.meterId;
}

const eventOf = (customerId: string): PlantedEvent => ({
  key: `of ${customerId}`,
  revision: 0,
  eventName: 'call',
  customerId,
  subscriptionId: null,
  at: MADE,
  properties: { size: 'a name' },
});

test('says whose use has changed, from the first event on', async () => {
  const meterId = await makeMeter(MADE);
  const touched = (customerId: string) => ({
    touched: [{ tenantId: tenant.id, customerId, meterId }],
    more: false,
  });
  const nothing: RolledUp = { touched: [], more: false };
  // Before anybody had looked at the meter at all.
  await tenant.within((tx) => plantEvents(tx, tenant.id, [eventOf('cus_a')]));
  expect(await once()).toEqual({ ...touched('cus_a'), more: true });
  expect(await once()).toEqual(nothing);
  await tenant.within((tx) => plantEvents(tx, tenant.id, [eventOf('cus_b')]));
  expect(await once()).toEqual(touched('cus_b'));
  await tenant.within((tx) => voidEvent(tx, tenant.id, eventOf('cus_a')));
  expect(await once()).toEqual(touched('cus_a'));
  await tenant.within((tx) => restoreEvent(tx, tenant.id, eventOf('cus_a')));
  expect(await once()).toEqual(touched('cus_a'));
  expect(await once()).toEqual(nothing);
  expect(
    await tenant.database.asSystem('test', (tx) => rolledMeters(tx, { tenantId: null, meterId: null })),
  ).toEqual([]);
});

test('of a meter that is made later, what was used long before it concerns nobody', async () => {
  await makeMeter(new Date(Date.now() + 600_000));
  expect(await once()).toEqual({ touched: [], more: true });
  expect(await once()).toEqual({ touched: [], more: false });
});
