import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CountingRule, usageOfCount } from '../../src/domain/meter.ts';
import { Decimal } from '../../src/domain/money.ts';
import { countUsage, type UsageQuestion } from '../../src/persistence/count-usage.ts';
import { type LoneTenant, openTenant } from '../support/tenant.ts';
import {
  dice,
  naiveCount,
  type PlantedEvent,
  plantEvents,
  randomEvent,
  randomQuestion,
  restoreEvent,
  ruleOf,
  rulesOfAllKinds,
  voidEvent,
} from '../support/usage.ts';

let tenant: LoneTenant;

beforeAll(async () => {
  tenant = await openTenant({ poolSize: 3 });
});
afterAll(async () => {
  await tenant?.[Symbol.asyncDispose]();
});

async function counted(rule: CountingRule, question: UsageQuestion) {
  const count = await tenant.within((tx) => countUsage(tx, rule, question));
  const groups = (count.groups ?? []).map(({ values, quantity }) => [
    JSON.stringify(values),
    quantity.toFixed(),
  ]);
  return {
    snapshot: count.snapshot,
    told: {
      quantity: count.quantity.toFixed(),
      eventCount: count.eventCount,
      groups: Object.fromEntries(groups),
      buckets: (count.buckets ?? []).map((bucket) => bucket.toFixed()),
    },
  };
}

describe('counting usage', () => {
  test('comes to what counting by hand comes to, for every aggregation, and stays so at its snapshot', async () => {
    const roll = dice(20_261_121);
    const standing = new Map<PlantedEvent, boolean>();
    const plant = async (count: number, from: number) => {
      const events = Array.from({ length: count }, (_, n) => randomEvent(roll, `key-${from + n}`));
      await tenant.within((tx) => plantEvents(tx, tenant.id, events));
      for (const event of events) standing.set(event, true);
    };
    const say = async (stands: boolean, count: number) => {
      const some = [...standing].filter(([, is]) => is !== stands).map(([event]) => event);
      for (const event of some.slice(0, count)) {
        await tenant.within((tx) => (stands ? restoreEvent : voidEvent)(tx, tenant.id, event));
        standing.set(event, stands);
      }
    };
    const answers: { rule: CountingRule; question: UsageQuestion; told: unknown }[] = [];
    const ask = async () => {
      const events = [...standing].filter(([, is]) => is).map(([event]) => event);
      for (const rule of rulesOfAllKinds(tenant.id)) {
        for (let round = 0; round < 4; round += 1) {
          const question = randomQuestion(roll);
          const { told, snapshot } = await counted(rule, question);
          expect({ rule, question, told }).toEqual({
            rule,
            question,
            told: naiveCount(events, rule, question),
          });
          answers.push({ rule, question: { ...question, snapshot }, told });
        }
      }
    };

    await plant(400, 0);
    await ask();
    await say(false, 60);
    await plant(100, 400);
    await ask();
    await say(true, 30);
    await say(false, 10);
    await plant(100, 500);
    await ask();
    for (const { rule, question, told } of answers) {
      const again = await counted(rule, question);
      expect({ rule, question, ...again }).toEqual({ rule, question, told, snapshot: question.snapshot });
    }
  });

  test('does not see what another transaction has not committed, nor later, at its snapshot', async () => {
    const rule = ruleOf(tenant.id, 'count', { eventName: 'open' });
    const event = (key: string): PlantedEvent => ({
      key,
      revision: 0,
      eventName: 'open',
      customerId: 'cus_open',
      subscriptionId: null,
      at: new Date('2026-04-01T00:00:00Z'),
      properties: {},
    });
    const question: UsageQuestion = {
      customerId: 'cus_open',
      subscription: null,
      start: new Date('2026-04-01T00:00:00Z'),
      end: new Date('2026-05-01T00:00:00Z'),
      timeZone: 'UTC',
    };
    const during = await tenant.within(async (tx) => {
      await plantEvents(tx, tenant.id, [event('first')]);
      // Begun later and committed sooner: no high-water mark of ids could tell the two apart.
      await tenant.within((other) => plantEvents(other, tenant.id, [event('second')]));
      return counted(rule, question);
    });
    expect(during.told.eventCount).toBe(1);
    expect((await counted(rule, question)).told.eventCount).toBe(2);
    expect((await counted(rule, { ...question, snapshot: during.snapshot })).told.eventCount).toBe(1);
  });

  test('gives the events with what each is worth, oldest first', async () => {
    const rule = ruleOf(tenant.id, 'sum', { eventName: 'paid' });
    const at = (day: string) => new Date(`2026-04-${day}T00:00:00.250Z`);
    const event = (key: string, day: string, properties: Record<string, unknown>): PlantedEvent => ({
      key,
      revision: 0,
      eventName: 'paid',
      customerId: 'cus_paid',
      subscriptionId: null,
      at: at(day),
      properties,
    });
    await tenant.within((tx) =>
      plantEvents(tx, tenant.id, [
        event('b', '02', { size: '2.50', card: 'visa' }),
        event('a', '02', { size: 1 }),
        event('c', '01', { size: 'none', card: 'visa' }),
        event('d', '01', { size: 4 }),
      ]),
    );
    const question = {
      customerId: 'cus_paid',
      subscription: null,
      start: at('01'),
      end: at('03'),
      timeZone: 'UTC',
    };
    const count = await tenant.within((tx) =>
      countUsage(tx, rule, { ...question, perEvent: true, by: ['card'] }),
    );
    expect(count.events).toEqual([
      { at: at('01'), quantity: new Decimal(4), properties: {} },
      { at: at('02'), quantity: new Decimal(1), properties: {} },
      { at: at('02'), quantity: new Decimal('2.5'), properties: { card: 'visa' } },
    ]);
    expect(
      usageOfCount({ ...count, events: null }, { rounding: { mode: 'ceil', digits: 0 } }, ['card']),
    ).toEqual({
      quantity: new Decimal(8),
      events: [
        { at: null, quantity: new Decimal(5), properties: {} },
        { at: null, quantity: new Decimal(3), properties: { card: 'visa' } },
      ],
      buckets: null,
    });
  });
});
