import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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

describe('a rotated secret', () => {
  const rotate = (body: object) =>
    api.send('post', `/v1/tenants/${tenantId}/gateways/sandbox/rotate_secret`, {
      key: api.operatorKey,
      body,
    });
  const secretNow = async () => {
    const [connection] = await rows(sql`select * from gateway_connections where tenant_id = ${tenantId}`);
    return api.deps.vault.open(String(connection?.['secret_sealed']), {
      tenantId,
      column: 'gateway_connections.secret',
      rowId: String(connection?.['id']),
    });
  };
  const answered = async (id: string, by: string) => (await send(callback(id), { by })).status;

  test('is good beside its former one while that lasts, and alone afterwards', async () => {
    const former = secret;
    const made = await rotate({ previous_expires_in_hours: 1 });
    expect([made.status, made.body]).toMatchObject([
      200,
      { gateway: 'sandbox', tenant: tenantId, previous_secret_expires_at: expect.any(String) },
    ]);
    secret = await secretNow();
    expect(made.text).not.toContain(secret);
    expect([await answered('gevt_5', former), await answered('gevt_6', secret)]).toEqual([200, 200]);

    await rows(
      sql`update gateway_connections set previous_secret_expires_at = now() - interval '1 second' where tenant_id = ${tenantId}`,
    );
    expect([await answered('gevt_7', former), await answered('gevt_8', secret)]).toEqual([401, 200]);
  });

  test('can end its former one at once, and what was refused is counted', async () => {
    const former = secret;
    expect((await rotate({ previous_expires_in_hours: 0 })).body).toMatchObject({
      previous_secret_expires_at: null,
    });
    secret = await secretNow();
    const refused = async () => {
      const { values } = await api.deps.metrics.gatewayCallbacks.get();
      return values.find(({ labels }) => labels.outcome === 'refused')?.value ?? 0;
    };
    const before = await refused();
    expect([await answered('gevt_9', former), await answered('gevt_10', secret)]).toEqual([401, 200]);
    expect(await refused()).toBe(before + 1);
  });
});
