import { expect } from '@jest/globals';
import { Decimal, sum } from '../../src/domain/money.ts';
import { type Json, listed, type Named, type Stage, ZONE } from './every-meter.ts';
import { countAt, type Moment, type Moments } from './one-number.ts';
import type { Roll } from './usage.ts';

/** Every way to ask what was used, each as the numbers of the meters that it names. */
export function legs({ ask, customer, subscription, watched, features }: Stage) {
  const get = (path: string) => ask('get', path);
  type Said = { key: string; quantity: string; events?: number; amount?: unknown };
  const byKey = (data: Json[]): Said[] =>
    data.map((item) => ({
      key: String(item['key']),
      quantity: String(item['quantity']),
      events: Number(item['events'] ?? (item['usage'] as Json | null)?.['events']),
      ...(item['amount'] ? { amount: item['amount'] } : {}),
    }));
  const asked = ({ rule, by, period }: Named, granularity: string) => {
    const range = `from=${period.start.toISOString()}&to=${period.end.toISOString()}&time_zone=${ZONE}`;
    const groups = by.map((name) => `&group_by%5B%5D=${name}`).join('');
    return get(
      `meters/${rule.meterId}/query?${range}&granularity=${granularity}&subscription=${subscription}${groups}`,
    );
  };
  const added = (key: string, data: Json[]): Said => ({
    key,
    quantity: sum(data.map(({ quantity }) => new Decimal(String(quantity)))).toFixed(),
    events: data.reduce((all, { events }) => all + Number(events), 0),
  });
  const used = (feature: string) => [...features].find(([, id]) => id === feature)?.[0] ?? feature;
  const usedOf = (answer: Json): Said => ({
    key: used(String(answer['feature'])),
    quantity: String(answer['used']),
  });
  const counts = watched.filter(({ key }) => key === 'count' || key === 'stored');
  return {
    usage: async () => byKey(listed(await get(`customers/${customer}/usage`))),
    costs: async () => byKey(listed(await get(`customers/${customer}/costs`))),
    summary: async () => byKey(listed(await get(`subscriptions/${subscription}/usage/summary`))),
    upcoming: async () =>
      byKey((await get(`invoices/upcoming?subscription=${subscription}`))['lines'] as Json[]),
    entitlements: async () => listed(await get(`customers/${customer}/entitlements`)).map(usedOf),
    ...Object.fromEntries(
      watched.flatMap((meter) => [
        [`query of ${meter.key}`, async () => [added(meter.key, listed(await asked(meter, 'total')))]],
        [
          `entitlement of ${meter.key}`,
          async () => [usedOf(await get(`customers/${customer}/entitlements/${features.get(meter.key)}`))],
        ],
      ]),
    ),
    ...Object.fromEntries(
      counts.map((meter) => [
        `days of ${meter.key}`,
        async () => [added(meter.key, listed(await asked(meter, 'day')))],
      ]),
    ),
  } as Record<string, () => Promise<Said[]>>;
}

/** Asks a few ways; each number has to be that of a moment, and one moment has one amount, whoever says it. */
export function reader(on: Stage, moments: Moments) {
  const amounts = new Map<string, string>();
  const ways = Object.entries(legs(on));
  const expected = new WeakMap<Moment, Map<string, ReturnType<typeof countAt>>>();
  const expectedAt = (moment: Moment, meter: Named) => {
    const known = expected.get(moment) ?? new Map<string, ReturnType<typeof countAt>>();
    expected.set(moment, known);
    const counted = known.get(meter.key) ?? countAt(moment, meter, on.customer, ZONE);
    known.set(meter.key, counted);
    return counted;
  };
  async function through(way: string, question: (typeof ways)[number][1]) {
    const { answer, isOf } = await moments.ask(question);
    for (const { key: named, quantity, events, amount } of answer) {
      const meter = on.watched.find((one) => one.key === named);
      if (!meter) throw new Error(`${way} names ${named}, which nobody watches`);
      const of = told(way, named, () =>
        events === undefined
          ? isOf((moment) => expectedAt(moment, meter).quantity, quantity)
          : isOf((moment) => expectedAt(moment, meter), { quantity, events }),
      );
      if (amount === undefined || of === null) continue;
      const [moment, said] = [`${named} ${of}`, JSON.stringify(amount)];
      if ((amounts.get(moment) ?? said) !== said)
        throw new Error(`${way}: ${moment} costs ${said}, was ${amounts.get(moment)}`);
      amounts.set(moment, said);
    }
    return answer;
  }
  return {
    someWays: async (roll: Roll) => {
      for (let n = 0; n < 4; n += 1) await through(...(ways[roll(ways.length)] ?? fail()));
    },
    everyWay: async () => {
      for (const [way, question] of ways) expect(await through(way, question)).not.toEqual([]);
    },
  };
}

function told<T>(way: string, named: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw new Error(`${way}, ${named}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
function fail(): never {
  throw new Error('there is no such way');
}
