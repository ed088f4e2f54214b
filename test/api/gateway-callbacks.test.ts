import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { gateways } from '../../src/gateways/registry.ts';
import { signCallback } from '../../src/gateways/sandbox/signature.ts';
import { query } from '../../src/persistence/rows.ts';
import { everyTokenWorks, startTestApi, type TestApi } from '../support/api.ts';

let api: TestApi;
let tenantId: string;
let path: string;
let secret: string;

beforeAll(async () => {
  const real = gateways({ sandboxUrl: 'http://127.0.0.1:1' });
  api = await startTestApi({
    gateways: {
      ...everyTokenWorks(),
      parseCallback: (gateway, callback) => real.get(gateway).parseCallback(callback),
    },
  });
  ({ tenantId } = await api.tenant());
  const [connection] = await rows(sql`select * from gateway_connections where tenant_id = ${tenantId}`);
  secret = api.deps.vault.open(String(connection?.['secret_sealed']), {
    tenantId,
    column: 'gateway_connections.secret',
    rowId: String(connection?.['id']),
  });
  path = `/gateways/sandbox/callbacks/${String(connection?.['callback_token'])}`;
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

const rows = (statement: ReturnType<typeof sql>) =>
  api.database.asSystem('test', (tx) => query<Record<string, unknown>>(tx, statement));
const callback = (id: string) =>
  JSON.stringify({
    id,
    type: 'charge.settled',
    created_at: new Date().toISOString(),
    data: { ref: 'ch_unknown', idempotency_key: 'att_x', status: 'settled' },
  });
const send = (body: string, { to = path, by = secret, at = new Date() } = {}) =>
  api.send('post', to, { body, headers: { 'sandbox-signature': signCallback(body, [by], at) } });

test('a callback about a charge nobody knows is kept, once, and answered 200 each time', async () => {
  const body = callback('gevt_1');
  expect([(await send(body)).status, (await send(body)).status]).toEqual([200, 200]);
  expect(await rows(sql`select event_id, status, tenant_id from gateway_events`)).toEqual([
    { event_id: 'gevt_1', status: 'unmatched', tenant_id: tenantId },
  ]);
});

test('a signature by another secret, of another body, or of another time is refused', async () => {
  const body = callback('gevt_2');
  const replies = [
    await send(body, { by: 'another secret' }),
    await send(body, { at: new Date(Date.now() - 301_000) }),
    await api.send('post', path, { body }),
    await api.send('post', path, {
      body: body.replace('gevt_2', 'gevt_3'),
      headers: { 'sandbox-signature': signCallback(body, [secret], new Date()) },
    }),
  ];
  for (const reply of replies)
    expect([reply.status, reply.body['code']]).toEqual([401, 'callback_signature_invalid']);
  expect(await rows(sql`select event_id from gateway_events where event_id <> 'gevt_1'`)).toEqual([]);
});

test('an address nobody has, another tenant, another gateway', async () => {
  const other = await api.tenant();
  const [theirs] = await rows(
    sql`select callback_token from gateway_connections where tenant_id = ${other.tenantId}`,
  );
  expect((await send(callback('gevt_4'), { to: '/gateways/sandbox/callbacks/guessed' })).status).toBe(404);
  expect((await send(callback('gevt_4'), { to: path.replace('sandbox', 'stripe') })).status).toBe(404);
  expect(
    (
      await send(callback('gevt_4'), {
        to: `/gateways/sandbox/callbacks/${String(theirs?.['callback_token'])}`,
      })
    ).status,
  ).toBe(401);
});

test('a body beyond 64 KB', async () => {
  expect((await send('x'.repeat(65_537))).status).toBe(413);
});
