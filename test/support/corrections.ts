import { expect } from '@jest/globals';
import { sql } from 'kysely';
import { countUsage } from '../../src/persistence/count-usage.ts';
import { query } from '../../src/persistence/rows.ts';
import { type Reply, startTestApi, type TestApi } from './api.ts';
import { ruleOf } from './usage.ts';

/** The API of one tenant who sends events, says other things of them, and is told what they come to. */
export type CorrectionsApi = AsyncDisposable & {
  database: TestApi['database'];
  tenantId: string;
  get(path: string): Promise<Reply>;
  post(path: string, body?: unknown): Promise<Reply>;
  put(path: string, body: unknown): Promise<Reply>;
  newCustomer(): Promise<string>;
  /** Sends events, all of which have to be accepted. */
  send(...events: object[]): Promise<void>;
  lateWindow(days: number): Promise<void>;
  /** What a meter that adds up `n` counts for a customer, now or as it was seen then. */
  total(customer: string, snapshot?: string): Promise<{ n: string; snapshot: string }>;
  n(customer: string): Promise<string>;
};

export async function openCorrectionsApi(): Promise<CorrectionsApi> {
  const api = await startTestApi();
  const { tenantId, key } = await api.tenant();
  const post = (path: string, body: unknown = {}) => api.send('post', path, { key, body });
  const total = async (customer: string, snapshot?: string) => {
    const question = {
      customerId: customer,
      subscription: null,
      start: new Date(ago(24 * 60)),
      end: new Date(ago(-1)),
      timeZone: 'UTC',
      ...(snapshot === undefined ? {} : { snapshot }),
    };
    const counted = await api.database.withTenant(tenantId, (tx) =>
      countUsage(tx, ruleOf(tenantId, 'sum', { property: 'n' }), question),
    );
    return { n: counted.quantity.toFixed(), snapshot: counted.snapshot };
  };
  return {
    database: api.database,
    tenantId,
    get: (path) => api.send('get', path, { key }),
    post,
    put: (path, body) => api.send('put', path, { key, body }),
    newCustomer: async () => String((await post('/v1/customers', { name: 'Ada' })).body['id']),
    async send(...events) {
      const reply = await post('/v1/events', { events });
      expect(reply.body).toMatchObject({ accepted: events.length });
    },
    async lateWindow(days) {
      await api.database.asSystem('another window', (tx) =>
        query(tx, sql`update tenants set late_window_days = ${days} where id = ${tenantId}`),
      );
    },
    total,
    n: async (customer) => (await total(customer)).n,
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  };
}

const HOUR_MS = 3_600_000;
export const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();

export type Sent = { n: number; customer: string; at?: string; name?: string };
export const event = (idempotencyKey: string, { n, customer, at = ago(2), name = 'call' }: Sent) => ({
  idempotency_key: idempotencyKey,
  event_name: name,
  customer_id: customer,
  timestamp: at,
  properties: { n },
});

/** What an event becomes. */
export const amended = (sent: Sent, note?: string) => {
  const { idempotency_key: _key, ...said } = event('', sent);
  return { ...said, ...(note ? { note } : {}) };
};
