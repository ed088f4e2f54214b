import { randomUUID } from 'node:crypto';
import { make, wanted } from '../outages/customers.ts';
import type { Stage } from '../stage.ts';
import type { Json } from './mutate.ts';

type Request = { path: string; body: Json };
type Makers = Record<string, () => Promise<Request>>;

const metadata = { tier: 'gold' };
const DAY_MS = 86_400_000;
/** So many rows keep an import busy until whoever steers it has done so. */
const ROWS = 30_000;

/** Requests that are accepted as they are, for events of use and for what counts them. */
export async function validUsage(stage: Stage): Promise<Makers> {
  const customer = await make(stage, '/v1/customers', { name: 'Ada' });
  const ago = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
  const amended = {
    event_name: 'request',
    customer_id: customer,
    timestamp: ago(1),
    properties: { region: 'eu', bytes: 5 },
  };
  const event = () => ({ idempotency_key: randomUUID(), ...amended });
  // A backfill that replaces what was used gives way to as many events as there are; a file brings very many.
  const importer = await make(stage, '/v1/customers', { name: 'Bob' });
  const imported = () => ({ ...event(), customer_id: importer });
  const counting = {
    aggregation: 'sum_product',
    property: 'bytes',
    factor_property: 'weight',
    filters: [{ property: 'region', values: ['eu', 'us'] }],
    group_by: ['region'],
    bucket: 'day',
    rounding: { mode: 'ceil', digits: 0 },
  };
  const meterOf = () => ({
    name: 'Bytes',
    external_id: randomUUID(),
    event_name: 'request',
    ...counting,
    metadata,
  });
  const meter = () => make(stage, '/v1/meters', meterOf());
  const sent = async () => {
    const one = event();
    wanted(await stage.http.insist('POST', '/v1/events', one), 'sending an event');
    return `/v1/events/${one.idempotency_key}`;
  };
  const featureOf = async () => ({
    name: 'Calls',
    external_id: randomUUID(),
    kind: 'metered',
    meter: await meter(),
    reset: 'month',
    metadata,
  });
  const feature = async () => make(stage, '/v1/features', await featureOf());
  const alertOf = async () => ({
    name: 'Many calls',
    kind: 'usage',
    meter: await meter(),
    customer,
    reset: 'month',
    thresholds: ['1000', '2000'],
    metadata,
  });
  const alert = async () => make(stage, '/v1/alerts', await alertOf());
  return {
    ingestEvents: async () => ({ path: '/v1/events', body: { events: [event(), event()] } }),
    amendUsageEvent: async () => ({ path: await sent(), body: { ...amended, note: 'mended' } }),
    deprecateUsageEvent: async () => ({ path: `${await sent()}/deprecate`, body: { note: 'a mistake' } }),
    createMeter: async () => ({ path: '/v1/meters', body: meterOf() }),
    updateMeter: async () => ({
      path: `/v1/meters/${await meter()}`,
      body: { name: 'Octets', external_id: randomUUID(), metadata },
    }),
    createMeterVersion: async () => ({ path: `/v1/meters/${await meter()}/versions`, body: counting }),
    archiveMeter: async () => ({ path: `/v1/meters/${await meter()}/archive`, body: {} }),
    createFeature: async () => ({ path: '/v1/features', body: await featureOf() }),
    updateFeature: async () => ({
      path: `/v1/features/${await feature()}`,
      body: { name: 'Requests', external_id: randomUUID(), metadata },
    }),
    archiveFeature: async () => ({ path: `/v1/features/${await feature()}/archive`, body: {} }),
    createAlert: async () => ({ path: '/v1/alerts', body: await alertOf() }),
    updateAlert: async () => ({
      path: `/v1/alerts/${await alert()}`,
      body: { name: 'Very many calls', thresholds: ['3000'], metadata },
    }),
    archiveAlert: async () => ({ path: `/v1/alerts/${await alert()}/archive`, body: {} }),
    ...collectors(stage, customer),
    ...imports(stage, imported),
    ...backfills(stage, customer, ago, event),
  };
}

function collectors(stage: Stage, customer: string): Makers {
  const mapping = {
    idempotency_key: ['/id', { constant: 'x' }],
    event_name: '/kind',
    customer_id: '/account',
    timestamp: '/at',
    timestamp_format: 'rfc3339',
    properties: { tokens: '/tokens', from: { constant: 'llm' } },
  };
  const signature = { scheme: 'hmac_sha256', header: 'x-signature' };
  const body = () => ({
    id: randomUUID(),
    kind: 'request',
    account: customer,
    at: new Date().toISOString(),
    tokens: 12,
  });
  const made = async (scheme = 'hmac_sha256') => {
    const terms = { name: 'LLM', mapping, signature: scheme === 'none' ? { scheme } : signature };
    return wanted(await stage.http.insist('POST', '/v1/collectors', terms), 'making a collector');
  };
  const collector = async () => `/v1/collectors/${String((await made())['id'])}`;
  const steered =
    (verb: string, more: Json = {}) =>
    async () => ({ path: `${await collector()}/${verb}`, body: more });
  return {
    createCollector: async () => ({
      path: '/v1/collectors',
      body: { name: 'LLM', mapping, signature, metadata },
    }),
    testCollector: async () => ({
      path: '/v1/collectors/test',
      body: { mapping, body: body(), headers: { 'x-id': '1' } },
    }),
    updateCollector: async () => ({
      path: await collector(),
      body: { name: 'Models', mapping, signature, metadata },
    }),
    enableCollector: steered('enable'),
    disableCollector: steered('disable'),
    rotateCollectorToken: steered('rotate_token', { previous_expires_in_hours: 1 }),
    rotateCollectorSecret: steered('rotate_secret', { previous_expires_in_hours: 1 }),
    receiveCollected: async () => ({
      path: new URL(String((await made('none'))['url'])).pathname,
      body: body(),
    }),
  };
}

function imports(stage: Stage, event: () => object): Makers {
  const path = '/v1/usage_imports?format=ndjson';
  const uploaded = async () => {
    const file = Array.from({ length: ROWS }, () => JSON.stringify(event())).join('\n');
    const headers = { authorization: `Bearer ${stage.apiKey}`, 'content-type': 'application/x-ndjson' };
    const response = await fetch(stage.apiUrl + path, { method: 'POST', headers, body: file });
    const { id } = (await response.json()) as { id: string };
    return `/v1/usage_imports/${id}`;
  };
  const paused = async () => {
    const place = await uploaded();
    wanted(await stage.http.insist('POST', `${place}/pause`, {}), 'pausing an import');
    return place;
  };
  return {
    createUsageImport: async () => ({ path, body: { ...event() } as Json }),
    pauseUsageImport: async () => ({ path: `${await uploaded()}/pause`, body: {} }),
    resumeUsageImport: async () => ({ path: `${await paused()}/resume`, body: {} }),
    cancelUsageImport: async () => ({ path: `${await paused()}/cancel`, body: {} }),
  };
}

function backfills(stage: Stage, customer: string, ago: (days: number) => string, event: () => Json): Makers {
  const terms = () => ({
    customer,
    event_names: ['request'],
    timeframe_start: ago(2),
    timeframe_end: ago(0.5),
    replace: true,
    note: 'counted twice',
    metadata,
  });
  const open = async () => `/v1/backfills/${await make(stage, '/v1/backfills', terms())}`;
  const closed = async () => {
    const place = await open();
    wanted(await stage.http.insist('POST', `${place}/close`, {}), 'closing a backfill');
    return place;
  };
  return {
    createBackfill: async () => ({ path: '/v1/backfills', body: terms() }),
    sendBackfillEvents: async () => ({
      path: `${await open()}/events`,
      body: { events: [event()] },
    }),
    closeBackfill: async () => ({ path: `${await open()}/close`, body: {} }),
    revertBackfill: async () => ({ path: `${await closed()}/revert`, body: {} }),
    cancelBackfill: async () => ({ path: `${await open()}/cancel`, body: {} }),
  };
}
