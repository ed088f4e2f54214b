/** What all sides of the ingest bench send and store: the same events, made of a number. */
export type Batch = { prefix: string; from: number; count: number; customers: readonly string[] };

const REGIONS = ['eu-central', 'eu-west', 'us-east', 'us-west', 'ap-south'];
const SPREAD_MS = 3_600_000;

export type BenchEvent = {
  idempotency_key: string;
  event_name: string;
  customer_id: string;
  timestamp: string;
  properties: { region: string; bytes: number; cached: boolean };
};

/** Event `n` of a round, dated somewhere in the hour before `nowMs`. Nothing in it is random. */
export function eventOf(prefix: string, n: number, customers: readonly string[], nowMs: number): BenchEvent {
  return {
    // Looks like what a caller would take: unordered, and long enough to be unique.
    idempotency_key: `${prefix}-${((n * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0')}-${n}`,
    event_name: 'request',
    customer_id: customers[n % customers.length] ?? '',
    timestamp: new Date(nowMs - ((n * 7_919) % SPREAD_MS)).toISOString(),
    properties: { region: REGIONS[n % REGIONS.length] ?? '', bytes: (n * 31) % 100_000, cached: n % 3 === 0 },
  };
}

export function eventsOf({ prefix, from, count, customers }: Batch, nowMs: number): BenchEvent[] {
  return Array.from({ length: count }, (_, index) => eventOf(prefix, from + index, customers, nowMs));
}
