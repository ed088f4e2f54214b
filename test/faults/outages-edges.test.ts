import { expect, test } from '@jest/globals';
import { CALLBACK_OUTAGES } from './outages/callbacks.ts';
import { GATEWAY_OUTAGES } from './outages/gateway.ts';
import { EVENT_OUTAGES } from './outages/hostile-events.ts';
import { MUTATION_OUTAGES } from './outages/mutations.ts';
import { POISON_OUTAGES } from './outages/poison.ts';
import { RECEIVER_OUTAGES } from './outages/receivers.ts';

/** Short versions of what `npm run faults -- outages` does at the edges: real processes, one stage after the other. */
const EDGES = [
  ...GATEWAY_OUTAGES,
  ...CALLBACK_OUTAGES,
  ...RECEIVER_OUTAGES,
  ...POISON_OUTAGES,
  ...MUTATION_OUTAGES,
  ...EVENT_OUTAGES,
];

test.each(EDGES.map((outage) => [outage.title, outage] as const))(
  '%s',
  async (_title, outage) => {
    const said: string[] = [];
    const { broken, times } = await outage.run({
      short: true,
      say: (line) => said.push(line),
      seed: 20261121,
    });
    expect({ broken, said: broken.length > 0 ? said : [] }).toEqual({ broken: [], said: [] });
    expect(times).toBeGreaterThan(0);
  },
  1_200_000,
);
