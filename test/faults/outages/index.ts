import type { Outage } from './outage.ts';

/** In the order in which `npm run faults -- outages` plays them. */
export const OUTAGES: readonly Outage[] = [];
