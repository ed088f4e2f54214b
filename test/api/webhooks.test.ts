import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { sql } from 'kysely';
import { createWebhookActivities } from '../../activities/webhooks.ts';
import { fanOut, leadRelay, placeEvents } from '../../src/persistence/relay.ts';
import { query } from '../../src/persistence/rows.ts';
import { createSafeSender } from '../../src/platform/safe-fetch.ts';
import { type Reply, startTestApi, type TestApi } from '../support/api.ts';
import { Receiver, seedEvents, verify } from '../support/webhooks.ts';

let api: TestApi;
let receiver: Receiver;
let key: string;
let tenantId: string;

beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});
beforeEach(async () => {
  ({ key, tenantId } = await api.tenant());
  receiver = await Receiver.start();
});
afterEach(() => receiver[Symbol.asyncDispose]());

const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  api.send('post', path, { key, body, headers });
const get = (path: string) => api.send('get', path, { key });

async function makeEndpoint(body: Record<string, unknown> = {}) {
  const made = await post('/v1/webhook_endpoints', { url: receiver.url, ...body });
  expect([made.status, made.body['code']]).toEqual([201, undefined]);
  return { id: String(made.body['id']), secret: String(made.body['secret']) };
}

/** What the worker process does, without waiting for it: place, owe, send. */
async function work(endpointId: string): Promise<void> {
  await relay();
  await using sender = createSafeSender({ allow: api.deps.webhookAllow, timeoutMs: 1_000 });
  const { database, vault, logger, metrics } = api.deps;
  const { drainEndpoint } = createWebhookActivities({
    database,
    vault,
    sender,
    logger,
    metrics,
    random: () => 0,
  });
  await new MockActivityEnvironment().run(drainEndpoint, { tenantId, endpointId });
}

const relay = () =>
  api.database.asSystem('test', async (tx) => {
    if (await leadRelay(tx)) await fanOut(tx, await placeEvents(tx, 1_000), new Date());
  });

const dataOf = (reply: { body: Record<string, unknown> }) => reply.body['data'] as Shown[];
/** The fields that tests go on with are all strings. */
type Shown = Record<string, unknown> & Partial<Record<'id' | 'event' | 'position', string>>;

describe('webhook endpoints', () => {
  test('show their secret once, and never again', async () => {
    const { id, secret } = await makeEndpoint({
      event_types: ['invoice.paid', 'invoice.paid'],
      description: 'books',
    });
    expect(secret).toMatch(/^whsec_/);
    const shown = await get(`/v1/webhook_endpoints/${id}`);
    expect(shown.body).toMatchObject({
      event_types: ['invoice.paid'],
      description: 'books',
      status: 'enabled',
    });
    await post(`/v1/webhook_endpoints/${id}/disable`);
    await relay();
    const events = await get('/v1/webhook_events');
    expect(dataOf(events)).toHaveLength(1);
    for (const { text } of [shown, await get('/v1/webhook_endpoints'), events]) {
      expect(text).not.toContain('whsec_');
      expect(text).not.toContain(secret.replace('whsec_', ''));
    }
  });

  test('keep the secret sealed in the database, also in the stored answer, which still replays', async () => {
    const headers = { 'idempotency-key': 'create-1' };
    const first = await post('/v1/webhook_endpoints', { url: receiver.url }, headers);
    const again = await post('/v1/webhook_endpoints', { url: receiver.url }, headers);
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(dataOf(await get('/v1/webhook_endpoints'))).toHaveLength(1);

    const bare = String(first.body['secret']).replace('whsec_', '');
    const stored = await api.database.asSystem('test', (tx) =>
      query<{ row: string }>(
        tx,
        sql`select to_jsonb(w)::text as row from webhook_endpoints w where tenant_id = ${tenantId}
          union all select to_jsonb(k)::text from idempotency_keys k where tenant_id = ${tenantId}`,
      ),
    );
    expect(stored).toHaveLength(2);
    for (const { row } of stored) expect(row).not.toContain(bare);
  });

  test('are changed, listed by state and deleted', async () => {
    const { id } = await makeEndpoint();
    const changed = await api.send('patch', `/v1/webhook_endpoints/${id}`, {
      key,
      body: { description: 'mine', event_types: ['customer.created'], metadata: { a: '1' } },
    });
    expect(changed.body).toMatchObject({
      description: 'mine',
      event_types: ['customer.created'],
      metadata: { a: '1' },
    });
    expect(dataOf(await get('/v1/webhook_endpoints?status=disabled'))).toEqual([]);
    const gone = await api.send('delete', `/v1/webhook_endpoints/${id}`, { key });
    expect(gone.body).toEqual({ object: 'webhook_endpoint', id, deleted: true });
    expect((await get(`/v1/webhook_endpoints/${id}`)).status).toBe(404);
    expect((await api.send('delete', `/v1/webhook_endpoints/${id}`, { key })).status).toBe(404);
  });

  test.each([
    ['a private address', 'https://10.0.0.1/'],
    ['metadata', 'https://169.254.169.254/latest'],
    ['plain http to the world', 'http://8.8.8.8/'],
    ['another protocol', 'ftp://8.8.8.8/'],
    ['no URL', 'nonsense'],
    ['a password', 'https://a:b@8.8.8.8/'],
    ['a name that does not resolve', 'https://nothing.invalid/'],
  ])('refuse %s and change nothing', async (_, url) => {
    const refused = await post('/v1/webhook_endpoints', { url });
    expect([refused.status, refused.body['code']]).toEqual([422, 'webhook_url_not_allowed']);
    expect(refused.body['errors']).toMatchObject([{ path: 'url', message: expect.stringMatching(/\.$/) }]);
    expect(dataOf(await get('/v1/webhook_endpoints'))).toEqual([]);
    const { id } = await makeEndpoint();
    const patched = await api.send('patch', `/v1/webhook_endpoints/${id}`, { key, body: { url } });
    expect(patched.status).toBe(422);
    expect((await get(`/v1/webhook_endpoints/${id}`)).body['url']).toBe(receiver.url);
  });

  test('refuse unknown types and fields, all of them named', async () => {
    const refused = await post('/v1/webhook_endpoints', {
      url: receiver.url,
      event_types: ['invoice.eaten'],
      colour: 1,
    });
    expect(refused.status).toBe(422);
    const paths = (refused.body['errors'] as { path: string }[]).map(({ path }) => path).sort();
    expect(paths).toEqual(['colour', 'event_types[0]']);
  });

  test('are at most 16, also when they are asked for at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, () => post('/v1/webhook_endpoints', { url: receiver.url })),
    );
    expect(made.filter(({ status }) => status === 201)).toHaveLength(16);
    expect(made.filter(({ body }) => body['code'] === 'too_many_endpoints')).toHaveLength(4);
  });

  test('of another tenant do not exist, whatever is asked of them', async () => {
    const { id } = await makeEndpoint();
    await seedEvents(api.database, tenantId, 1);
    await work(id);
    const [delivery] = dataOf(await get('/v1/deliveries'));
    const [event] = dataOf(await get('/v1/webhook_events'));
    const stranger = (await api.tenant()).key;
    const asked = [
      ['get', `/v1/webhook_endpoints/${id}`],
      ['patch', `/v1/webhook_endpoints/${id}`],
      ['delete', `/v1/webhook_endpoints/${id}`],
      ...['disable', 'enable', 'rotate_secret', 'test'].map((verb) => [
        'post',
        `/v1/webhook_endpoints/${id}/${verb}`,
      ]),
      ['get', `/v1/deliveries/${delivery?.id}`],
      ['post', `/v1/deliveries/${delivery?.id}/resend`],
      ['get', `/v1/webhook_events/${event?.id}`],
    ] as [string, string][];
    for (const [method, path] of asked) {
      const body = method === 'get' || method === 'delete' ? {} : { body: {} };
      const reply = await api.send(method, path, { key: stranger, ...body });
      expect([method, path, reply.status]).toEqual([method, path, 404]);
    }
    for (const path of [
      '/v1/webhook_endpoints',
      '/v1/deliveries',
      '/v1/webhook_events',
      '/v1/webhook_events?after=0',
    ]) {
      expect(dataOf(await api.send('get', path, { key: stranger }))).toEqual([]);
    }
  });
});

describe('a test, a rotation, a resend', () => {
  test('a test reaches only the endpoint that was asked', async () => {
    await using other = await Receiver.start();
    const bystander = await makeEndpoint({ url: other.url });
    const { id, secret } = await makeEndpoint({ event_types: ['invoice.paid'] });
    const asked = await post(`/v1/webhook_endpoints/${id}/test`);
    expect([asked.status, asked.body['status'], asked.body['endpoint']]).toEqual([201, 'pending', id]);
    await work(id);
    await work(bystander.id);
    expect(receiver.said).toMatchObject([{ type: 'webhook_endpoint.test', data: { object: { id } } }]);
    if (receiver.received[0]) verify(secret, receiver.received[0]);
    expect(other.received).toEqual([]);
    const shown = await get(`/v1/deliveries/${String(asked.body['id'])}`);
    expect(shown.body).toMatchObject({
      status: 'delivered',
      attempt_count: 1,
      attempts: [{ n: 1, status: 200, response_excerpt: 'ok' }],
    });
  });

  test('a rotation signs with both secrets, or at once with the new one only', async () => {
    const { id, secret } = await makeEndpoint();
    const rotated = await post(`/v1/webhook_endpoints/${id}/rotate_secret`);
    const next = String(rotated.body['secret']);
    const endsInMs = Date.parse(String(rotated.body['previous_secret_expires_at'])) - Date.now();
    expect(Math.round(endsInMs / 3_600_000)).toBe(24);
    await post(`/v1/webhook_endpoints/${id}/test`);
    await work(id);
    const [both] = receiver.received;
    if (!both) throw new Error('nothing was received');
    verify(secret, both);
    verify(next, both);
    const last = await post(`/v1/webhook_endpoints/${id}/rotate_secret`, { previous_expires_in_hours: 0 });
    await post(`/v1/webhook_endpoints/${id}/test`);
    await work(id);
    const [, single] = receiver.received;
    if (!single) throw new Error('nothing was received');
    verify(String(last.body['secret']), single);
    expect(() => verify(next, single)).toThrow('No matching signature');
  });

  test('a resend sends the same event anew', async () => {
    const { id } = await makeEndpoint();
    await seedEvents(api.database, tenantId, 1);
    await work(id);
    const [delivery] = dataOf(await get(`/v1/deliveries?endpoint=${id}&status=delivered`));
    const resent = await post(`/v1/deliveries/${delivery?.id}/resend`);
    expect(resent.body).toMatchObject({ status: 'pending', event: delivery?.['event'] });
    await work(id);
    expect(new Set(receiver.said.map((said) => said.id)).size).toBe(1);
    expect(receiver.received).toHaveLength(2);
  });
});

describe('disabled', () => {
  test('an endpoint gets nothing, tells the others, and catches up when it is enabled with replay_from', async () => {
    await using watcher = await Receiver.start();
    const witness = await makeEndpoint({ url: watcher.url, event_types: ['webhook_endpoint.disabled'] });
    const { id } = await makeEndpoint({ event_types: ['customer.updated'] });
    await seedEvents(api.database, tenantId, 1);
    await relay();
    const disabled = await post(`/v1/webhook_endpoints/${id}/disable`);
    expect(disabled.body).toMatchObject({ status: 'disabled', disabled_reason: 'manual' });
    await seedEvents(api.database, tenantId, 1);
    await work(id);
    expect(receiver.received).toEqual([]);
    await work(witness.id);
    expect(watcher.said).toMatchObject([{ type: 'webhook_endpoint.disabled', data: { object: { id } } }]);

    const [dead] = dataOf(await get(`/v1/deliveries?endpoint=${id}`));
    expect(dead).toMatchObject({ status: 'dead', last_error: expect.stringMatching(/disabled/) });
    for (const path of [`/v1/webhook_endpoints/${id}/test`, `/v1/deliveries/${dead?.id}/resend`]) {
      const refused = await post(path);
      expect([refused.status, refused.body['code']]).toEqual([409, 'webhook_endpoint_disabled']);
    }
    const from = new Date(Date.now() - 60_000).toISOString();
    const enabled = await post(`/v1/webhook_endpoints/${id}/enable`, { replay_from: from });
    expect(enabled.body).toMatchObject({ status: 'enabled', disabled_reason: null, disabled_at: null });
    await work(id);
    expect(receiver.received).toHaveLength(2);
  });

  test('twice is once: one event, and enabling what is enabled changes nothing', async () => {
    const { id } = await makeEndpoint();
    await post(`/v1/webhook_endpoints/${id}/enable`);
    await post(`/v1/webhook_endpoints/${id}/disable`);
    await post(`/v1/webhook_endpoints/${id}/disable`);
    await relay();
    expect(dataOf(await get('/v1/webhook_events?type=webhook_endpoint.disabled'))).toHaveLength(1);
  });
});

describe('events', () => {
  test('are a feed that can be read page by page without missing one, and a list backwards', async () => {
    const customerId = await seedEvents(api.database, tenantId, 7);
    await seedEvents(api.database, tenantId, 1, { type: 'customer.created' });
    await relay();
    const seen: string[] = [];
    let after = '0';
    for (;;) {
      const page = dataOf(await get(`/v1/webhook_events?after=${after}&limit=3&object_id=${customerId}`));
      const last = page.at(-1);
      if (!last) break;
      seen.push(...page.map((event) => String(event['sequence'])));
      after = String(last['position']);
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5', '6', '7']);

    const byCursor: unknown[] = [];
    let cursor: string | null = '';
    do {
      const page: Reply = await get(
        `/v1/webhook_events?type=customer.updated&limit=3${cursor ? `&cursor=${cursor}` : ''}`,
      );
      byCursor.push(...dataOf(page).map((event) => event['sequence']));
      cursor = page.body['next_cursor'] as string | null;
    } while (cursor);
    expect(byCursor).toEqual([7, 6, 5, 4, 3, 2, 1]);

    const forward = await get('/v1/webhook_events?after=0&limit=5');
    const rest = await get(
      `/v1/webhook_events?after=0&limit=5&cursor=${String(forward.body['next_cursor'])}`,
    );
    expect(dataOf(forward).length + dataOf(rest).length).toBe(8);
    expect(rest.body).toMatchObject({ has_more: false, next_cursor: null });
  });

  test('refuse a position, a type or a cursor that cannot be', async () => {
    for (const asked of [
      'after=-1',
      'after=1e9',
      'after=99999999999999999999',
      'type=nothing',
      'cursor=abc',
      'limit=0',
    ]) {
      const refused = await get(`/v1/webhook_events?${asked}`);
      expect([asked, refused.status, refused.body['code']]).toEqual([asked, 422, 'validation_failed']);
    }
    expect((await get('/v1/webhook_events/evt_nothing')).status).toBe(404);
  });
});
