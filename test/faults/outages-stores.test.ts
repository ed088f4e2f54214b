import { expect, test } from '@jest/globals';
import type { Outage } from './outages/outage.ts';
import { POSTGRES_OUTAGES } from './outages/postgres.ts';
import { TEMPORAL_OUTAGES } from './outages/temporal.ts';
import { WORKER_OUTAGES } from './outages/worker.ts';

const STORES: readonly Outage[] = [...POSTGRES_OUTAGES, ...TEMPORAL_OUTAGES, ...WORKER_OUTAGES];

/** The others take a minute each even when they are short; `npm run faults -- outages` plays all of them. */
const PLAYED = ['postgres-crashed', 'temporal-killed', 'worker-absent'];

test.each(PLAYED)(
  '%s: short, it breaks no promise',
  async (name) => {
    const outage = STORES.find((candidate) => candidate.name === name);
    expect(await outage?.run({ short: true, say: () => {} })).toMatchObject({ broken: [] });
  },
  1_200_000,
);
