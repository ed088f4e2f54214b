import { finish, type InParts, playing, type Refused, type Simulated } from '../domain/simulate/simulate.ts';
import { locatedRefusal } from './locate-refusal.ts';
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
  const played = yield* playing(readSimulation(body, findStored, defaults));
  const simulated = { ...played, refused: played.refused.map((refused) => located(body, refused)) };
  if (body.strict) assertNothingRefused(simulated);
  return yield* presenting(simulated);
}

function located({ timeline }: SimulationBody, refused: Refused): Refused {
  const action = timeline[refused.index];
  return action ? { ...refused, error: locatedRefusal(refused.error, action, refused.index) } : refused;
}

function assertNothingRefused({ refused: [first] }: Simulated): void {
  if (first) throw first.error;
}
