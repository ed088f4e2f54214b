import { describe, expect, test } from '@jest/globals';
import {
  EVENT_CATALOGUE,
  presentEvent,
  WEBHOOK_BODY_BYTES_MAX,
  webhookBody,
  webhookBodySchema,
} from '../../src/contract/events.ts';
import { API_VERSION, EVENT_TYPES, type Event } from '../../src/domain/event.ts';

const event = (changes: Partial<Event> = {}): Event => ({
  id: 'evt_01kaj3n6xve9ytv0w4s5h7m2pq',
  tenantId: 'ten_01kaj3n6xve9ytv0w4s5h7m2pq',
  position: '42',
  type: 'customer.updated',
  objectType: 'customer',
  objectId: 'cus_01kaj3n6xve9ytv0w4s5h7m2pq',
  sequence: 3,
  customerId: 'cus_01kaj3n6xve9ytv0w4s5h7m2pq',
  subscriptionId: null,
  invoiceId: null,
  apiVersion: API_VERSION,
  data: { object: customer, previous_attributes: { name: 'Acme' } },
  correlationId: 'req_1',
  causationId: null,
  createdAt: new Date('2027-01-31T00:00:00.000Z'),
  recordedAt: new Date('2027-01-31T00:00:00.123Z'),
  ...changes,
});

const customer = {
  object: 'customer',
  id: 'cus_01kaj3n6xve9ytv0w4s5h7m2pq',
  external_id: null,
  name: 'Acme Ltd',
  email: null,
  time_zone: null,
  currency: 'EUR',
  test_clock: null,
  metadata: {},
  deleted_at: null,
  created_at: '2027-01-01T00:00:00.000Z',
  updated_at: '2027-01-31T00:00:00.000Z',
};

describe('the catalogue', () => {
  test('knows every event type and makes a schema of each', () => {
    expect(Object.keys(EVENT_CATALOGUE).sort()).toEqual([...EVENT_TYPES].sort());
    for (const type of EVENT_TYPES) {
      const schema = webhookBodySchema(type);
      expect(schema.shape.type.value).toBe(type);
      expect(schema.shape.data.shape.object).toBeDefined();
    }
  });

  test('carries the object its name begins with', () => {
    for (const [type, [objectType]] of Object.entries(EVENT_CATALOGUE)) {
      if (type !== 'billing.cycle.closed') expect(type.split('.')[0]).toBe(objectType);
    }
  });

  test('refuses a body whose object is not what the type promises', () => {
    const schema = webhookBodySchema('customer.updated');
    expect(schema.safeParse(JSON.parse(webhookBody(event()))).success).toBe(true);
    const wrong = event({ data: { object: { ...customer, object: 'invoice' } } });
    expect(schema.safeParse(JSON.parse(webhookBody(wrong))).success).toBe(false);
  });
});

describe('a webhook body', () => {
  test('says what Standard Webhooks and the reference promise, and nothing else', () => {
    expect(JSON.parse(webhookBody(event()))).toEqual({
      id: 'evt_01kaj3n6xve9ytv0w4s5h7m2pq',
      type: 'customer.updated',
      api_version: API_VERSION,
      created_at: '2027-01-31T00:00:00.000Z',
      sequence: 3,
      data: { object: customer, previous_attributes: { name: 'Acme' } },
    });
  });

  test('has the same bytes whenever it is made, before and after the event has its position', () => {
    expect(webhookBody(event())).toBe(webhookBody(event({ position: null, recordedAt: new Date() })));
  });

  test('leaves out the lines of a very long invoice and says so', () => {
    const lines = Array.from({ length: 300 }, (_, n) => ({ description: `line ${n} ${'ü'.repeat(100)}` }));
    const long = webhookBody(
      event({ type: 'invoice.finalized', data: { object: { id: 'inv_1', total: '9', lines } } }),
    );
    expect(JSON.parse(long)).toMatchObject({
      truncated: true,
      data: { object: { id: 'inv_1', total: '9' } },
    });
    expect(JSON.parse(long).data.object).not.toHaveProperty('lines');
  });

  test('counts bytes, not characters', () => {
    const ofBytes = (text: string) => webhookBody(event({ data: { object: { lines: text } } }));
    expect(ofBytes('a'.repeat(15_000))).not.toContain('truncated');
    expect(ofBytes('ü'.repeat(15_000))).toContain('"truncated":true');
    expect(Buffer.byteLength(ofBytes('ü'.repeat(15_000)))).toBeLessThanOrEqual(WEBHOOK_BODY_BYTES_MAX);
  });
});

test('the feed shows an event with its place and its cause', () => {
  expect(presentEvent(event())).toMatchObject({
    object: 'event',
    position: '42',
    object_id: 'cus_01kaj3n6xve9ytv0w4s5h7m2pq',
    correlation_id: 'req_1',
    recorded_at: '2027-01-31T00:00:00.123Z',
  });
});
