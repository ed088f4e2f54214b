import type { Say } from '../../../src/main/progress.ts';
import type { Trial } from '../report.ts';

/** Something that Perennial depends on goes wrong, heals again, and nothing was lost or done twice. */
export type Outage = {
  name: string;
  title: string;
  /** `short`: seconds instead of minutes and fewer subscriptions, for `npm test`. `seed` makes random choices again. */
  run(options: { short: boolean; say: Say; seed?: number }): Promise<Trial>;
};
