import type { SimulationBody } from '../../src/contract/simulations.ts';

/**
 * Differences that were found, judged and told to whoever can mend them, and are still open: such lives are left out
 * until then. A reason says which finding it is.
 */
type Known = { reason: string; isIn: (body: SimulationBody) => boolean };

export const KNOWN: readonly Known[] = [
  {
    reason: 'a change of all items for the end of the period runs after it (model-9)',
    isIn: ({ catalogue, timeline }) => {
      const all = [...catalogue.plans, ...catalogue.add_ons].flatMap(({ prices }) => prices);
      const cadences = new Set(all.map(({ interval }) => interval && `${interval.count} ${interval.unit}`));
      cadences.delete(null);
      const waits = timeline.some(
        (one) => one.action === 'change' && (one.effective ?? 'period_end') === 'period_end',
      );
      return cadences.size > 1 && waits;
    },
  },
];

export const isKnown = (body: SimulationBody) => KNOWN.some(({ isIn }) => isIn(body));
