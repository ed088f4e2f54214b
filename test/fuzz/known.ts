import type { SimulationBody } from '../../src/contract/simulations.ts';
import { dayOf, startOfDay } from './naive-calendar.ts';

/**
 * Differences that were found, judged and told to whoever can mend them, and are still open: such lives are left out
 * until then. A reason says which finding it is.
 */
type Known = { reason: string; isIn: (body: SimulationBody) => boolean };

const subscribes = (body: SimulationBody) =>
  body.timeline.flatMap((action) => (action.action === 'subscribe' ? [action] : []));

export const KNOWN: readonly Known[] = [
  {
    reason: 'a cancellation at midnight does not bill its day (model-2)',
    isIn: ({ timeline, customer }) =>
      timeline.some((action) => {
        if (action.action !== 'cancel' || action.mode !== 'now') return false;
        const [at, zone] = [Date.parse(action.at), customer.time_zone ?? 'UTC'];
        return startOfDay(dayOf(at, zone), zone) === at;
      }),
  },
  {
    reason: 'usage billed in a trial is cut at its end although no boundary moves (model-4)',
    isIn: (body) =>
      subscribes(body).some(
        ({ trial_usage, billing_cycle, billing_anchor }) =>
          trial_usage === 'billed' && (billing_cycle === 'calendar' || billing_anchor !== undefined),
      ),
  },
  {
    reason: 'a commitment of a start in the past does not see what its own invoice bills (model-5)',
    isIn: (body) =>
      subscribes(body).some(({ start_at, at }) => start_at !== undefined && start_at < at) &&
      body.catalogue.plans.some(({ prices }) =>
        prices.some(({ terms }) => terms.model === 'minimum_commitment'),
      ),
  },
  {
    reason: 'what is paused when its trial ends cannot be resumed (model-6)',
    isIn: (body) =>
      subscribes(body).some(({ trial_days }) => trial_days !== undefined) &&
      body.timeline.some(({ action }) => action === 'pause'),
  },
  {
    reason: 'the credit of a fee that a minimum or maximum decided is taken from a rounded amount (model-7)',
    isIn: ({ catalogue, timeline }) =>
      timeline.some(({ action }) => action !== 'subscribe' && action !== 'use') &&
      [...catalogue.plans, ...catalogue.add_ons].some(({ prices }) =>
        prices.some(({ timing, minimum, maximum }) => timing === 'in_advance' && (minimum ?? maximum)),
      ),
  },
];

export const isKnown = (body: SimulationBody) => KNOWN.some(({ isIn }) => isIn(body));
