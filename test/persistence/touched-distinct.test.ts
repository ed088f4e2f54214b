import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect } from '../../src/persistence/database.ts';
import type { Database, Tx } from '../../src/persistence/doors.ts';
import { rolledMeters } from '../../src/persistence/recount.ts';
import { type RolledUp, rollUp } from '../../src/persistence/roll-up.ts';
import { newId } from '../../src/platform/ids.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  type PlantedEvent,
  plantEvents,
  plantRule,
  restoreEvent,
  ruleOf,
  voidEvent,
} from '../support/usage.ts';
import { seedTenant } from '../support/webhooks.ts';

/** An installation that counts nothing but distinct values, which have no sub-totals. */
let testDatabase: TestDatabase;
let database: Database;
let tenantId: string;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = await connect({ url: testDatabase.url, poolSize: 2, applicationName: 'distinct test' });
  tenantId = await seedTenant(database);
});
afterAll(async () => {
  await database?.close();
  await testDatabase?.[Symbol.asyncDispose]();
});

const MADE = new Date('2026-01-01T00:00:00Z');
const change = (work: (tx: Tx) => Promise<unknown>) => database.withTenant(tenantId, work);
const once = () => database.asSystem('test', (tx) => rollUp(tx, 1_000));

async function makeMeter(createdAt: Date): Promise<string> {
  const rule = ruleOf(tenantId, 'unique_count', { meterId: newId('mtr') });
  await change((tx) => plantRule(tx, rule, { createdAt }));
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
  const touched = (customerId: string) => ({ touched: [{ tenantId, customerId, meterId }], more: false });
  const nothing: RolledUp = { touched: [], more: false };
  // Before anybody had looked at the meter at all.
  await change((tx) => plantEvents(tx, tenantId, [eventOf('cus_a')]));
  expect(await once()).toEqual({ ...touched('cus_a'), more: true });
  expect(await once()).toEqual(nothing);
  await change((tx) => plantEvents(tx, tenantId, [eventOf('cus_b')]));
  expect(await once()).toEqual(touched('cus_b'));
  await change((tx) => voidEvent(tx, tenantId, eventOf('cus_a')));
  expect(await once()).toEqual(touched('cus_a'));
  await change((tx) => restoreEvent(tx, tenantId, eventOf('cus_a')));
  expect(await once()).toEqual(touched('cus_a'));
  expect(await once()).toEqual(nothing);
  expect(
    await database.asSystem('test', (tx) => rolledMeters(tx, { tenantId: null, meterId: null })),
  ).toEqual([]);
});

test('of a meter that is made later, what was used long before it concerns nobody', async () => {
  await makeMeter(new Date(Date.now() + 600_000));
  expect(await once()).toEqual({ touched: [], more: true });
  expect(await once()).toEqual({ touched: [], more: false });
});
