import { finish, type InParts, playing, type Simulated } from '../domain/simulate/simulate.ts';
import { presenting } from './present-simulation.ts';
import { readSimulation, type SimulationDefaults } from './read-simulation.ts';
import type { FindStored } from './simulated-catalogue.ts';
import type { SimulationAnswer, SimulationBody } from './simulations.ts';

/**
 * A simulation from its body to its answer. Throws `validation_failed` for what it cannot be, `simulation_too_large` for
 * what would not end in time, and with `strict` the first refusal of an action, with the action's place in `details`.
 */
export function runSimulation(
  body: SimulationBody,
  findStored: FindStored,
  defaults: SimulationDefaults,
): SimulationAnswer {
  return finish(runningSimulation(body, findStored, defaults));
}

/** The same, with pauses for whoever has others to look after. */
export function* runningSimulation(
  body: SimulationBody,
  findStored: FindStored,
  defaults: SimulationDefaults,
): InParts<SimulationAnswer> {
  const simulated = yield* playing(readSimulation(body, findStored, defaults));
  if (body.strict) assertNothingRefused(simulated);
  return yield* presenting(simulated);
}

function assertNothingRefused({ refused: [first] }: Simulated): void {
  if (!first) return;
  const { error, index } = first;
  error.details['action'] = index;
  throw error;
}
