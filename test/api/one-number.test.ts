import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { recount } from '../../src/main/recount-usage.ts';
import { query } from '../../src/persistence/rows.ts';
import { writer } from '../support/event-acts.ts';
import { type Ask, idOf, type Json, listed, stage } from '../support/every-meter.ts';
import { Moments } from '../support/one-number.ts';
import { eventually } from '../support/stories.ts';
import { dice } from '../support/usage.ts';
import { legs, reader } from '../support/usage-answers.ts';
import { closeKept, openWorldApi, type WorldApi } from '../support/world-api.ts';

/**
 * The number on the screen is the number on the invoice: while events are sent, amended, deprecated and replaced, whoever asks
 * is told what a naive count of the same events comes to, whichever way he asks, and the invoice closes on it.
 */
let api: WorldApi;
beforeAll(async () => {
  api = await openWorldApi({ RATE_LIMIT_PER_MINUTE: '100000' });
});
afterAll(() => closeKept(api));

const ask: Ask = async (method, path, body) => {
  const reply = await api.send(method, `/v1/${path}`, { key: api.key, ...(body && { body }) });
  if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.text}`);
  return reply.body;
};
const get = (path: string) => ask('get', path);

/** Waits until the hourly sub-totals are whole, and no event and nothing said against one is unknown to them. */
async function rollupsKnowAll(): Promise<void> {
  const isUnseen = (xid: string) => sql`not pg_visible_in_snapshot(${sql.ref(xid)}, st.snapshot)`;
  const unseen = () =>
    api.world.database.asSystem('test', (tx) =>
      query<{ n: string }>(
        tx,
        sql`select count(*)::text as n from usage_rollup_states st where st.built_to is not null
          or exists (select from usage_events e where ${isUnseen('e.ingest_xid')})
          or exists (select from usage_voids v where ${isUnseen('v.voided_xid')}
            or (v.restored_xid is not null and ${isUnseen('v.restored_xid')}))`,
      ),
    );
  await eventually(unseen, ([row]) => row?.n === '0');
}

test('every way to ask says the number of a moment, and the invoice closes on it', async () => {
  const seed = Date.now() % 100_000;
  const on = await stage(api.world.tenantId, ask);
  const moments = new Moments();
  const { act, send } = writer(on, moments, dice(seed));
  const read = reader(on, moments);
  const rolled = dice(seed + 1);
  for (let n = 0; n < 3; n += 1) await send();
  let isFlowing = true;
  const flow = async () => {
    for (let n = 0; n < 60; n += 1) {
      await act();
      if (rolled(4) === 0) await sleep(rolled(60));
      // Now and then the sub-totals come to know everything, so that answers are made of them alone.
      if (n % 20 === 19) await rollupsKnowAll();
    }
  };
  const asking = async () => {
    while (isFlowing) await read.someWays(rolled);
  };
  const recounting = async () => {
    while (isFlowing) {
      const wanted = { tenantId: api.world.tenantId, meterId: null, dryRun: rolled(2) === 0 };
      expect(await recount(api.world.database, wanted, () => {})).toMatchObject({ differences: 0, rows: [] });
      await sleep(rolled(200));
    }
  };
  const stops = () => {
    isFlowing = false;
  };
  await Promise.all([flow().finally(stops), asking().finally(stops), recounting().finally(stops)])
    .then(() => read.everyWay())
    .catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    });

  const { upcoming } = legs(on);
  const foretold = await upcoming?.();
  const coming = await get(`invoices/upcoming?subscription=${on.subscription}`);
  expect(foretold?.map(({ key: named }) => named).toSorted()).toEqual(
    on.watched.map(({ key: named }) => named).toSorted(),
  );
  await on.advance(new Date('2027-04-01T00:00:00Z'));
  const [latest = {}] = listed(await get(`invoices?subscription=${on.subscription}`));
  const closed = await get(`invoices/${idOf(latest)}`);
  expect(closed['total']).toEqual(coming['total']);
  for (const line of closed['lines'] as Json[]) {
    const meter = on.watched.find(({ rule }) => rule.meterId === (line['usage'] as Json)['meter']);
    const said = foretold?.find(({ key: named }) => named === meter?.key);
    expect({
      key: meter?.key,
      quantity: line['quantity'],
      events: (line['usage'] as Json)['events'],
      amount: line['amount'],
    }).toEqual(said);
    const events = listed(await get(`invoices/${idOf(closed)}/lines/${idOf(line)}/events`));
    expect(events).toHaveLength(said?.events ?? -1);
  }
  expect(closed['lines']).toHaveLength(on.watched.length);
}, 300_000);
