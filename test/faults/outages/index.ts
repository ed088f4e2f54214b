import { CALLBACK_OUTAGES } from './callbacks.ts';
import { GATEWAY_OUTAGES } from './gateway.ts';
import { EVENT_OUTAGES } from './hostile-events.ts';
import { MUTATION_OUTAGES } from './mutations.ts';
import type { Outage } from './outage.ts';
import { POISON_OUTAGES } from './poison.ts';
import { POSTGRES_OUTAGES } from './postgres.ts';
import { RECEIVER_OUTAGES } from './receivers.ts';
import { TEMPORAL_OUTAGES } from './temporal.ts';
import { WORKER_OUTAGES } from './worker.ts';

/** In the order in which `npm run faults -- outages` plays them. */
export const OUTAGES: readonly Outage[] = [
  ...POSTGRES_OUTAGES,
  ...TEMPORAL_OUTAGES,
  ...WORKER_OUTAGES,
  ...GATEWAY_OUTAGES,
  ...CALLBACK_OUTAGES,
  ...RECEIVER_OUTAGES,
  ...POISON_OUTAGES,
  ...MUTATION_OUTAGES,
  ...EVENT_OUTAGES,
];
